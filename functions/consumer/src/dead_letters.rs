//! The commands that list dead letters, and replay them once their cause is fixed. A replayed line
//! that is refused again becomes a new dead letter.

use std::io::Write;

use anyhow::Context;
use shared::Timestamp;
use shared::process::DeadLettersCommand;
use shared::queue::{DeadLetter, Queue, Record};

/// The number of dead letters read at a time.
const PAGE_SIZE: usize = 16;

/// Runs a command. Its result goes to `out`; a note that there are no dead letters goes to `notes`,
/// so that `out` remains machine-readable.
///
/// # Errors
/// When the queue fails, or the output cannot be written. Pages replayed before the error are not
/// replayed again, unless deleting them failed.
pub async fn run(
    command: DeadLettersCommand,
    queue: &Queue,
    out: &mut impl Write,
    notes: &mut impl Write,
) -> anyhow::Result<()> {
    let count = for_each_page(command, queue, out).await?;
    match (command, count) {
        (_, 0) => writeln!(notes, "no dead letters")?,
        (DeadLettersCommand::List, _) => {}
        (DeadLettersCommand::Replay, 1) => writeln!(out, "replayed 1 dead letter")?,
        (DeadLettersCommand::Replay, _) => writeln!(out, "replayed {count} dead letters")?,
    }
    Ok(())
}

/// Runs the command page by page, and returns the number of dead letters listed or replayed.
async fn for_each_page(
    command: DeadLettersCommand,
    queue: &Queue,
    out: &mut impl Write,
) -> anyhow::Result<usize> {
    let started = Timestamp::now();
    let mut count = 0;
    let mut after = 0;
    loop {
        let mut page =
            queue.dead_letters.list(after, PAGE_SIZE).await.context("reading dead letters")?;
        if command == DeadLettersCommand::Replay {
            // A replayed line that is refused again is appended as a new dead letter. Stop there,
            // or it would be replayed in an endless loop.
            let newer = page.iter().position(|(_, dead_letter)| dead_letter.time > started);
            page.truncate(newer.unwrap_or(page.len()));
        }
        let Some((last, _)) = page.last() else { return Ok(count) };
        (after, count) = (*last, count + page.len());
        match command {
            DeadLettersCommand::List => list(&page, out)?,
            DeadLettersCommand::Replay => replay(page, after, queue).await?,
        }
    }
}

fn list(page: &[(i64, DeadLetter)], out: &mut impl Write) -> anyhow::Result<()> {
    for (_, dead_letter) in page {
        let line = serde_json::json!({
            "reason": dead_letter.reason,
            "source": dead_letter.source.to_string(),
            "time": dead_letter.time,
            "line": String::from_utf8_lossy(&dead_letter.line),
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

async fn replay(page: Vec<(i64, DeadLetter)>, last: i64, queue: &Queue) -> anyhow::Result<()> {
    let records =
        page.into_iter().map(|(_, dead_letter)| Record::from_bytes(dead_letter.line.into()));
    queue.producer.publish(records.collect()).await.context("publishing dead letters")?;
    queue.dead_letters.purge(last).await.context("deleting the replayed dead letters")
}
