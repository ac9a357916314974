//! A log entry: what a client may send (`NewLogEntry`) and what is kept (`LogEntry`).
//! The JSON of a `LogEntry` is a line of the queue, the value of the cache and the API's answer.

mod arrival;
mod attributes;
mod invalid;
mod level;
mod text;
mod timestamp;

use serde::{Deserialize, Serialize};

pub use arrival::{Arrival, EntryId, MAX_POSITION};
pub use attributes::Attributes;
pub use invalid::{FieldError, Invalid};
pub use level::Level;
pub use text::Text;
pub use timestamp::Timestamp;

/// Who wrote the entry: 1 to 255 characters.
pub type ServiceName = Text<255>;

/// A trace or span identifier, in whatever notation the client uses: 1 to 128 characters.
pub type TraceId = Text<128>;

/// A log entry as a client may send it. Absent values become certain when it arrives.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLogEntry {
    /// The entry's id, for a client that wants its own retries to be idempotent.
    pub id: Option<EntryId>,
    /// When the event happened. Default: the id's time.
    pub timestamp: Option<Timestamp>,
    /// How severe it is. Default: `INFO`.
    pub level: Option<Level>,
    /// Who wrote it.
    #[serde(alias = "service")]
    pub service_name: ServiceName,
    /// The text, as written.
    pub message: String,
    /// Anything else that is known about the event, kept as it came.
    pub attributes: Option<Attributes>,
    /// The trace that the event belongs to.
    pub trace_id: Option<TraceId>,
    /// The span that the event belongs to.
    pub span_id: Option<TraceId>,
}

/// A log entry as it is kept: id, level and timestamp are certain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Unique, ordered by arrival; whatever is done twice with the same id is done once.
    pub id: EntryId,
    /// When the event happened.
    pub timestamp: Timestamp,
    /// How severe it is.
    pub level: Level,
    /// Who wrote it.
    pub service_name: ServiceName,
    /// The text, as written.
    pub message: String,
    /// Anything else that is known about the event, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attributes: Option<Attributes>,
    /// The trace that the event belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<TraceId>,
    /// The span that the event belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<TraceId>,
}

impl NewLogEntry {
    /// Reads one entry from its JSON.
    ///
    /// # Errors
    /// [`Invalid`] names each field that is wrong.
    pub fn from_json(json: &[u8]) -> Result<Self, Invalid> {
        let text = std::str::from_utf8(json).map_err(Invalid::not_utf8)?;
        serde_json::from_str(text).map_err(|error| Invalid::explain(text, &error))
    }

    /// Makes the entry certain: the id by its arrival and `position` in the request (from 0).
    ///
    /// # Errors
    /// [`Invalid`] if the client's own id lies outside the time that arrivals may have.
    pub fn arrive(self, arrival: &Arrival, position: u32) -> Result<LogEntry, Invalid> {
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
        })
    }
}

impl LogEntry {
    /// Appends the entry's JSON to `line`. It holds no line break.
    ///
    /// # Panics
    /// Never: every field has a JSON form, and memory takes any write.
    pub fn write_json(&self, line: &mut Vec<u8>) {
        let written = serde_json::to_writer(line, self);
        debug_assert!(written.is_ok(), "a log entry always has a JSON form");
    }

    /// The entry's JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(256 + self.message.len());
        self.write_json(&mut json);
        json
    }

    /// What the entry's texts take.
    #[cfg(any(feature = "memory", feature = "mysql", feature = "sqlite"))]
    pub(crate) fn text_bytes(&self) -> usize {
        let attributes = self.attributes.as_ref().map(Attributes::as_str);
        let trace_id = self.trace_id.as_ref().map(TraceId::as_str);
        let span_id = self.span_id.as_ref().map(TraceId::as_str);
        let optional = [attributes, trace_id, span_id].into_iter().flatten();
        let required = [self.level.as_str(), self.service_name.as_str(), &self.message];
        optional.chain(required).map(str::len).sum()
    }

    /// Reads an entry back from its JSON.
    ///
    /// # Errors
    /// When it is not the JSON of a log entry.
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
    fn the_json_of_a_log_entry_is_pinned() {
        let entry = LogEntry::from_json(FULL.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(entry.to_json()).unwrap(), FULL);
    }

    #[test]
    fn absent_fields_stay_absent() {
        let json = concat!(
            r#"{"id":"0190163d-8694-7000-8000-000000000001","timestamp":"1970-01-01T00:00:00.000000Z","#,
            r#""level":"INFO","service_name":"a","message":""}"#
        );
        let entry = LogEntry::from_json(json.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(entry.to_json()).unwrap(), json);
    }

    fn arrive(json: &str) -> Result<LogEntry, Invalid> {
        let now = Timestamp::parse("2024-06-14T12:00:00Z").unwrap();
        NewLogEntry::from_json(json.as_bytes())?.arrive(&Arrival::new(now), 0)
    }

    #[test]
    fn what_the_client_left_out_becomes_certain_on_arrival() {
        let entry = arrive(r#"{"service":"a","message":"m"}"#).unwrap();
        assert_eq!(entry.level.as_str(), "INFO");
        assert_eq!(entry.timestamp.to_string(), "2024-06-14T12:00:00.000000Z");
        assert_eq!(entry.timestamp, entry.id.time());
        assert_eq!(entry.service_name.as_str(), "a");
    }

    #[test]
    fn line_breaks_between_the_tokens_of_attributes_do_not_break_the_line() {
        let entry =
            arrive("{\"service\":\"a\",\"message\":\"m\",\"attributes\":{\n\"a\":\r\n\"\\n\"}}")
                .unwrap();
        assert!(!entry.to_json().contains(&b'\n'));
        assert_eq!(entry.attributes.unwrap().as_str(), "{ \"a\":  \"\\n\"}");
    }

    #[test]
    fn an_id_of_the_client_is_kept_and_gives_the_default_time() {
        let json = r#"{"id":"0190163d-8694-7000-8000-000000000001","service":"a","message":"m"}"#;
        let entry = arrive(json).unwrap();
        assert_eq!(entry.id.to_string(), "0190163d-8694-7000-8000-000000000001");
        assert_eq!(entry.timestamp, entry.id.time());
    }

    #[test]
    fn each_wrong_field_is_named() {
        let json = r#"{"service_name":"","level":5,"attributes":[],"host":"x"}"#;
        let invalid = arrive(json).unwrap_err();
        let fields: Vec<&str> = invalid.errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["level", "service_name", "message", "attributes", "host"]);
    }

    #[test]
    fn bad_text_is_refused() {
        for (json, what) in [
            (&b"{\"service\":\"a\",\"message\":\"\xff\"}"[..], "UTF-8"),
            (br#"{"service":"a","message":"\ud800"}"#, "escape"),
            (br#"{"service":"a","message":"m","attributes":{"a":"\ud800"}}"#, "escape"),
            (b"{\"service\":\"a\"", "EOF"),
            (br#"["a"]"#, "object"),
            (br#"{"service":"a","service_name":"b","message":"m"}"#, "duplicate"),
        ] {
            let invalid = NewLogEntry::from_json(json).unwrap_err();
            let text = format!("{} {:?}", invalid.detail, invalid.errors);
            assert!(text.contains(what), "{text} should speak of {what}");
        }
    }
}
