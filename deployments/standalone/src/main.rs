//! `logpulse`: all functions in one process. `logpulse dead-letters list|replay` manages the
//! entries that could not be stored or indexed, and `logpulse reindex` rebuilds the index from the
//! store.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use consumer::dead_letters;
use shared::config::{
    BatchConfig, HttpConfig, LimitsConfig, LogFormat, RateLimitConfig, StandaloneConfig,
    TelemetryConfig, check, help, load,
};
use shared::http;
use shared::process::{self, Program, StandaloneCommand};
use standalone::{Parts, open_existing_queue, open_rate_limit, request_rebuild};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

const PROGRAM: Program = Program {
    name: "logpulse",
    about: "LogPulse, a log server: ingests, stores and searches log entries over HTTP",
    settings: &[
        help::DATA_DIR,
        help::INDEX_ATTRIBUTES_MAX,
        help::CORS_ALLOWED_ORIGINS,
        help::RATE_LIMIT_ENABLED,
    ],
    config: &[
        check::<StandaloneConfig>,
        check::<LimitsConfig>,
        check::<BatchConfig>,
        check::<RateLimitConfig>,
    ],
};

fn main() -> ExitCode {
    process::run(&PROGRAM, run)
}

async fn run(command: StandaloneCommand, shutdown: CancellationToken) -> anyhow::Result<()> {
    let config = load::<StandaloneConfig>()?;
    match command {
        StandaloneCommand::Serve => serve(&config, shutdown).await,
        StandaloneCommand::DeadLetters(command) => {
            let queue = open_existing_queue(&config).await?;
            dead_letters::run(command, &queue, &mut io::stdout(), &mut io::stderr()).await
        }
        StandaloneCommand::Reindex => request_rebuild(&config, &mut io::stdout()).await,
    }
}

async fn serve(config: &StandaloneConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    let http_config = load::<HttpConfig>()?;
    let rate_limit = open_rate_limit(config).await?;
    let parts = Parts::open(config).await?;
    let endpoint = http::endpoint(parts.functions()?, &http_config, rate_limit, &shutdown)?;
    let listener = http::bind(&http_config).await?;
    let consumer = parts.consumer()?;
    if load::<TelemetryConfig>()?.log_format == LogFormat::Text {
        print_banner(listener.local_addr()?).context("writing to standard error")?;
    }

    // Requests in flight get one half of the shutdown timeout, the consumer's batches the other.
    let half = http_config.shutdown_timeout / 2;
    let stop = CancellationToken::new();
    let rebuilding = parts.spawn_rebuilds(consumer.batches(), stop.clone());
    let consuming = consumer.spawn(stop.clone(), shutdown.clone());
    http::serve_on(listener, endpoint, half, shutdown).await?;
    stop.cancel();
    let finished = timeout(half, async { tokio::try_join!(consuming, rebuilding) }).await;
    finished.context("finishing the last batch")?.context("running the consumer")?;
    Ok(())
}

/// Prints the server's address and an example request. The log also contains the address.
fn print_banner(address: SocketAddr) -> io::Result<()> {
    writeln!(
        io::stderr(),
        "LogPulse is ready on http://{address}\n\
         documentation  http://{address}/docs\n\
         try it         curl -i http://{address}/logs -H 'Content-Type: application/json' \
         -d '{{\"service_name\": \"payment\", \"message\": \"card declined\"}}'"
    )
}
