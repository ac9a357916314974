//! Structured lines: JSON objects and logfmt.

use shared::intake::shape::{Meaning, Names};

use crate::field::{Field, Members};
use crate::logfmt;

/// A line is logfmt only if one of its fields has one of these meanings.
const LOGFMT_MEANINGS: [Meaning; 3] = [Meaning::Message, Meaning::Level, Meaning::Time];

/// The fields of a line, if it is structured.
pub(crate) fn fields<'a>(line: &'a str, names: &Names) -> Option<Vec<Field<'a>>> {
    let line = line.trim_ascii();
    if line.starts_with('{') {
        return serde_json::from_str(line).ok().map(|Members(fields)| fields);
    }
    let fields = logfmt::fields(line)?;
    let has_meaning = |field: &Field<'_>| {
        LOGFMT_MEANINGS.iter().any(|meaning| names.rank(*meaning, &field.name).is_some())
    };
    fields.iter().any(has_meaning).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(line: &str) -> Option<String> {
        let fields = fields(line, &Names::standard())?;
        Some(fields.iter().map(|field| &*field.name).collect::<Vec<_>>().join(" "))
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
