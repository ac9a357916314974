//! Reads along with the file's writer.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlx::SqlitePool;
use tokio::sync::mpsc;

use super::reader::{self, PARTITION};
use super::recent::Recent;
use crate::queue::{Followed, Position, Record, Start};

/// The number of sets of records that are read ahead.
const AHEAD: usize = 4;

/// Starts to read records.
pub(super) async fn follow(
    reader: &SqlitePool,
    recent: &Arc<Recent>,
    start: &Start,
) -> sqlx::Result<Followed> {
    let next = *recent.next().borrow();
    let from = match start {
        Start::Now => next,
        // The file does not record when a record was published.
        Start::At(_) => reader::first_offset(reader).await?.map_or(next, |first| first.min(next)),
        Start::After(offsets) => {
            offsets.get(&PARTITION).map_or(0, |offset| offset.saturating_add(1)).min(next)
        }
    };
    let (sender, records) = mpsc::channel(AHEAD);
    tokio::spawn(send_from(from, reader.clone(), Arc::clone(recent), sender));
    Ok(Followed::new(BTreeMap::from([(PARTITION, from)]), records))
}

/// Sends the records from this offset on, until the receiver is dropped or the file cannot be read.
async fn send_from(
    mut from: i64,
    reader: SqlitePool,
    recent: Arc<Recent>,
    sender: mpsc::Sender<Vec<(Position, Record)>>,
) {
    let mut next = recent.next();
    loop {
        next.mark_unchanged();
        let read = match recent.read(from) {
            Ok(read) => read,
            Err(first) => match reader::read_between(&reader, from, first).await {
                Ok(read) if read.is_empty() => {
                    from = first;
                    continue;
                }
                Ok(read) => read,
                Err(error) => {
                    tracing::warn!(%error, "following the queue failed");
                    return;
                }
            },
        };
        if let Some((last, _)) = read.last() {
            from = last + 1;
            let position = |offset| Position { partition: PARTITION, offset };
            let read = read.into_iter().map(|(offset, record)| (position(offset), record));
            if sender.send(read.collect()).await.is_err() {
                return;
            }
        } else {
            tokio::select! {
                () = sender.closed() => return,
                changed = next.changed() => if changed.is_err() { return },
            }
        }
    }
}
