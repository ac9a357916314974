//! The function `consumer` as a process of its own: it consumes, and answers probes.
//! `consumer dead-letters list|replay` looks at what could not be stored, or puts it back.

use std::process::ExitCode;

use consumer::{Batching, Consumer, dead_letters};
use shared::config::{BatchConfig, IndexConfig, QueueConfig, StoreConfig, load};
use shared::{http, index, process, queue, store};
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    process::run(run)
}

async fn run(shutdown: CancellationToken) -> anyhow::Result<()> {
    let queue = queue::open(&load::<QueueConfig>()?.queue_url).await?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(command) = dead_letters::Command::parse(&words)? {
        return dead_letters::run(command, &queue, &mut std::io::stdout()).await;
    }
    let store = store::open(&load::<StoreConfig>()?.store_url).await?;
    let index = index::open(&load::<IndexConfig>()?.index_url).await?;
    let batch = load::<BatchConfig>()?;
    let batching = Batching { max_entries: batch.max_entries, max_wait: batch.max_wait };
    let consumer = Consumer::new(&queue, store, index, batching);
    let function = consumer.function();
    let config = load()?;
    let serving = http::serve(vec![function], &config, None, shutdown.clone());
    let (served, ()) = tokio::join!(serving, consumer.run(&shutdown));
    served
}
