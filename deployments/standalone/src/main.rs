//! `logpulse`: all functions in one process, and the consumer beside them.
//! `logpulse dead-letters list|replay` looks at what could not be stored, or puts it back.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use consumer::dead_letters;
use shared::config::{HttpConfig, StandaloneConfig, load};
use shared::{http, process};
use standalone::{Parts, open_queue, open_rate_limit};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    process::run(run)
}

async fn run(shutdown: CancellationToken) -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let config = load::<StandaloneConfig>()?;
    match dead_letters::Command::parse(&words)? {
        None => serve(&config, shutdown).await,
        Some(command) => {
            let queue = open_queue(&config).await?;
            dead_letters::run(command, &queue, &mut std::io::stdout()).await
        }
    }
}

async fn serve(config: &StandaloneConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    let http_config = load::<HttpConfig>()?;
    let parts = Parts::open(config).await?;
    let rate_limit = open_rate_limit(config).await?;
    let endpoint = http::endpoint(parts.functions()?, &http_config, rate_limit, &shutdown)?;
    let listener = http::bind(&http_config).await?;
    let consumer = parts.consumer()?;
    greet(&listener)?;

    // One half of the time is for requests in flight, the other for the batch that is held then.
    let half = http_config.shutdown_timeout / 2;
    let stop = CancellationToken::new();
    let consuming = consumer.spawn(stop.clone(), shutdown.clone());
    http::serve_on(listener, endpoint, half, shutdown).await?;
    stop.cancel();
    let finished = timeout(half, consuming).await;
    finished.context("finishing the last batch")?.context("consuming")
}

/// Says where to go.
fn greet(listener: &TcpListener) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    writeln!(
        std::io::stdout(),
        "LogPulse is ready on http://{address}\n\
         documentation  http://{address}/docs\n\
         try it         curl -i http://{address}/logs -H 'Content-Type: application/json' \
         -d '{{\"service_name\": \"payment\", \"message\": \"card declined\"}}'"
    )
    .context("writing to standard output")
}
