//! The common part of every `main`: command line, logs, runtime, signals and exit codes.
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | success, or stopped by SIGTERM or SIGINT after requests in flight have finished |
//! | 1 | failure |
//! | 2 | invalid command line |
//! | 78 | invalid setting |
//! | 130 | stopped immediately by a second signal |

mod command_line;
mod health;

use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

pub use command_line::{
    Command, DayRange, DeadLettersCommand, Program, ServeCommand, StandaloneCommand,
};

use crate::config::{self, Check, ConfigError, EX_CONFIG, HttpConfig, TelemetryConfig};
use crate::telemetry;
use command_line::CommandLine;

/// How long blocking tasks may continue after `main` has returned.
const BLOCKING_GRACE_PERIOD: Duration = Duration::from_secs(1);

/// The number of threads that run the tasks of a program that only serves. A second one would spend
/// most of its time on waking the first; replicas use the other processors. Work that takes long,
/// such as parsing a large body, has threads of its own.
const SERVING_THREADS: usize = 1;

/// The exit code after a second signal.
const EX_INTERRUPTED: i32 = 130;

/// Runs a program that only serves. The first SIGTERM or SIGINT cancels the token; the second one
/// ends the process immediately.
pub fn serve<F>(program: &Program, serve: impl FnOnce(CancellationToken) -> F) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let mut runtime = Builder::new_multi_thread();
    runtime.worker_threads(SERVING_THREADS);
    run_on(runtime, program, |ServeCommand::Serve, shutdown| serve(shutdown))
}

/// Runs a program with several commands. Parses the command line before reading any setting, so that
/// `--help` always works. Signals are handled as in [`serve`].
pub fn run<C, F>(program: &Program, main: impl FnOnce(C, CancellationToken) -> F) -> ExitCode
where
    C: clap::Subcommand + Default + PartialEq,
    F: Future<Output = anyhow::Result<()>>,
{
    run_on(Builder::new_multi_thread(), program, main)
}

fn run_on<C, F>(
    runtime: Builder,
    program: &Program,
    main: impl FnOnce(C, CancellationToken) -> F,
) -> ExitCode
where
    C: clap::Subcommand + Default + PartialEq,
    F: Future<Output = anyhow::Result<()>>,
{
    let command = match CommandLine::parse(program, std::env::args_os()) {
        Ok(CommandLine { health: true, .. }) => return health::check(),
        Ok(CommandLine { command, .. }) => command.unwrap_or_default(),
        Err(help_or_error) => {
            let _ = help_or_error.print();
            return ExitCode::from(u8::try_from(help_or_error.exit_code()).unwrap_or(1));
        }
    };
    if let Err(exit_code) = set_up(program, command == C::default()) {
        return exit_code;
    }
    match block_on(runtime, |shutdown| main(command, shutdown)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!("{error:#}");
            let invalid_setting = error.chain().any(<dyn std::error::Error>::is::<ConfigError>);
            ExitCode::from(if invalid_setting { EX_CONFIG } else { 1 })
        }
    }
}

/// Starts logging, and checks all settings if the program `serves`. Other commands check those that
/// they need.
///
/// # Errors
/// Returns the exit code after reporting every missing or invalid setting.
fn set_up(program: &Program, serves: bool) -> Result<(), ExitCode> {
    let logging = config::load();
    if let Ok(config) = &logging {
        telemetry::init(config);
    }
    let mut checks: Vec<Check> = vec![config::check::<TelemetryConfig>];
    if serves {
        checks.push(config::check::<HttpConfig>);
        checks.extend(program.config);
    }
    config::check_all(&checks).map_err(|error| {
        match logging {
            Ok(_) => error!("{error}"),
            Err(_) => {
                let _ = writeln!(io::stderr(), "{error}");
            }
        }
        ExitCode::from(EX_CONFIG)
    })
}

fn block_on<F>(
    mut runtime: Builder,
    main: impl FnOnce(CancellationToken) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let runtime = runtime.enable_all().build()?;
    let result = runtime.block_on(async { main(shutdown_signal()?).await });
    runtime.shutdown_timeout(BLOCKING_GRACE_PERIOD);
    result
}

/// Returns a token that the first SIGTERM or SIGINT cancels. The second signal ends the
/// process immediately.
fn shutdown_signal() -> io::Result<CancellationToken> {
    let shutdown = CancellationToken::new();
    let first = shutdown.clone();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        info!("shutting down; a second signal stops the process immediately");
        first.cancel();
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        warn!("second signal received; requests in flight are aborted");
        std::process::exit(EX_INTERRUPTED);
    });
    Ok(shutdown)
}
