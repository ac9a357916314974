//! The log entry: a client sends a `NewLogEntry`, and LogPulse stores a `LogEntry`. The queue, the
//! cache and API responses all use the same JSON for a `LogEntry`.

mod arrival;
mod attributes;
mod bounded_string;
mod day;
mod iso8601;
mod level;
mod optional;
mod repair;
mod timestamp;
mod validation;

use serde::{Deserialize, Serialize};

pub use arrival::{Arrival, EntryId, MAX_POSITION};
pub use attributes::Attributes;
pub use bounded_string::BoundedString;
pub use day::Day;
pub use level::Level;
pub use timestamp::Timestamp;
pub use validation::{FieldError, ParseError, ValidationError};

use crate::retention::Class;

/// The name of the service that wrote an entry: 1 to 255 characters.
pub type ServiceName = BoundedString<255>;

impl ServiceName {
    /// The service of an entry that does not name one, as OpenTelemetry specifies.
    #[must_use]
    pub fn unknown() -> Self {
        Self("unknown_service".to_owned())
    }
}

/// A trace or span id in any format: 1 to 128 characters.
pub type TraceId = BoundedString<128>;

/// How to handle fields that a [`NewLogEntry`] does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownFields {
    /// The entry is invalid.
    Reject,
    /// They become attributes.
    Keep,
}

impl UnknownFields {
    /// Every choice.
    pub const ALL: [Self; 2] = [Self::Reject, Self::Keep];

    /// The value of the query parameter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Keep => "attributes",
        }
    }
}

/// A log entry as a client sends it. Defaults are filled in on arrival.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLogEntry {
    /// The entry's id. Retries are idempotent if the client sends one.
    #[serde(default, deserialize_with = "optional::text")]
    pub id: Option<EntryId>,
    /// When the event happened. Default: the time of the id.
    #[serde(default, deserialize_with = "optional::text")]
    pub timestamp: Option<Timestamp>,
    /// The severity. Default: `INFO`.
    #[serde(default, deserialize_with = "optional::text")]
    pub level: Option<Level>,
    /// The service that wrote the entry.
    #[serde(alias = "service")]
    pub service_name: ServiceName,
    /// The text, unaltered.
    pub message: String,
    /// Structured data about the event.
    #[serde(default, deserialize_with = "optional::attributes")]
    pub attributes: Option<Attributes>,
    /// The trace that the event belongs to.
    #[serde(default, deserialize_with = "optional::text")]
    pub trace_id: Option<TraceId>,
    /// The span that the event belongs to.
    #[serde(default, deserialize_with = "optional::text")]
    pub span_id: Option<TraceId>,
}

/// A log entry as it is stored. It always has an id, a timestamp and a level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The unique id, which makes writes idempotent. Ids assigned on arrival sort in order of
    /// arrival.
    pub id: EntryId,
    /// When the event happened.
    pub timestamp: Timestamp,
    /// The severity.
    pub level: Level,
    /// The service that wrote the entry.
    pub service_name: ServiceName,
    /// The text, unaltered.
    pub message: String,
    /// Structured data about the event, verbatim except that line breaks have become spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// The trace that the event belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// The span that the event belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<TraceId>,
    /// The retention rule that applies to the entry; absent if the default applies.
    #[serde(default, skip_serializing_if = "Class::is_default")]
    pub retention: Class,
}

impl NewLogEntry {
    /// Parses an entry.
    ///
    /// # Errors
    /// When `json` is not a valid entry. [`ParseError`] converts into a [`ValidationError`] that
    /// names each invalid field.
    pub fn from_json(json: &[u8]) -> Result<Self, ParseError<'_>> {
        Self::parse(json, UnknownFields::Reject)
    }

    /// Parses an entry that may have unknown fields.
    ///
    /// # Errors
    /// The same as [`NewLogEntry::from_json`].
    pub fn parse(json: &[u8], unknown: UnknownFields) -> Result<Self, ParseError<'_>> {
        let text = std::str::from_utf8(json).map_err(ParseError::encoding)?;
        // Repairing is slow, so it is attempted only after parsing has failed.
        serde_json::from_str(text).or_else(|error| {
            let text =
                repair::repair(text, unknown).ok_or_else(|| ParseError::json(text, error))?;
            serde_json::from_str(&text).map_err(|error| ParseError::json(text, error))
        })
    }

    /// Fills in the defaults, except for the retention rule. The default id is derived from the
    /// arrival and the entry's `position` in the request, which starts at 0.
    ///
    /// # Errors
    /// When the time of the client's id is too far from the time of arrival.
    pub fn arrive(self, arrival: &Arrival, position: u32) -> Result<LogEntry, ValidationError> {
        let id = match self.id {
            Some(id) => arrival.accept(id)?,
            None => arrival.id(position),
        };
        Ok(LogEntry {
            id,
            timestamp: self.timestamp.unwrap_or_else(|| id.time()),
            level: self.level.unwrap_or_default(),
            service_name: self.service_name,
            message: self.message,
            attributes: self.attributes,
            trace_id: self.trace_id,
            span_id: self.span_id,
            retention: Class::DEFAULT,
        })
    }
}

impl LogEntry {
    /// Appends the entry's JSON to `line`. The JSON has no line breaks.
    ///
    /// # Panics
    /// Never: every field can be serialized, and writing to memory cannot fail.
    pub fn write_json(&self, line: &mut Vec<u8>) {
        let written = serde_json::to_writer(line, self);
        debug_assert!(written.is_ok(), "failed to serialize a log entry");
    }

    /// The entry's JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(256 + self.message.len());
        self.write_json(&mut json);
        json
    }

    /// The size of the entry's strings in bytes.
    #[cfg(any(feature = "memory", feature = "mysql", feature = "sqlite"))]
    pub(crate) fn text_bytes(&self) -> usize {
        let attributes = self.attributes.as_ref().map(Attributes::as_str);
        let trace_id = self.trace_id.as_ref().map(TraceId::as_str);
        let span_id = self.span_id.as_ref().map(TraceId::as_str);
        let optional = [attributes, trace_id, span_id].into_iter().flatten();
        let required = [self.level.as_str(), self.service_name.as_str(), &self.message];
        optional.chain(required).map(str::len).sum()
    }

    /// Parses the JSON of a stored entry.
    ///
    /// # Errors
    /// When `json` is not a valid stored entry.
    pub fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = concat!(
        r#"{"id":"0190163d-8694-7000-8000-000000000001","timestamp":"2024-06-14T12:00:00.123456Z","#,
        r#""level":"ERROR","service_name":"payment","message":"card \"declined\"\u0000","#,
        r#""attributes":{"b":1,"a":[true,null]},"trace_id":"4bf92f35","span_id":"00f067aa"}"#
    );

    #[test]
    fn the_json_of_a_log_entry_is_stable() {
        let entry = LogEntry::from_json(FULL.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(entry.to_json()).unwrap(), FULL);
    }

    #[test]
    fn absent_optional_fields_are_omitted() {
        let json = concat!(
            r#"{"id":"0190163d-8694-7000-8000-000000000001","timestamp":"1970-01-01T00:00:00.000000Z","#,
            r#""level":"INFO","service_name":"a","message":""}"#
        );
        let entry = LogEntry::from_json(json.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(entry.to_json()).unwrap(), json);
    }

    fn arrive(json: &str) -> Result<LogEntry, ValidationError> {
        let now = Timestamp::parse("2024-06-14T12:00:00Z").unwrap();
        NewLogEntry::from_json(json.as_bytes())?.arrive(&Arrival::new(now), 0)
    }

    #[test]
    fn defaults_are_filled_in_on_arrival() {
        let entry = arrive(r#"{"service":"a","message":"m"}"#).unwrap();
        assert_eq!(entry.level.as_str(), "INFO");
        assert_eq!(entry.timestamp.to_string(), "2024-06-14T12:00:00.000000Z");
        assert_eq!(entry.timestamp, entry.id.time());
        assert_eq!(entry.service_name.as_str(), "a");
    }

    #[test]
    fn line_breaks_in_attributes_become_spaces() {
        let entry =
            arrive("{\"service\":\"a\",\"message\":\"m\",\"attributes\":{\n\"a\":\r\n\"\\n\"}}")
                .unwrap();
        assert!(!entry.to_json().contains(&b'\n'));
        assert_eq!(entry.attributes.unwrap().as_str(), "{ \"a\":  \"\\n\"}");
    }

    #[test]
    fn an_id_from_the_client_is_kept_and_sets_the_default_timestamp() {
        let json = r#"{"id":"0190163d-8694-7000-8000-000000000001","service":"a","message":"m"}"#;
        let entry = arrive(json).unwrap();
        assert_eq!(entry.id.to_string(), "0190163d-8694-7000-8000-000000000001");
        assert_eq!(entry.timestamp, entry.id.time());
    }

    #[test]
    fn the_error_names_every_invalid_field() {
        let json = r#"{"service_name":"","level":{},"attributes":[1],"host":"x"}"#;
        let error = arrive(json).unwrap_err();
        let fields: Vec<&str> = error.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["level", "service_name", "message", "attributes", "host"]);
    }

    #[test]
    fn malformed_json_is_rejected_with_the_cause() {
        for (json, cause) in [
            (&b"{\"service\":\"a\",\"message\":\"\xff\"}"[..], "UTF-8"),
            (br#"{"service":"a","message":"\q"}"#, "escape"),
            (br#"{"service":"a","message":"\ud800","attributes":1}"#, "must be an object"),
            (b"{\"service\":\"a\"", "EOF"),
            (br#"["a"]"#, "object"),
            (br#"{"service":"a","message":"m","message":"n"}"#, "duplicate"),
            (br#"{"service":"a","service_name":"b","message":"m"}"#, "send only one"),
        ] {
            let error = ValidationError::from(NewLogEntry::from_json(json).unwrap_err());
            let text = format!("{} {:?}", error.detail, error.errors);
            assert!(text.contains(cause), "{text} should mention {cause}");
        }
    }
}
