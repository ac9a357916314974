//! The body of `POST /logs/batch`: a JSON array or NDJSON.
//! Its entries are parsed and packed one by one, because a list of them would be large.

use std::fmt;

use poem::http::StatusCode;
use poem_openapi::registry::{MetaMediaType, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use shared::NewLogEntry;
use shared::http::{BodyContent, DecodedBody, EncodedBody, Problem};
use shared::intake::{Outcome, Packed, Packer, TooManyEntries};

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

/// The accepted body.
pub(crate) struct BatchBody;

impl BodyContent for BatchBody {
    fn content() -> Vec<MetaMediaType> {
        let array = MetaSchema {
            description: Some("The entries."),
            items: Some(Box::new(NewLogEntry::schema_ref())),
            ..MetaSchema::new("array")
        };
        let lines = MetaSchema {
            description: Some("One entry per line, each the JSON of a NewLogEntry."),
            ..MetaSchema::new("string")
        };
        let inline = |schema| MetaSchemaRef::Inline(Box::new(schema));
        vec![
            MetaMediaType { content_type: JSON, schema: inline(array) },
            MetaMediaType { content_type: NDJSON, schema: inline(lines) },
        ]
    }

    fn register(registry: &mut Registry) {
        NewLogEntry::register(registry);
    }
}

/// Parses and packs the entries. The decoded body goes with them: its memory stays reserved until
/// they are on the queue.
pub(crate) fn pack(
    body: EncodedBody,
    mut packer: Packer,
) -> Result<(Packed<Outcome>, DecodedBody), Problem> {
    let is_ndjson = body.media_type == NDJSON;
    let mut body = body.decode()?;
    if is_ndjson {
        pack_lines(&body.bytes, &mut packer).map_err(|error| bad_request(&error))?;
    } else {
        let array = pack_array(&body.bytes, &mut packer);
        array.map_err(|error| bad_request(&format!("the body is not a JSON array: {error}")))?;
    }
    let entries = packer.finish();
    body.reserve(entries.bytes())?;
    Ok((entries, body))
}

/// Blank lines are ignored, but count as lines.
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

fn bad_request(detail: &dyn fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail.to_string())
}
