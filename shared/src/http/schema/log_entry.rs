//! The schemas of [`NewLogEntry`] and [`LogEntry`], which have the same fields but `retention`.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::ToJSON;
use serde_json::{Value, json};

use super::{Field, field, impl_type};
use crate::log_entry::{LogEntry, NewLogEntry, Timestamp};

impl_type!(
    NewLogEntry,
    "NewLogEntry",
    MetaSchema {
        description: Some(
            "A log entry as a client sends it. Optional fields may also be null or an empty string.",
        ),
        example: Some(example()),
        required: REQUIRED.into(),
        properties: fields().map(EntryField::sent).into(),
        ..MetaSchema::new("object")
    }
);

impl_type!(
    LogEntry,
    "LogEntry",
    MetaSchema {
        description: Some("A stored log entry. It always has an id, a timestamp and a level."),
        example: Some({
            let mut stored = example();
            stored["id"] = json!("0190163d-8694-739b-aea5-966c26f8ad91");
            stored
        }),
        required: vec!["id", "timestamp", "level", "service_name", "message"],
        properties: fields().map(EntryField::stored).into_iter().chain([retention()]).collect(),
        ..MetaSchema::new("object")
    }
);

impl ToJSON for LogEntry {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}

/// An entry without an id, because clients copy examples and ids older than a week are rejected.
fn example() -> Value {
    json!({
        "timestamp": "2024-06-14T12:00:00.123456Z",
        "level": "ERROR",
        "service_name": "payment-service",
        "message": "connection timeout after 30 s",
        "attributes": {"order": 4711, "region": "eu"},
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b7",
    })
}

/// A field, with its descriptions as sent and as stored.
struct EntryField {
    name: &'static str,
    schema: MetaSchema,
    sent: &'static str,
    stored: &'static str,
}

impl EntryField {
    /// The field of a [`NewLogEntry`]. Clients may send null for the optional fields.
    fn sent(self) -> Field {
        let nullable = !REQUIRED.contains(&self.name);
        field(self.name, MetaSchema { description: Some(self.sent), nullable, ..self.schema })
    }

    /// The field of a [`LogEntry`].
    fn stored(self) -> Field {
        let schema = MetaSchema { pattern: None, ..self.schema };
        field(self.name, MetaSchema { description: Some(self.stored), ..schema })
    }
}

/// The fields that a client must send.
const REQUIRED: [&str; 2] = ["service_name", "message"];

fn fields() -> [EntryField; 8] {
    [
        EntryField {
            name: "id",
            schema: super::entry_id::schema(),
            sent: "A UUIDv7 (RFC 9562), which makes retries idempotent. Its time must be at most 7 \
                   days in the past and 5 minutes in the future. Default: assigned on arrival.",
            stored: "A UUIDv7 (RFC 9562). Ids assigned on arrival sort in order of arrival.",
        },
        EntryField {
            name: "timestamp",
            schema: MetaSchema {
                pattern: Some(Timestamp::YEAR_PATTERN.to_owned()),
                ..MetaSchema::new_with_format("string", "date-time")
            },
            sent: "When the event happened: RFC 3339, years 1970 to 9999. Other ISO 8601 formats \
                   are accepted: a comma before the fraction, an offset without a colon, or none \
                   (UTC). Default: the id's time.",
            stored: "When the event happened, in UTC with microseconds.",
        },
        EntryField {
            name: "level",
            schema: MetaSchema::new("string"),
            sent: "The severity: TRACE, DEBUG, INFO, WARN, ERROR or FATAL. Common synonyms (`WRN`, \
                   `[error]`) and the numbers of syslog (0 to 7) and pino (10 to 60) are mapped to \
                   these, regardless of case and colour; any other text is uppercased and \
                   truncated to 32 characters. Default: INFO.",
            stored: "The severity: TRACE, DEBUG, INFO, WARN, ERROR, FATAL, or another name in upper \
                     case.",
        },
        EntryField {
            name: "service_name",
            schema: bounded_string(255),
            sent: "The service that writes the entry. `service` is accepted as an alias.",
            stored: "The service that wrote the entry.",
        },
        EntryField {
            name: "message",
            schema: MetaSchema::new("string"),
            sent: "The text of the event.",
            stored: "The text, unaltered.",
        },
        EntryField {
            name: "attributes",
            schema: any_object(),
            sent: "Structured data about the event, at most 16 levels deep.",
            stored: "Structured data about the event.",
        },
        EntryField {
            name: "trace_id",
            schema: bounded_string(128),
            sent: "The trace that the event belongs to.",
            stored: "The id of the event's trace.",
        },
        EntryField {
            name: "span_id",
            schema: bounded_string(128),
            sent: "The span that the event belongs to.",
            stored: "The id of the event's span.",
        },
    ]
}

/// The field that only a stored entry has.
fn retention() -> Field {
    let description = "The condition of the rule in the setting `RETENTION` that decides how long the \
                       entry is kept, e.g. `level:debug`. Absent if the default applies.";
    let example = Some(json!("level:debug"));
    field(
        "retention",
        MetaSchema { description: Some(description), example, ..bounded_string(255) },
    )
}

fn bounded_string(max_length: usize) -> MetaSchema {
    MetaSchema { min_length: Some(1), max_length: Some(max_length), ..MetaSchema::new("string") }
}

/// An object with any members. Generators that need a class for it name the class after the
/// title.
fn any_object() -> MetaSchema {
    MetaSchema {
        title: Some("Attributes".to_owned()),
        additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY)))),
        ..MetaSchema::new("object")
    }
}
