//! The severity of an entry: six standard names, or any other name a logger uses.
//! An unknown level is kept, so that no entry is rejected because of it.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, Serialize};

use crate::text::strip_ansi;

/// A severity: `TRACE`, `DEBUG`, `INFO`, `WARN`, `ERROR`, `FATAL`, or another name in upper case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Level(Cow<'static, str>);

impl Level {
    /// The maximum length in characters; longer names are truncated.
    pub const MAX_CHARS: usize = 32;

    /// Maps a logger's name for a level to a standard name where there is one. The name may be
    /// coloured, in brackets, or a number as text. An empty name means the default, `INFO`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if let Some(name) = canonical(text) {
            return Self(Cow::Borrowed(name));
        }
        // Uppercasing an escape sequence would change what a terminal does.
        let plain = strip_ansi(text).replace('\u{1b}', "");
        let plain = plain.trim();
        if let Some(name) = standard_name(plain) {
            return Self(Cow::Borrowed(name));
        }
        let uppercase = plain.chars().flat_map(char::to_uppercase);
        let uppercase: String = uppercase.take(Self::MAX_CHARS).collect();
        // Parsing must be idempotent, but the result may be a synonym (`ı`) or end in a space.
        let uppercase = uppercase.trim_end();
        let name = standard_name(uppercase).map(Cow::Borrowed);
        Self(name.unwrap_or_else(|| Cow::Owned(uppercase.to_owned())))
    }

    /// The level with this number: 0 to 7 as in syslog, 10 to 69 as in pino and bunyan, or 100 to
    /// 600 as in Monolog. Numbers between two levels belong to the lower one.
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        let name = numbered(number).or_else(|| numbered_by_monolog(number))?;
        Some(Self(Cow::Borrowed(name)))
    }

    /// The standard levels, from the least to the most severe.
    #[must_use]
    pub fn standard() -> impl ExactSizeIterator<Item = Self> {
        let names = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
        names.into_iter().map(|name| Self(Cow::Borrowed(name)))
    }

    /// The position among the standard levels, by severity; `None` for other levels.
    #[must_use]
    pub fn severity(&self) -> Option<usize> {
        Self::standard().position(|level| level == *self)
    }

    /// The name in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Level {
    fn default() -> Self {
        Self(Cow::Borrowed("INFO"))
    }
}

impl<'de> Deserialize<'de> for Level {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&Cow::<str>::deserialize(deserializer)?))
    }
}

/// The standard name for a level as a logger writes it.
fn standard_name(text: &str) -> Option<&'static str> {
    const PUNCTUATION: &[char] =
        &['[', ']', '(', ')', '<', '>', '{', '}', '"', '\'', ':', ',', ';', '|', '*'];
    let name = text.trim_matches(|c: char| PUNCTUATION.contains(&c) || c.is_whitespace());
    if name.is_empty() {
        return canonical(text);
    }
    canonical(name)
        .or_else(|| numbered(name.parse::<u8>().ok().filter(|_| !name.starts_with('+'))?.into()))
        .or_else(|| with_digit(name))
        .or_else(|| with_offset(name))
}

/// The standard name for a synonym of syslog (RFC 5424), Android, `java.util.logging`, Serilog,
/// zerolog, .NET or another common logger.
fn canonical(text: &str) -> Option<&'static str> {
    const NAMES: [(&str, &[&str]); 6] = [
        ("INFO", &["", "info", "i", "in", "inf", "information", "informational", "notice", "note"]),
        ("ERROR", &["error", "err", "e", "er", "erro", "eror", "fail", "severe"]),
        ("WARN", &["warn", "warning", "w", "wn", "wrn"]),
        ("DEBUG", &["debug", "d", "de", "dbg", "dbug", "debu", "fine", "finer"]),
        (
            "TRACE",
            &[
                "trace", "t", "trc", "trce", "trac", "v", "vb", "vrb", "verb", "verbose", "finest",
                "silly",
            ],
        ),
        (
            "FATAL",
            &[
                "fatal",
                "f",
                "fa",
                "ftl",
                "fatl",
                "fata",
                "c",
                "crit",
                "critical",
                "alert",
                "emerg",
                "emergency",
                "panic",
                "pnc",
                "pani",
                "dpanic",
            ],
        ),
    ];
    NAMES
        .iter()
        .find(|(_, synonyms)| synonyms.iter().any(|synonym| text.eq_ignore_ascii_case(synonym)))
        .map(|(name, _)| *name)
}

/// The standard name for a number of syslog, or of pino and bunyan.
fn numbered(number: i64) -> Option<&'static str> {
    match number {
        0..=2 | 60..=69 => Some("FATAL"),
        3 | 50..=59 => Some("ERROR"),
        4 | 40..=49 => Some("WARN"),
        5 | 6 | 30..=39 => Some("INFO"),
        7 | 20..=29 => Some("DEBUG"),
        10..=19 => Some("TRACE"),
        _ => None,
    }
}

/// The standard name for a number of Monolog.
fn numbered_by_monolog(number: i64) -> Option<&'static str> {
    match number {
        100..200 => Some("DEBUG"),
        200..300 => Some("INFO"),
        300..400 => Some("WARN"),
        400..500 => Some("ERROR"),
        500..=600 => Some("FATAL"),
        _ => None,
    }
}

/// The standard name for a name with a digit, such as OpenTelemetry's `WARN2`, Apache's `trace8`
/// and `MongoDB`'s `D1`.
fn with_digit(text: &str) -> Option<&'static str> {
    let name = text.strip_suffix(|c| matches!(c, '1'..='9'))?;
    if name.len() >= 4 || name.eq_ignore_ascii_case("d") { canonical(name) } else { None }
}

/// The standard name for a level between two names in Go's slog, such as `INFO+2`. Named
/// levels are four apart.
fn with_offset(text: &str) -> Option<&'static str> {
    let sign = text.find(['+', '-'])?;
    let (name, offset) = text.split_at(sign);
    let distance: i8 = offset.parse().ok()?;
    match (canonical(name).filter(|_| !name.is_empty())?, distance) {
        ("DEBUG", ..0) => Some("TRACE"),
        ("ERROR", 4..) => Some("FATAL"),
        (name @ ("DEBUG" | "INFO" | "WARN" | "ERROR"), 0..) => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synonyms_map_to_the_six_standard_names() {
        for (text, name) in [
            ("V", "TRACE"),
            ("finest", "TRACE"),
            ("Dbg", "DEBUG"),
            ("notice", "INFO"),
            ("", "INFO"),
            (" Warning ", "WARN"),
            ("SEVERE", "ERROR"),
            ("emerg", "FATAL"),
            ("INF", "INFO"),
            ("WRN", "WARN"),
            ("FTL", "FATAL"),
            ("VRB", "TRACE"),
            ("TRC", "TRACE"),
            ("trce", "TRACE"),
            ("dbug", "DEBUG"),
            ("fail", "ERROR"),
            ("EROR", "ERROR"),
            ("DEBU", "DEBUG"),
            ("PNC", "FATAL"),
        ] {
            assert_eq!(Level::parse(text).as_str(), name, "{text}");
        }
    }

    #[test]
    fn levels_are_recognized_in_any_form() {
        for (text, name) in [
            ("\u{1b}[31mERROR\u{1b}[0m", "ERROR"),
            ("\u{1b}[1;33m WRN \u{1b}[m", "WARN"),
            ("\u{1b}[31mfail\u{1b}(B\u{1b}[m", "ERROR"),
            ("\u{1b}[35maudit\u{1b}[39m", "AUDIT"),
            ("\u{1b}[0m", "INFO"),
            ("[ERROR]", "ERROR"),
            ("[ wrn ]", "WARN"),
            ("<3>", "ERROR"),
            ("warning:", "WARN"),
            ("\u{1b}[36m[info]\u{1b}[0m", "INFO"),
            ("30", "INFO"),
            ("WARN2", "WARN"),
            ("trace8", "TRACE"),
            ("D1", "DEBUG"),
            ("ERROR+4", "FATAL"),
            ("ERROR+2", "ERROR"),
            ("DEBUG-4", "TRACE"),
            ("INFO+2", "INFO"),
        ] {
            assert_eq!(Level::parse(text).as_str(), name, "{text:?}");
        }
    }

    #[test]
    fn other_names_are_never_mistaken_for_a_standard_level() {
        for text in
            ["[AUDIT]", "[]", "99", "-1", "+", "+2", "WARN-3", "E5", "ERROR-2024", "INFORMANT", "8"]
        {
            assert_eq!(Level::parse(text).as_str(), text);
        }
    }

    #[test]
    fn numbers_of_syslog_pino_and_monolog_map_to_levels() {
        let expected = [
            ("FATAL", vec![0, 1, 2, 60, 500, 600]),
            ("ERROR", vec![3, 50, 400]),
            ("WARN", vec![4, 40, 300]),
            ("INFO", vec![5, 6, 30, 35, 200, 250]),
            ("DEBUG", vec![7, 20, 100]),
            ("TRACE", vec![10]),
        ];
        for (name, numbers) in expected {
            for number in numbers {
                assert_eq!(Level::from_number(number).unwrap().as_str(), name, "{number}");
            }
        }
        for number in [-1, 8, 9, 70, 99, 601, 1000, i64::MIN] {
            assert_eq!(Level::from_number(number), None, "{number}");
        }
    }

    #[test]
    fn an_unknown_level_is_kept_in_upper_case() {
        assert_eq!(Level::parse("audit").as_str(), "AUDIT");
    }

    #[test]
    fn parsing_a_level_twice_does_not_change_it() {
        let cut_at_a_space = format!("{} b", "a".repeat(31));
        let escapes = "\u{1b}\u{1b}[m[31mſ\u{1b}[3ſ";
        for text in
            [&*cut_at_a_space, escapes, "ſevere", "ı", "ŉ", "ǆ", "Ω ", "\u{0}", "audit", "[ı]"]
        {
            let level = Level::parse(text);
            assert_eq!(Level::parse(level.as_str()), level, "{text}");
        }
    }

    #[test]
    fn a_long_level_is_truncated() {
        assert_eq!(Level::parse(&"ß".repeat(40)).as_str(), "S".repeat(32));
    }
}
