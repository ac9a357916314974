//! Look at dead letters, and put them back on the queue once the reason is gone.
//! A dead letter that is put back and refused again becomes a new dead letter.

use std::io::Write;

use anyhow::Context;
use shared::Timestamp;
use shared::process::DeadLettersCommand;
use shared::queue::{DeadLetter, Queue, Record};

/// Letters that are read at a time.
const PAGE: usize = 16;

/// Carries out a command; what it finds goes to `out`.
///
/// # Errors
/// When the queue or `out` fails. What was replayed before stays replayed.
pub async fn run(
    command: DeadLettersCommand,
    queue: &Queue,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let started = Timestamp::now();
    let mut count = 0;
    let mut after = 0;
    loop {
        let mut page =
            queue.dead_letters.list(after, PAGE).await.context("reading dead letters")?;
        // What is replayed and refused again comes in at the end: once around is enough.
        let again = page.iter().position(|(_, dead_letter)| dead_letter.time > started);
        page.truncate(again.unwrap_or(page.len()));
        let Some((last, _)) = page.last() else { break };
        (after, count) = (*last, count + page.len());
        match command {
            DeadLettersCommand::List => list(&page, out)?,
            DeadLettersCommand::Replay => replay(page, after, queue).await?,
        }
    }
    if command == DeadLettersCommand::Replay {
        writeln!(out, "{count} dead letters are back on the queue")?;
    }
    Ok(())
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
    queue.producer.publish(records.collect()).await.context("putting dead letters back")?;
    queue.dead_letters.purge(last).await.context("deleting what was put back")
}
