//! The command line of every program: `serve` (the default), `--health`, `--help`, `--version`,
//! and, in programs that run the consumer, `dead-letters` and `reindex`. Standalone LogPulse also
//! has `backup` and `restore`.

mod day_range;

use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use self::day_range::DayRange;
use crate::config::Check;
use crate::config::help::{COMMON, Variable};

/// A program's description for `--help`.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// The name of the binary.
    pub name: &'static str,
    /// What the program does, in one sentence without a full stop.
    pub about: &'static str,
    /// The settings that operators of this program usually change, besides [`COMMON`].
    pub settings: &'static [Variable],
    /// Checks the settings that `serve` reads, besides those of logging and the HTTP server.
    pub config: &'static [Check],
}

/// The commands of a program that only serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Subcommand)]
pub enum ServeCommand {
    /// Serve until SIGTERM or SIGINT (the default command).
    #[default]
    Serve,
}

/// The commands of the consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Subcommand)]
pub enum Command {
    /// Serve until SIGTERM or SIGINT (the default command).
    #[default]
    Serve,
    /// List or replay dead letters: entries that could not be stored or indexed.
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Rebuild the index from the store, day by day, while the consumers run.
    Reindex(DayRange),
}

/// The commands of the standalone program.
#[derive(Debug, Clone, PartialEq, Eq, Default, Subcommand)]
pub enum StandaloneCommand {
    /// Serve until SIGTERM or SIGINT (the default command).
    #[default]
    Serve,
    /// List or replay dead letters: entries that could not be stored or indexed.
    #[command(subcommand)]
    DeadLetters(DeadLettersCommand),
    /// Rebuild the index from the store, while the server runs or when it next starts.
    Reindex,
    /// Back up the queue and the store to a directory, also while the server runs.
    Backup {
        /// The directory; if it has an earlier backup, only what has changed is copied.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
    /// Restore a backup to an empty data directory.
    Restore {
        /// The directory of the backup.
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

/// The commands for dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum DeadLettersCommand {
    /// Print each dead letter as a line of JSON with `reason`, `source`, `time` and `line`.
    List,
    /// Publish every dead letter to the queue again and remove it from the dead letters.
    Replay,
}

/// A parsed command line.
#[derive(Debug, Parser)]
#[command(version = crate::VERSION, args_conflicts_with_subcommands = true)]
pub(super) struct CommandLine<C: Subcommand> {
    #[command(subcommand)]
    pub(super) command: Option<C>,
    /// Exit 0 if the server on HOST and PORT is ready (a health check for containers).
    #[arg(long)]
    pub(super) health: bool,
}

impl<C: Subcommand> CommandLine<C> {
    /// Parses the arguments. The first one is the path of the binary.
    ///
    /// # Errors
    /// When the command line is invalid, or requests the help or the version. The error is the text
    /// to print.
    pub(super) fn parse(
        program: &Program,
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, clap::Error> {
        let mut command = Self::command()
            .name(program.name)
            .bin_name(program.name)
            .about(program.about)
            .after_help(after_help(program.settings));
        let mut matches = command.try_get_matches_from_mut(arguments)?;
        Self::from_arg_matches_mut(&mut matches)
    }
}

/// The part of `--help` below the options.
fn after_help(settings: &[Variable]) -> String {
    let mut help = "Environment:\n".to_owned();
    for Variable { name, meaning } in settings.iter().chain(&COMMON) {
        let _ = writeln!(help, "  {name:<20}  {meaning}");
    }
    help.push_str(
        "\nExit codes:\n  \
         0 success   1 failure   2 invalid command line   78 invalid setting\n\n\
         Documentation:\n  \
         README.md introduces LogPulse, .env lists every setting, and a running server\n  \
         documents its API at /docs.",
    );
    help
}
