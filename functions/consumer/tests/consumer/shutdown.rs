//! On shutdown, entries that are still being gathered are left to the queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use consumer::Consumer;
use shared::config::BatchConfig;
use shared::error::Result;
use shared::queue::{self, Batch, Queue};

use crate::support::{BATCHING, Backends, entry, ready_as_inner, run};

/// A queue consumer that notes whether anything has been polled.
struct PollRecorder {
    has_polled: AtomicBool,
    inner: Arc<dyn queue::Consumer>,
}

ready_as_inner!(PollRecorder);

#[async_trait]
impl queue::Consumer for PollRecorder {
    async fn poll(&self) -> Result<Batch> {
        let batch = self.inner.poll().await;
        self.has_polled.store(true, Ordering::SeqCst);
        batch
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        self.inner.commit(batch).await
    }
}

#[tokio::test]
async fn a_partly_gathered_batch_is_left_to_the_queue_on_shutdown() {
    let directory = tempfile::tempdir().unwrap();
    let backends = Backends::open(&directory).await;
    let entry = entry(1);
    backends.publish(&entry.to_json()).await;
    let recorder = Arc::new(PollRecorder {
        has_polled: AtomicBool::new(false),
        inner: backends.queue.consumer.clone(),
    });
    let queue = Queue { consumer: recorder.clone(), ..backends.queue.clone() };
    let batching = BatchConfig { max_wait: Duration::from_hours(1), ..BATCHING };
    let (store, index) = (backends.store.clone(), backends.index.clone());

    let consumer = Consumer::new(&queue, store, index, batching);
    run(consumer, async || recorder.has_polled.load(Ordering::SeqCst)).await;
    assert!(!backends.is_stored(&entry).await);
    drop((queue, recorder, backends));

    let reopened = Backends::open(&directory).await;
    run(reopened.consumer(), async || reopened.is_stored(&entry).await).await;
    assert_eq!(reopened.indexed().await, [entry]);
}
