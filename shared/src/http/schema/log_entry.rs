//! The schemas of [`NewLogEntry`] and [`LogEntry`], which have the same fields.

use poem_openapi::registry::MetaSchema;
use poem_openapi::types::ToJSON;
use serde_json::{Value, json};

use super::{Field, field, impl_type, string};
use crate::log_entry::{Level, LogEntry, NewLogEntry};

impl_type!(
    NewLogEntry,
    "NewLogEntry",
    MetaSchema {
        description: Some("A log entry as a client sends it."),
        example: Some(example()),
        required: vec!["service_name", "message"],
        properties: fields(),
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
        properties: fields(),
        ..MetaSchema::new("object")
    }
);

impl ToJSON for LogEntry {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}

/// An entry without an id: clients copy examples, and ids older than a week are rejected.
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

fn fields() -> Vec<Field> {
    vec![
        field("id", id()),
        field("timestamp", timestamp()),
        field("level", level()),
        field("service_name", service_name()),
        field(
            "message",
            with_example(string("The text, unaltered."), "connection timeout after 30 s"),
        ),
        field("attributes", attributes()),
        field(
            "trace_id",
            short_string(
                "The trace that the event belongs to.",
                128,
                "4bf92f3577b34da6a3ce929d0e0e4736",
            ),
        ),
        field(
            "span_id",
            short_string("The span that the event belongs to.", 128, "00f067aa0ba902b7"),
        ),
    ]
}

fn id() -> MetaSchema {
    let description = "A UUIDv7 (RFC 9562), assigned on arrival. Clients that send their own make \
                       their retries idempotent; its time must be at most 7 days ago and at most 5 \
                       minutes ahead.";
    MetaSchema { format: Some("uuid"), ..string(description) }
}

fn timestamp() -> MetaSchema {
    let description = "When the event happened: RFC 3339, years 1970 to 9999. Returned in UTC with \
                       microseconds. Default: the time of the id.";
    let schema = with_example(string(description), "2024-06-14T12:00:00.123456Z");
    MetaSchema { format: Some("date-time"), ..schema }
}

fn level() -> MetaSchema {
    let description = "The severity: TRACE, DEBUG, INFO, WARN, ERROR or FATAL. Common synonyms are \
                       mapped to these, in any case; any other text is uppercased and truncated to \
                       32 characters. Default: INFO.";
    with_example(string(description), Level::default().as_str())
}

fn service_name() -> MetaSchema {
    let description = "The service that wrote the entry. `service` is accepted as an alias.";
    short_string(description, 255, "payment-service")
}

fn attributes() -> MetaSchema {
    MetaSchema {
        description: Some(
            "Structured data about the event, stored verbatim; at most 16 levels deep.",
        ),
        example: Some(json!({"order": 4711, "region": "eu"})),
        ..MetaSchema::new("object")
    }
}

fn short_string(description: &'static str, max_length: usize, example: &str) -> MetaSchema {
    let schema = with_example(string(description), example);
    MetaSchema { min_length: Some(1), max_length: Some(max_length), ..schema }
}

fn with_example(schema: MetaSchema, example: &str) -> MetaSchema {
    MetaSchema { example: Some(Value::from(example)), ..schema }
}
