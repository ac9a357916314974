//! The bodies of `POST /logs/batch` and `POST /logs/ndjson`: a JSON array, or a JSON entry per
//! line. Entries are parsed and packed one at a time, because a list of all of them could be large.

use std::fmt;

use poem::http::StatusCode;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use shared::NewLogEntry;
use shared::http::{BodyContent, DecodedBody, EncodedBody, Problem};
use shared::intake::{Outcome, Packed, Packer, TooManyEntries};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

const NDJSON_EXAMPLE: &str = concat!(
    r#"{"service_name":"payment-service","message":"card accepted"}"#,
    "\n",
    r#"{"service_name":"payment-service","level":"error","message":"card declined"}"#,
    "\n"
);

/// A JSON array, or NDJSON.
pub(crate) struct BatchBody;

impl BodyContent for BatchBody {
    const DESCRIPTION: &str = "The entries as a JSON array.";

    const MEDIA_TYPE: &str = JSON;

    const ALSO_ACCEPTED: &[&str] = &[NDJSON];

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

/// NDJSON, with any of its media types.
pub(crate) struct NdjsonBody;

impl BodyContent for NdjsonBody {
    const DESCRIPTION: &str = "The entries, one JSON object per line.";

    /// Every client generator supports this type.
    const MEDIA_TYPE: &str = "application/octet-stream";

    const ALSO_ACCEPTED: &[&str] = &[
        NDJSON,
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "text/plain",
    ];

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
    mut packer: Packer,
) -> Result<(Packed<Outcome>, DecodedBody), Problem> {
    let is_array = body.media_type == JSON;
    let mut body = body.decode()?;
    if is_array {
        let array = pack_array(&body.bytes, &mut packer);
        array.map_err(|error| explain_array(&body.bytes, &error))?;
    } else {
        pack_lines(&body.bytes, &mut packer).map_err(|error| bad_request(&error))?;
    }
    let entries = packer.finish();
    body.reserve(entries.bytes())?;
    Ok((entries, body))
}

/// Packs the entry on each line. Blank lines are ignored, but counted in line numbers.
fn pack_lines(body: &[u8], packer: &mut Packer) -> Result<(), TooManyEntries> {
    for (index, line) in body.split(|byte| *byte == b'\n').enumerate() {
        if !line.trim_ascii().is_empty() {
            packer.push(index, NewLogEntry::from_json(line))?;
        }
    }
    Ok(())
}

fn pack_array(body: &[u8], packer: &mut Packer) -> serde_json::Result<()> {
    let mut json = serde_json::Deserializer::from_slice(body);
    json.deserialize_seq(ArrayVisitor(packer))?;
    json.end()
}

/// Packs the elements of a JSON array as they are parsed.
struct ArrayVisitor<'a>(&'a mut Packer);

impl<'de> Visitor<'de> for ArrayVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(element) = elements.next_element::<&RawValue>()? {
            let entry = NewLogEntry::from_json(element.get().as_bytes());
            self.0.push(index, entry).map_err(de::Error::custom)?;
            index += 1;
        }
        Ok(())
    }
}

fn explain_array(body: &[u8], error: &serde_json::Error) -> Problem {
    if body.trim_ascii_start().first() != Some(&b'[') {
        let detail = "the body must be a JSON array of entries; for one entry per line, use POST \
                      /logs/ndjson";
        return bad_request(&detail);
    }
    if error.is_data() {
        // The JSON is valid, but the array has too many entries.
        return bad_request(error);
    }
    bad_request(&format_args!("the body is not a valid JSON array: {error}"))
}

fn bad_request(detail: &dyn fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail.to_string())
}
