//! `logpulse`: all functions in one process. `logpulse dead-letters list|replay` manages the
//! entries that could not be stored or indexed, `logpulse reindex` rebuilds the index from the
//! store, and `logpulse backup` and `logpulse restore` copy the queue and the store.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use consumer::dead_letters;
use shared::config::{
    BatchConfig, DeleteConfig, DiskConfig, HttpConfig, LimitsConfig, LogFormat, RateLimitConfig,
    RetentionConfig, StandaloneConfig, SyslogConfig, TelemetryConfig, check, help, load,
};
use shared::http;
use shared::intake::Limits;
use shared::process::{self, Program, StandaloneCommand};
use standalone::{
    Adapters, back_up, empty_logs, open_existing_queue, open_rate_limit, request_rebuild, restore,
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROGRAM: Program = Program {
    name: "logpulse",
    about: "LogPulse, a log server: ingests, stores and searches log entries over HTTP",
    settings: &[
        help::DATA_DIR,
        help::RETENTION,
        help::DISK_MIN_FREE,
        help::ON_LOW_DISK,
        help::INDEX_ATTRIBUTES_MAX,
        help::CORS_ALLOWED_ORIGINS,
        help::RATE_LIMIT_ENABLED,
        help::DELETE_ENABLED,
        help::SYSLOG_PORT,
    ],
    config: &[
        check::<StandaloneConfig>,
        check::<LimitsConfig>,
        check::<BatchConfig>,
        check::<DeleteConfig>,
        check::<RateLimitConfig>,
        check::<RetentionConfig>,
        check::<DiskConfig>,
        check::<SyslogConfig>,
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
        StandaloneCommand::Backup { directory } => {
            back_up(&config, directory, &shutdown, &mut io::stdout()).await
        }
        StandaloneCommand::Restore { directory } => {
            restore(&config, directory, &shutdown, &mut io::stdout()).await
        }
    }
}

async fn serve(config: &StandaloneConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    let http_config = load::<HttpConfig>()?;
    let rate_limit = open_rate_limit(config).await?;
    let adapters = Adapters::open(config).await?;
    let endpoint =
        http::endpoint(adapters.functions(&shutdown)?, &http_config, rate_limit, &shutdown)?;
    let listener = http::bind(&http_config).await?;
    let syslog = match load::<SyslogConfig>()?.syslog_port {
        Some(port) => Some(syslog::Listener::bind(&http_config.host, port).await?),
        None => None,
    };
    let consumer = adapters.consumer()?;
    if load::<TelemetryConfig>()?.log_format == LogFormat::Text {
        let syslog = syslog.as_ref().map(syslog::Listener::address).transpose()?;
        print_banner(listener.local_addr()?, syslog).context("writing to standard error")?;
    }

    // Requests in flight and syslog messages get one half of the shutdown timeout, and the
    // consumer's batches the other half.
    let half = http_config.shutdown_timeout / 2;
    let stop = CancellationToken::new();
    let rebuilding = adapters.spawn_rebuilds(consumer.batches(), stop.clone());
    let deleting = adapters.spawn_deletions(stop.clone())?;
    let keeping = adapters.spawn_keeper(stop.clone())?;
    let consuming = consumer.spawn(stop.clone(), shutdown.clone());
    tokio::try_join!(
        http::serve_on(listener, endpoint, half, shutdown.clone()),
        serve_syslog(syslog, &adapters, half, shutdown.clone()),
    )?;
    stop.cancel();
    let finished =
        timeout(half, async { tokio::try_join!(consuming, rebuilding, keeping, deleting) }).await;
    finished.context("finishing the last batch")?.context("running the consumer")?;
    if let Err(error) = empty_logs(config).await {
        tracing::warn!(error = format!("{error:#}"), "failed to empty the write-ahead logs");
    }
    Ok(())
}

/// Publishes syslog messages until shutdown, if `SYSLOG_PORT` is set.
async fn serve_syslog(
    listener: Option<syslog::Listener>,
    adapters: &Adapters,
    grace_period: Duration,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Some(listener) = listener else { return Ok(()) };
    listener.run(adapters.queue.producer.clone(), Limits::load()?, grace_period, shutdown).await
}

/// Prints the server's addresses and an example request. The log also contains the addresses.
fn print_banner(address: SocketAddr, syslog: Option<SocketAddr>) -> io::Result<()> {
    if let Some(syslog) = syslog {
        writeln!(io::stderr(), "LogPulse accepts syslog on {syslog} (TCP and UDP)")?;
    }
    writeln!(
        io::stderr(),
        "LogPulse is ready on http://{address}\n\
         explore logs   http://{address}/\n\
         documentation  http://{address}/docs\n\
         try it         curl -i http://{address}/logs -H 'Content-Type: application/json' \
         -d '{{\"service_name\": \"payment\", \"message\": \"card declined\"}}'"
    )
}
