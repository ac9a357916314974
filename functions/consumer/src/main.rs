//! The function `consumer` as a process of its own: it consumes, and answers probes.
//! `consumer dead-letters list|replay` looks at what could not be stored, or puts it back.

use std::process::ExitCode;

use anyhow::Context;
use consumer::{Consumer, dead_letters};
use shared::config::{HttpConfig, IndexConfig, QueueConfig, StoreConfig, load};
use shared::{http, index, process, queue, store};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    process::run(run)
}

async fn run(shutdown: CancellationToken) -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let command = dead_letters::Command::parse(&words)?;
    let queue = queue::open(load::<QueueConfig>()?.queue_url.expose()).await?;
    if let Some(command) = command {
        return dead_letters::run(command, &queue, &mut std::io::stdout()).await;
    }
    let store = store::open(load::<StoreConfig>()?.store_url.expose()).await?;
    let index = index::open(load::<IndexConfig>()?.index_url.expose()).await?;
    let consumer = Consumer::new(&queue, store, index, load()?);
    let function = consumer.function();
    let config = load::<HttpConfig>()?;
    let consuming = consumer.spawn(shutdown.clone(), shutdown.clone());
    http::serve(vec![function], &config, None, shutdown).await?;
    let finished = timeout(config.shutdown_timeout, consuming).await;
    finished.context("finishing the last batch")?.context("consuming")
}
