//! The priority that a syslog message begins with: its facility and severity.

use crate::log_entry::Level;

/// The names of the facilities, by number.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv",
    "ftp", "ntp", "security", "console", "clock", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

/// The names of the severities, by number.
const SEVERITIES: [&str; 8] =
    ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

/// The severities that share a level with another one.
const AMBIGUOUS_SEVERITIES: [usize; 3] = [0, 1, 5];

/// A priority: eight times the facility plus the severity, at most 191.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Priority(u8);

impl Priority {
    /// Reads `<PRI>` at the beginning of `text`. Returns the priority and the rest.
    pub(super) fn read(text: &str) -> Option<(Self, &str)> {
        let (digits, rest) = text.strip_prefix('<')?.split_once('>')?;
        let is_number =
            (1..=3).contains(&digits.len()) && digits.bytes().all(|d| d.is_ascii_digit());
        let number = is_number.then(|| digits.parse().ok())??;
        let priority = Self(number);
        (priority.facility_number() < FACILITIES.len()).then_some((priority, rest))
    }

    /// The name of the facility.
    pub(super) fn facility(self) -> &'static str {
        FACILITIES[self.facility_number()]
    }

    /// The name of the severity.
    pub(super) fn severity(self) -> &'static str {
        SEVERITIES[self.severity_number()]
    }

    /// The level for the severity.
    pub(super) fn level(self) -> Level {
        Level::parse(self.severity())
    }

    /// Whether the level stands for exactly this severity.
    pub(super) fn is_exact(self) -> bool {
        !AMBIGUOUS_SEVERITIES.contains(&self.severity_number())
    }

    fn facility_number(self) -> usize {
        usize::from(self.0 / 8)
    }

    fn severity_number(self) -> usize {
        usize::from(self.0 % 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_a_facility_and_a_severity() {
        for (text, expected) in [
            ("<0>x", Some(("kern", "emerg", "FATAL", false, "x"))),
            ("<13>x", Some(("user", "notice", "INFO", false, "x"))),
            ("<34>x", Some(("auth", "crit", "FATAL", true, "x"))),
            ("<165>", Some(("local4", "notice", "INFO", false, ""))),
            ("<191>>", Some(("local7", "debug", "DEBUG", true, ">"))),
            ("<007>x", Some(("kern", "debug", "DEBUG", true, "x"))),
            ("<192>x", None),
            ("<256>x", None),
            ("<0013>x", None),
            ("<>x", None),
            ("<+1>x", None),
            ("<1", None),
            ("13>x", None),
            ("", None),
        ] {
            let found = Priority::read(text).map(|(priority, rest)| {
                let level = priority.level().as_str().to_owned();
                (priority.facility(), priority.severity(), level, priority.is_exact(), rest)
            });
            let expected = expected.map(|(facility, severity, level, is_exact, rest)| {
                (facility, severity, level.to_owned(), is_exact, rest)
            });
            assert_eq!(found, expected, "{text}");
        }
    }
}
