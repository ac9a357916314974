//! Follows the queue. Committed records are read too, while they are in the file.

use std::collections::BTreeMap;

use sqlx::SqlitePool;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::IDLE_POLL_INTERVAL;
use super::reader::{self, PARTITION};
use crate::queue::{Followed, Position, Record, Start};

/// The number of sets of records that are read ahead.
const AHEAD: usize = 2;

/// Starts to read records. `published` changes whenever some have been published.
pub(super) async fn follow(
    reader: &SqlitePool,
    published: watch::Receiver<()>,
    start: &Start,
) -> sqlx::Result<Followed> {
    let next = reader::next_offset(reader).await?;
    let first = reader::first_offset(reader).await?.map_or(next, |first| first.min(next));
    let from = match start {
        Start::Now => next,
        // The ids of entries may be older than their records, so this begins with the first one.
        Start::At(_) => first,
        Start::After(offsets) => offsets
            .get(&PARTITION)
            .map_or(first, |offset| offset.saturating_add(1).clamp(first, next)),
    };
    let (sender, records) = mpsc::channel(AHEAD);
    tokio::spawn(send_from(from, reader.clone(), published, sender));
    let [starts, ends] = [from, next].map(|offset| BTreeMap::from([(PARTITION, offset)]));
    Ok(Followed::new(starts, ends, records))
}

/// Sends the records from this offset on, until the receiver is dropped or the file cannot be read.
async fn send_from(
    mut from: i64,
    reader: SqlitePool,
    mut published: watch::Receiver<()>,
    sender: mpsc::Sender<Vec<(Position, Record)>>,
) {
    loop {
        published.mark_unchanged();
        let read = match reader::read_after(&reader, from - 1).await {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, "following the queue failed");
                return;
            }
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
                // Read again, whether records were published or the wait timed out.
                changed = timeout(IDLE_POLL_INTERVAL, published.changed()) => {
                    if matches!(changed, Ok(Err(_))) {
                        return;
                    }
                }
            }
        }
    }
}
