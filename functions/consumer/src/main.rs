//! Runs the consumer as a separate process, lists and replays dead letters, or rebuilds the index.

mod reindex;

use std::io;
use std::process::ExitCode;

use anyhow::Context;
use consumer::{Consumer, dead_letters};
use shared::config::{
    BatchConfig, HttpConfig, IndexConfig, QueueConfig, StoreConfig, check, help, load,
};
use shared::process::{self, Command, Program};
use shared::{http, index, queue, store};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: "consumer",
    about: "LogPulse consumer: stores and indexes log entries from the queue",
    settings: &[help::QUEUE_URL, help::STORE_URL, help::INDEX_URL, help::INDEX_ATTRIBUTES_MAX],
    config: &[
        check::<QueueConfig>,
        check::<StoreConfig>,
        check::<IndexConfig>,
        check::<BatchConfig>,
    ],
};

fn main() -> ExitCode {
    process::run(&PROGRAM, run)
}

async fn run(command: Command, shutdown: CancellationToken) -> anyhow::Result<()> {
    match command {
        Command::Serve => serve(shutdown).await,
        Command::DeadLetters(command) => {
            let queue = queue::open(load::<QueueConfig>()?.queue_url.expose()).await?;
            dead_letters::run(command, &queue, &mut io::stdout(), &mut io::stderr()).await
        }
        Command::Reindex(days) => reindex::run(days, &shutdown).await,
    }
}

async fn serve(shutdown: CancellationToken) -> anyhow::Result<()> {
    let queue = queue::open(load::<QueueConfig>()?.queue_url.expose()).await?;
    let store = store::open(load::<StoreConfig>()?.store_url.expose()).await?;
    let index = index::open(load::<IndexConfig>()?.url().expose()).await?;
    let consumer = Consumer::new(&queue, store, index, load()?);
    let function = consumer.function();
    let config = load::<HttpConfig>()?;
    let consuming = consumer.spawn(shutdown.clone(), shutdown.clone());
    http::serve(vec![function], &config, None, shutdown).await?;
    let finished = timeout(config.shutdown_timeout, consuming).await;
    finished.context("finishing the last batch")?.context("consuming")
}
