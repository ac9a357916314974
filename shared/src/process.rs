//! The frame of every `main`: telemetry, the runtime, signals, exit codes.
//! A wrong setting exits 78, any other failure 1, SIGTERM and SIGINT 0 after what is in flight.
//! With `--health` it only asks the process that serves beside it.

mod health;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::{self, ConfigError, EX_CONFIG};
use crate::telemetry;

/// How long blocking work may go on after `main` has ended.
const LAST_WORK: Duration = Duration::from_secs(1);

/// The exit code of a process that a second signal ended at once.
const ENDED_BY_SIGNAL: i32 = 130;

/// Runs `main` until it ends. The token is cancelled by the first SIGTERM or SIGINT; the second one
/// ends the process at once.
pub fn run<F>(main: impl FnOnce(CancellationToken) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    if std::env::args().skip(1).eq(["--health"]) {
        return health::check();
    }
    if let Err(error) = config::load().and_then(|config| telemetry::init(&config)) {
        // There is no log yet.
        let _ = writeln!(io::stderr(), "{error}");
        return ExitCode::from(EX_CONFIG);
    }
    match block_on(main) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            let wrong_setting = error.chain().any(<dyn std::error::Error>::is::<ConfigError>);
            ExitCode::from(if wrong_setting { EX_CONFIG } else { 1 })
        }
    }
}

fn block_on<F>(main: impl FnOnce(CancellationToken) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ended = runtime.block_on(async { main(shutdown_signal()?).await });
    runtime.shutdown_timeout(LAST_WORK);
    ended
}

/// A token that the first SIGTERM or SIGINT cancels; the second one exits the process at once.
///
/// # Errors
/// When the signals cannot be listened to.
pub fn shutdown_signal() -> io::Result<CancellationToken> {
    let shutdown = CancellationToken::new();
    let first = shutdown.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        info!("shutting down: a second signal ends the process at once");
        first.cancel();
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        warn!("a second signal: what is in flight is lost");
        std::process::exit(ENDED_BY_SIGNAL);
    });
    Ok(shutdown)
}
