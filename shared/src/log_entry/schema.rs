//! How the log entry looks in the OpenAPI document.
//! Written by hand because its fields are read and written by serde alone.

use std::borrow::Cow;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use serde_json::{Value, json};

use super::{Level, LogEntry, NewLogEntry};

/// A field's name and schema.
type Field = (&'static str, MetaSchemaRef);

fn field(name: &'static str, schema: MetaSchema) -> Field {
    (name, MetaSchemaRef::Inline(Box::new(schema)))
}

fn string(description: &'static str, example: &str) -> MetaSchema {
    MetaSchema {
        description: Some(description),
        example: Some(Value::from(example)),
        ..MetaSchema::new("string")
    }
}

fn text(description: &'static str, max_length: usize, example: &str) -> MetaSchema {
    MetaSchema { min_length: Some(1), max_length: Some(max_length), ..string(description, example) }
}

fn id() -> Field {
    let description = "A UUIDv7 (RFC 9562). Given at arrival; a client that sends its own makes its \
                       retries idempotent. Its time may be 7 days ago to 5 minutes ahead.";
    field(
        "id",
        MetaSchema {
            description: Some(description),
            format: Some("uuid"),
            ..MetaSchema::new("string")
        },
    )
}

fn timestamp() -> Field {
    let description = "When the event happened, RFC 3339, years 1970 to 9999; answered in UTC with \
                       microseconds. Default: the id's time.";
    let schema = string(description, "2024-06-14T12:00:00.123456Z");
    field("timestamp", MetaSchema { format: Some("date-time"), ..schema })
}

fn fields() -> Vec<Field> {
    let level = "TRACE, DEBUG, INFO, WARN, ERROR or FATAL; the usual synonyms in any case become \
                 these, any other text is kept in capitals and cut to 32 characters. Default: INFO.";
    let service_name = "Who wrote the entry. `service` is taken as well.";
    let attributes = "Anything else that is known about the event, kept as it came. At most 16 \
                      levels deep.";
    vec![
        id(),
        timestamp(),
        field("level", string(level, Level::default().as_str())),
        field("service_name", text(service_name, 255, "payment-service")),
        field("message", string("The text, as written.", "connection timeout after 30 s")),
        field(
            "attributes",
            MetaSchema {
                description: Some(attributes),
                example: Some(json!({"order": 4711, "region": "eu"})),
                ..MetaSchema::new("object")
            },
        ),
        field("trace_id", text("The trace of the event.", 128, "4bf92f3577b34da6a3ce929d0e0e4736")),
        field("span_id", text("The span of the event.", 128, "00f067aa0ba902b7")),
    ]
}

/// An entry without an id: one in a document would soon be too old to be taken.
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

/// Implements [`Type`] for a schema that is read and written by serde.
macro_rules! described_by_hand {
    ($type:ty, $name:literal, $schema:expr) => {
        impl Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> Cow<'static, str> {
                Cow::Borrowed($name)
            }

            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Reference($name.to_owned())
            }

            fn register(registry: &mut Registry) {
                registry.create_schema::<Self, _>($name.to_owned(), |_| $schema);
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    };
}

described_by_hand!(
    NewLogEntry,
    "NewLogEntry",
    MetaSchema {
        description: Some("A log entry as a client may send it."),
        example: Some(example()),
        required: vec!["service_name", "message"],
        properties: fields(),
        ..MetaSchema::new("object")
    }
);

described_by_hand!(
    LogEntry,
    "LogEntry",
    MetaSchema {
        description: Some("A log entry as it is kept: id, timestamp and level are certain."),
        example: Some({
            let mut kept = example();
            kept["id"] = json!("0190163d-8694-739b-aea5-966c26f8ad91");
            kept
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
