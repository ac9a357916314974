//! The range of days that a command applies to.

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use crate::log_entry::Day;
use crate::store::IdRange;

/// The days of arrival from `--from` to `--to`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayRange {
    from: Option<Day>,
    to: Option<Day>,
}

impl DayRange {
    /// The ids of the entries that arrived on these days.
    #[must_use]
    pub fn ids(self) -> IdRange {
        IdRange::of_days(self.from, self.to)
    }
}

/// The options before they are validated together.
#[derive(Args)]
struct Options {
    /// First day of arrival in UTC, e.g. 2026-11-23 [default: the day of the first entry]
    #[arg(long, value_name = "DAY")]
    from: Option<Day>,
    /// Last day of arrival, inclusive [default: the day of the last entry]
    #[arg(long, value_name = "DAY")]
    to: Option<Day>,
}

impl FromArgMatches for DayRange {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Options { from, to } = Options::from_arg_matches(matches)?;
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            let message = format!("--from {from} is after --to {to}\n");
            return Err(clap::Error::raw(ErrorKind::ValueValidation, message));
        }
        Ok(Self { from, to })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for DayRange {
    fn augment_args(command: Command) -> Command {
        Options::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Options::augment_args_for_update(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<DayRange, String> {
        let command = DayRange::augment_args(Command::new("reindex").no_binary_name(true));
        let matches = command.try_get_matches_from(arguments).map_err(|error| error.to_string())?;
        DayRange::from_arg_matches(&matches).map_err(|error| error.to_string())
    }

    #[test]
    fn both_days_are_optional() {
        let day = |text: &str| Some(text.parse().unwrap());
        let [first, last] = ["2026-11-22", "2026-11-23"];
        for (arguments, from, to) in [
            (&[][..], None, None),
            (&["--from", first], day(first), None),
            (&["--to", last], None, day(last)),
            (&["--from", first, "--to", last], day(first), day(last)),
            (&["--from", last, "--to", last], day(last), day(last)),
        ] {
            assert_eq!(parse(arguments), Ok(DayRange { from, to }));
        }
    }

    #[test]
    fn invalid_days_are_rejected() {
        for (arguments, expected) in [
            (&["--from", "yesterday"][..], "must be a day"),
            (&["--to", "2026-02-29"], "must be a day"),
            (&["--from"], "a value is required"),
            (&["--from", "2026-11-23", "--to", "2026-11-22"], "--from 2026-11-23 is after --to"),
            (&["2026-11-23"], "unexpected argument"),
        ] {
            let error = parse(arguments).unwrap_err();
            assert!(error.starts_with("error: ") && error.contains(expected), "{error}");
        }
    }
}
