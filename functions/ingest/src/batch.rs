//! The bodies of `POST /logs/batch` and `POST /logs/ndjson`: a JSON array, or a JSON entry per
//! line, regardless of their media type. Entries are parsed and packed one at a time, because a
//! list of all of them could be large.

use std::fmt;

use poem::http::StatusCode;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use shared::NewLogEntry;
use shared::http::{BodyContent, DecodedBody, EncodedBody, Problem};
use shared::intake::{Outcome, Packed, Packer};
use shared::json::{values, without_byte_order_mark};
use shared::log_entry::UnknownFields;

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

const NDJSON_EXAMPLE: &str = concat!(
    r#"{"service_name":"payment-service","message":"card accepted"}"#,
    "\n",
    r#"{"service_name":"payment-service","level":"error","message":"card declined"}"#,
    "\n"
);

/// The media types of a batch; the empty one stands for an absent `Content-Type`.
const MEDIA_TYPES: &[&str] = &[
    JSON,
    NDJSON,
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonl",
    "application/jsonlines",
    "application/x-jsonlines",
    "application/octet-stream",
    "text/plain",
    "",
];

/// A JSON array, or NDJSON.
pub(crate) struct BatchBody;

impl BodyContent for BatchBody {
    const DESCRIPTION: &str = "The entries as a JSON array.";

    const MEDIA_TYPE: &str = JSON;

    const ALSO_ACCEPTED: &[&str] = MEDIA_TYPES;

    fn schema() -> MetaSchemaRef {
        let array = MetaSchema {
            description: Some("Each element is an entry."),
            min_items: Some(1),
            items: Some(Box::new(NewLogEntry::schema_ref())),
            ..MetaSchema::new("array")
        };
        MetaSchemaRef::Inline(Box::new(array))
    }

    fn register(registry: &mut Registry) {
        NewLogEntry::register(registry);
    }
}

/// NDJSON, or a JSON array.
pub(crate) struct NdjsonBody;

impl BodyContent for NdjsonBody {
    const DESCRIPTION: &str = "The entries, one JSON object per line.";

    /// Every client generator supports this type.
    const MEDIA_TYPE: &str = "application/octet-stream";

    const ALSO_ACCEPTED: &[&str] = MEDIA_TYPES;

    fn schema() -> MetaSchemaRef {
        let lines = MetaSchema {
            description: Some("Each line is a NewLogEntry in JSON."),
            example: Some(NDJSON_EXAMPLE.into()),
            ..MetaSchema::new_with_format("string", "binary")
        };
        MetaSchemaRef::Inline(Box::new(lines))
    }

    fn register(_: &mut Registry) {}
}

/// Parses and packs the entries. Also returns the decoded body, which keeps its memory reserved
/// until the entries are on the queue.
pub(crate) fn pack(
    body: EncodedBody,
    unknown: UnknownFields,
    mut packer: Packer,
) -> Result<(Packed<Outcome>, DecodedBody), Problem> {
    let is_ndjson = !matches!(body.media_type.as_str(), JSON | "");
    let mut body = body.decode()?;
    if is_ndjson && !is_array(&body.bytes) {
        pack_lines(&body.bytes, unknown, &mut packer)?;
    } else {
        pack_values(&body.bytes, unknown, &mut packer)?;
    }
    let entries = packer.finish();
    body.reserve(entries.bytes())?;
    Ok((entries, body))
}

/// Whether the body is an array of objects despite its media type.
fn is_array(body: &[u8]) -> bool {
    let body = without_byte_order_mark(body).trim_ascii();
    let inner = body.strip_prefix(b"[").and_then(|body| body.strip_suffix(b"]"));
    inner.is_some_and(|inner| inner.trim_ascii_start().starts_with(b"{"))
}

/// Packs the entry on each line. Blank lines are ignored, but counted in line numbers.
fn pack_lines(body: &[u8], unknown: UnknownFields, packer: &mut Packer) -> Result<(), Problem> {
    for (index, line) in without_byte_order_mark(body).split(|byte| *byte == b'\n').enumerate() {
        if !line.trim_ascii().is_empty() {
            let entry = NewLogEntry::parse(line, unknown);
            packer.push(index, entry).map_err(bad_request)?;
        }
    }
    Ok(())
}

/// Packs the elements of an array, or concatenated entries. An incomplete array is rejected as a
/// whole, because the client will send it again.
fn pack_values(body: &[u8], unknown: UnknownFields, packer: &mut Packer) -> Result<(), Problem> {
    for (index, json) in values(body).enumerate() {
        let entry = NewLogEntry::parse(json.map_err(bad_request)?, unknown);
        packer.push(index, entry).map_err(bad_request)?;
    }
    Ok(())
}

fn bad_request(detail: impl fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail.to_string())
}
