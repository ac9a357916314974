//! Structured lines: JSON objects and logfmt.

use super::{Meaning, Names, Record, logfmt};

/// A line is logfmt only if one of its fields has one of these meanings.
const LOGFMT_MEANINGS: [Meaning; 3] = [Meaning::Message, Meaning::Level, Meaning::Time];

/// The largest line that is parsed if entries have at most `max_entry_bytes`. An entry contains a
/// parsed line twice, and each of its bytes may become an escape sequence of six.
#[must_use]
pub fn max_parsed_bytes(max_entry_bytes: usize) -> usize {
    max_entry_bytes / 16
}

impl<'a> Record<'a> {
    /// Reads the fields of a line that is a JSON object or logfmt. Returns `None` for other lines.
    #[must_use]
    pub fn from_line(line: &'a str, names: &Names) -> Option<Self> {
        let line = line.trim_ascii();
        if line.starts_with('{') {
            return serde_json::from_str(line).ok();
        }
        let mut record = Self::default();
        for field in logfmt::fields(line)? {
            record.push(field);
        }
        let has_meaning = |meaning| {
            record.fields().iter().any(|field| names.rank(meaning, &field.name).is_some())
        };
        LOGFMT_MEANINGS.into_iter().any(has_meaning).then_some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(line: &str) -> Option<String> {
        let record = Record::from_line(line, &Names::standard())?;
        Some(record.fields().iter().map(|field| &*field.name).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn json_objects_and_logfmt_with_a_known_key_are_structured() {
        for (line, expected) in [
            (" {\"a\":[1],\"b\":{\"c\":\"\\u0041\"}}\r\n", Some("a b")),
            ("{}", Some("")),
            ("level=info a=1", Some("level a")),
            ("msg=\"hello\"", Some("msg")),
            ("ts=1 x=2", Some("ts x")),
            ("a=1 b=2", None),
            ("[1]", None),
            ("{\"a\":1", None),
            ("{\"a\":1} trailing", None),
            ("level=info then words", None),
            ("", None),
        ] {
            assert_eq!(names_of(line).as_deref(), expected, "{line}");
        }
    }
}
