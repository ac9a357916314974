//! Gathers polled records into batches.

use shared::config::BatchConfig;
use shared::queue::{Batch, Consumer};
use shared::retry::{backoff, pause};
use tokio::time::{Instant, sleep_until};

use crate::retry;

/// A batch of at least this size is full, regardless of the number of entries.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Polls until the batch is full or its deadline has passed. The batch is never empty.
pub(crate) async fn gather(queue: &dyn Consumer, limits: &BatchConfig) -> Batch {
    let mut batch = Batch::default();
    let mut deadline = Instant::now();
    let mut pauses = backoff();
    while batch.entries().len() < limits.max_entries && batch.bytes() < MAX_BYTES {
        let polled = tokio::select! {
            biased;
            // Poll before checking the deadline, which may have passed while all writers were busy
            // and records accumulated.
            polled = queue.poll() => polled,
            () = sleep_until(deadline), if !batch.is_empty() => break,
        };
        match polled {
            Ok(polled) => {
                if batch.is_empty() {
                    deadline = Instant::now() + limits.max_wait;
                }
                batch.append(polled);
                pauses = backoff();
            }
            Err(error) => {
                retry::log("poll", &error);
                pause(&mut pauses).await;
            }
        }
    }
    batch
}
