//! Turns an entry of a stream into a log entry: `Stream, Entry -- in_stream --> NewLogEntry`.

use std::borrow::Cow;

use shared::intake::shape::{Defaults, Field, Meaning, Names, Record};
use shared::json::without_lone_surrogates;
use shared::log_entry::{ServiceName, ValidationError};
use shared::{Level, NewLogEntry, Timestamp};

/// The label of the scrape job, which often names the shipper (`fluent-bit`) instead of the
/// service, so a service in the line takes precedence.
const WEAK_SERVICE_LABEL: &str = "job";

/// The suffix for a field of the line that has the same name as a label, as in Loki.
const EXTRACTED_SUFFIX: &str = "_extracted";

/// Labels and metadata beyond this number are not compared with the fields of the line.
const MAX_COMPARED_FIELDS: usize = 32;

/// The labels that the entries of a stream share.
#[derive(Debug, Default)]
pub(crate) struct Stream<'a> {
    labels: Vec<Field<'a>>,
    /// The service that a label names. This label is not in `labels`.
    service: Option<ServiceName>,
}

/// An entry as sent by the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) time: Time<'a>,
    pub(crate) line: Cow<'a, str>,
    /// The structured metadata.
    pub(crate) metadata: Vec<Field<'a>>,
}

/// The time of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Time<'a> {
    At(Timestamp),
    /// A string that is not a number of nanoseconds.
    Text(Cow<'a, str>),
    /// Absent or 0.
    Unknown,
}

impl<'a> Stream<'a> {
    pub(crate) fn new(mut labels: Vec<Field<'a>>, names: &Names) -> Self {
        let service = take_service(&mut labels, names);
        Self { labels, service }
    }

    /// The approximate size of the labels.
    pub(crate) fn bytes(&self) -> usize {
        self.labels.iter().map(Field::bytes).sum()
    }
}

/// Removes the label that names the service.
fn take_service(labels: &mut Vec<Field<'_>>, names: &Names) -> Option<ServiceName> {
    let rank = |(_, label): &(usize, &Field<'_>)| names.rank(Meaning::Service, &label.name);
    let strong = labels.iter().enumerate().filter(|(_, label)| label.name != WEAK_SERVICE_LABEL);
    let (index, label) = strong.filter(|label| rank(label).is_some()).min_by_key(rank)?;
    let service = ServiceName::try_from(label.as_text().into_owned()).ok()?;
    labels.remove(index);
    Some(service)
}

impl Time<'_> {
    /// The time for a number of nanoseconds since 1970.
    pub(crate) fn from_nanos(nanos: u128) -> Self {
        let micros = i64::try_from(nanos / 1000).ok();
        match micros.and_then(Timestamp::from_micros) {
            Some(_) if nanos == 0 => Self::Unknown,
            Some(time) => Self::At(time),
            None => Self::Text(nanos.to_string().into()),
        }
    }
}

impl<'a> Time<'a> {
    /// Parses a time, which should be a number of nanoseconds since 1970.
    pub(crate) fn parse(text: Cow<'a, str>) -> Self {
        match text.parse() {
            Ok(nanos) => Self::from_nanos(nanos),
            Err(_) if text.is_empty() => Self::Unknown,
            Err(_) => Self::Text(text),
        }
    }
}

impl Entry<'_> {
    /// Turns this entry of a stream into a log entry. A structured line is parsed if it has at most
    /// `max_parsed_bytes`.
    pub(crate) fn in_stream(
        self,
        stream: &Stream<'_>,
        names: &Names,
        max_parsed_bytes: usize,
    ) -> Result<NewLogEntry, ValidationError> {
        let text = without_lone_surrogates(&self.line);
        let may_parse = text.len() <= max_parsed_bytes;
        let parsed = may_parse.then(|| Record::from_line(&text, names)).flatten();

        let mut record = Record::default();
        let mut compared = Vec::new();
        let timestamp = match &self.time {
            Time::At(time) => Some(*time),
            Time::Unknown => None,
            Time::Text(text) => {
                record.push_text("timestamp", &**text);
                None
            }
        };
        let fields = parsed.as_ref().map_or(&[][..], Record::fields);
        for field in stream.labels.iter().chain(&self.metadata) {
            // Labels are always strings, so the number in the line is kept instead.
            if fields.iter().take(MAX_COMPARED_FIELDS).any(|number| is_number_of(number, field)) {
                continue;
            }
            add(field, &mut record, &compared);
            if compared.len() < MAX_COMPARED_FIELDS {
                compared.push(field);
            }
        }
        for field in fields {
            add(field, &mut record, &compared);
        }

        let message = Some(self.line.trim_end_matches(['\r', '\n']).to_owned());
        let mut known =
            Defaults { timestamp, service: stream.service.clone(), ..Defaults::default() };
        let mut defaults = Defaults::default();
        if parsed.is_some() {
            record.parsed_from(&self.line);
            defaults.message = message;
        } else {
            known.message = message;
        }
        record.into_entry_with(names, known, defaults)
    }
}

/// Adds a field to the record, unless it repeats an earlier one. If an earlier field has the same
/// name but a different value, the field is renamed.
fn add<'a>(field: &'a Field<'_>, record: &mut Record<'a>, earlier: &[&Field<'_>]) {
    let same_name = earlier.iter().find(|earlier| earlier.name == field.name);
    let name = match same_name {
        None => Cow::Borrowed(&*field.name),
        Some(earlier) if is_repeated(earlier, field) => return,
        Some(_) => Cow::Owned(format!("{}{EXTRACTED_SUFFIX}", field.name)),
    };
    record.push(field.renamed(name));
}

/// Whether a field of the line is JSON other than a string, and the label has the same name and
/// value.
fn is_number_of(field: &Field<'_>, label: &Field<'_>) -> bool {
    field.name == label.name && field.as_json().is_some_and(|json| label.as_text() == json)
}

/// Whether a field has the value of an earlier field with the same name.
fn is_repeated(earlier: &Field<'_>, field: &Field<'_>) -> bool {
    let (earlier, text) = (earlier.as_text(), field.as_text());
    earlier == text || (field.name == "level" && Level::parse(&earlier) == level(&text))
}

/// The level with this name or number.
fn level(text: &str) -> Level {
    let number = text.parse().ok().and_then(Level::from_number);
    number.unwrap_or_else(|| Level::parse(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_nanoseconds_since_1970() {
        let at = |text: &str| Time::At(Timestamp::parse(text).unwrap());
        for (text, expected) in [
            ("1795632668365096999", at("2026-11-25T18:51:08.365096Z")),
            ("1", at("1970-01-01T00:00:00Z")),
            ("0", Time::Unknown),
            ("", Time::Unknown),
            ("-1", Time::Text("-1".into())),
            ("1.5", Time::Text("1.5".into())),
            ("2026-11-25T18:51:08Z", Time::Text("2026-11-25T18:51:08Z".into())),
            ("340282366920938463463374607431768211455", {
                Time::Text("340282366920938463463374607431768211455".into())
            }),
            ("340282366920938463463374607431768211456", {
                Time::Text("340282366920938463463374607431768211456".into())
            }),
        ] {
            assert_eq!(Time::parse(text.into()), expected, "{text}");
        }
    }

    /// The entry for this line in a stream with these labels. Its time is unknown.
    fn entry(labels: &[(&str, &str)], line: &str) -> NewLogEntry {
        let names = Names::standard();
        let labels = labels.iter().map(|(name, value)| Field::text(*name, *value)).collect();
        let stream = Stream::new(labels, &names);
        let entry = Entry { time: Time::Unknown, line: line.into(), metadata: Vec::new() };
        entry.in_stream(&stream, &names, 1000).unwrap()
    }

    fn attributes(entry: &NewLogEntry) -> &str {
        entry.attributes.as_ref().map_or("", |attributes| attributes.as_str())
    }

    fn level(entry: &NewLogEntry) -> &str {
        entry.level.as_ref().map_or("", Level::as_str)
    }

    #[test]
    fn service_labels_except_job_take_precedence_over_the_line() {
        let line = r#"{"service":"line","msg":"m"}"#;
        for (labels, expected) in [
            (&[("app", "shop"), ("service_name", "cart")][..], "cart"),
            (&[("job", "fluent-bit"), ("app", "shop")], "shop"),
            (&[("job", "fluent-bit")], "line"),
            (&[("container", "shop")], "shop"),
            (&[("app", "")], "line"),
            (&[], "line"),
        ] {
            assert_eq!(entry(labels, line).service_name.as_str(), expected, "{labels:?}");
        }
        assert_eq!(entry(&[("job", "fluent-bit")], "m").service_name.as_str(), "fluent-bit");
        assert_eq!(entry(&[], "m").service_name.as_str(), "unknown_service");
    }

    #[test]
    fn fields_of_the_line_do_not_replace_labels() {
        let labels = [("level", "info"), ("module", "cart"), ("env", "prod")];
        let line = r#"{"level":10,"module":"cart","env":"test","msg":"m"}"#;
        let entry = entry(&labels, line);
        assert_eq!(level(&entry), "INFO");
        let original = serde_json::to_string(line).unwrap();
        let expected = format!(
            r#"{{"module":"cart","env":"prod","level_extracted":10,"env_extracted":"test","log.record.original":{original}}}"#
        );
        assert_eq!(attributes(&entry), expected);
    }

    #[test]
    fn a_level_in_another_form_is_not_repeated() {
        for line in [r#"{"level":40,"msg":"m"}"#, r#"{"level":"WARN","msg":"m"}"#] {
            let entry = entry(&[("level", "warning")], line);
            assert_eq!(level(&entry), "WARN");
            assert!(!attributes(&entry).contains("level_extracted"), "{}", attributes(&entry));
        }
    }

    #[test]
    fn a_line_without_a_message_is_the_message() {
        let entry = entry(&[], "{\"order\":4711,\"level\":\"error\"}\n");
        assert_eq!(entry.message, r#"{"order":4711,"level":"error"}"#);
        assert_eq!((attributes(&entry), level(&entry)), (r#"{"order":4711}"#, "ERROR"));
    }

    #[test]
    fn a_plain_line_is_always_the_message() {
        let entry = entry(&[("event", "login"), ("message", "label")], " two\nlines\r\n");
        assert_eq!(entry.message, " two\nlines");
        assert_eq!(attributes(&entry), r#"{"event":"login","message":"label"}"#);
    }

    #[test]
    fn a_long_line_is_not_parsed() {
        let line = format!(r#"{{"msg":"{}"}}"#, "m".repeat(1000));
        let entry = entry(&[], &line);
        assert_eq!((entry.message, entry.attributes), (line, None));
    }

    #[test]
    fn a_lone_surrogate_in_the_line_is_replaced() {
        let entry = entry(&[], r#"{"msg":"cut \ud83d","a":1}"#);
        assert_eq!(entry.message, "cut \u{fffd}");
    }
}
