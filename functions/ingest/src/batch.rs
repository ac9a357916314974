//! A batch: a JSON array or NDJSON, each entry taken or refused by itself.
//! What is taken is packed into few records of the queue.

use std::fmt;

use poem::http::StatusCode;
use poem_openapi::Object;
use poem_openapi::registry::{MetaMediaType, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use shared::http::{BodyContent, DecodedBody, EncodedBody, Problem};
use shared::log_entry::{FieldError, Invalid, MAX_POSITION};
use shared::queue::{Record, RecordPacker};
use shared::{Arrival, EntryId, NewLogEntry};

use crate::figures;

const NDJSON: &str = "application/x-ndjson";

/// How many refused lines are told.
const MAX_ERRORS: usize = 100;

/// What became of a batch.
#[derive(Debug, Default, Serialize, Object)]
#[oai(read_only_all)]
pub(crate) struct BatchSaved {
    /// Entries that are safe.
    pub(crate) accepted: usize,
    /// Entries that were refused.
    pub(crate) rejected: usize,
    /// Why, for the first 100 of them.
    errors: Vec<LineError>,
    /// With `?ids=true`: the id of each line that is not blank, null where it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    ids: Option<Vec<Option<String>>>,
}

/// Why a line was refused.
#[derive(Debug, Serialize, Object)]
#[oai(read_only_all)]
struct LineError {
    /// The line, or the position in the array, from 1.
    line: usize,
    /// What is wrong with it.
    detail: String,
}

/// The body of `POST /logs/batch`.
pub(crate) struct ManyEntries;

impl BodyContent for ManyEntries {
    fn content() -> Vec<MetaMediaType> {
        let array = MetaSchema {
            description: Some("The entries."),
            items: Some(Box::new(NewLogEntry::schema_ref())),
            ..MetaSchema::new("array")
        };
        let lines = MetaSchema {
            description: Some("One entry a line, each the JSON of a NewLogEntry."),
            ..MetaSchema::new("string")
        };
        let inline = |schema| MetaSchemaRef::Inline(Box::new(schema));
        vec![
            MetaMediaType { content_type: "application/json", schema: inline(array) },
            MetaMediaType { content_type: NDJSON, schema: inline(lines) },
        ]
    }

    fn register(registry: &mut Registry) {
        NewLogEntry::register(registry);
    }
}

/// Records for the queue, and what the client is told once they are on it.
pub(crate) struct Packed<T> {
    pub(crate) records: Vec<Record>,
    pub(crate) answer: T,
    /// Keeps the memory of body and records counted until they are on the queue.
    _body: DecodedBody,
}

/// Parses the one entry of a body and packs it.
pub(crate) fn pack_one(
    body: EncodedBody,
    arrival: &Arrival,
    max_bytes: usize,
) -> Result<Packed<EntryId>, Problem> {
    let body = body.decode()?;
    let entry = NewLogEntry::from_json(&body.bytes)?.arrive(arrival, 0)?;
    let mut packer = RecordPacker::default();
    packer.push(&entry, max_bytes).map_err(|size| {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, entry_too_large(size, max_bytes))
    })?;
    Ok(Packed { records: packer.finish(), answer: entry.id, _body: body })
}

/// Parses a batch and packs what can be taken into records. Takes a processor for a while.
pub(crate) fn pack(
    body: EncodedBody,
    arrival: &Arrival,
    max_bytes: usize,
    with_ids: bool,
) -> Result<Packed<BatchSaved>, Problem> {
    let is_ndjson = body.media_type == NDJSON;
    let mut body = body.decode()?;
    let mut batch = Packing::new(arrival, max_bytes, with_ids);
    if is_ndjson {
        for (index, line) in body.bytes.split(|byte| *byte == b'\n').enumerate() {
            if !line.trim_ascii().is_empty() {
                batch.take(index, line).map_err(bad_batch)?;
            }
        }
    } else {
        let mut json = serde_json::Deserializer::from_slice(&body.bytes);
        let taken = json.deserialize_seq(Array(&mut batch)).and_then(|()| json.end());
        taken.map_err(|error| bad_batch(&format!("the body is not a JSON array: {error}")))?;
    }
    let (records, answer) = batch.finish()?;
    body.reserve(records.iter().map(|record| record.as_bytes().len()).sum())?;
    Ok(Packed { records, answer, _body: body })
}

fn entry_too_large(size: usize, max: usize) -> String {
    format!("the entry has {size} bytes as it is kept, more than the limit of {max}")
}

fn bad_batch(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

/// Takes the entries of a JSON array as they are read: a list of them all would be large.
struct Array<'a, 'b>(&'a mut Packing<'b>);

impl<'de> Visitor<'de> for Array<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let mut index = 0;
        while let Some(entry) = entries.next_element::<&RawValue>()? {
            self.0.take(index, entry.get().as_bytes()).map_err(de::Error::custom)?;
            index += 1;
        }
        Ok(())
    }
}

/// Why a line is not taken: for the figures, and for the client.
struct Refused {
    reason: &'static str,
    detail: String,
}

/// A batch on its way into records.
struct Packing<'a> {
    arrival: &'a Arrival,
    max_entry_bytes: usize,
    records: RecordPacker,
    saved: BatchSaved,
}

impl<'a> Packing<'a> {
    fn new(arrival: &'a Arrival, max_entry_bytes: usize, with_ids: bool) -> Self {
        let saved = BatchSaved { ids: with_ids.then(Vec::new), ..BatchSaved::default() };
        Self { arrival, max_entry_bytes, records: RecordPacker::default(), saved }
    }

    /// Takes the entry at `index`, from 0, or notes why not. Fails if there are too many.
    fn take(&mut self, index: usize, json: &[u8]) -> Result<(), &'static str> {
        let position = u32::try_from(index).ok().filter(|position| *position <= MAX_POSITION);
        let position = position.ok_or("a batch has at most 1048576 lines")?;
        let taken = self.parse(position, json);
        if let Some(ids) = &mut self.saved.ids {
            ids.push(taken.as_ref().ok().map(ToString::to_string));
        }
        match taken {
            Ok(_) => self.saved.accepted += 1,
            Err(Refused { reason, detail }) => {
                figures::refused(reason, 1);
                self.saved.rejected += 1;
                if self.tells_errors() {
                    self.saved.errors.push(LineError { line: index + 1, detail });
                }
            }
        }
        Ok(())
    }

    fn tells_errors(&self) -> bool {
        self.saved.errors.len() < MAX_ERRORS
    }

    fn parse(&mut self, position: u32, json: &[u8]) -> Result<EntryId, Refused> {
        let told = |Invalid { detail, .. }| Refused { reason: figures::INVALID, detail };
        let entry = if self.tells_errors() {
            NewLogEntry::from_json(json).map_err(told)?
        } else {
            // Nobody will read why: finding out takes longer than anything else.
            serde_json::from_slice(json).map_err(|_| Invalid::whole("")).map_err(told)?
        };
        let entry = entry.arrive(self.arrival, position).map_err(told)?;
        let pushed = self.records.push(&entry, self.max_entry_bytes);
        pushed.map_err(|size| Refused {
            reason: figures::TOO_LARGE,
            detail: entry_too_large(size, self.max_entry_bytes),
        })?;
        Ok(entry.id)
    }

    fn finish(self) -> Result<(Vec<Record>, BatchSaved), Problem> {
        if self.saved.accepted > 0 {
            return Ok((self.records.finish(), self.saved));
        }
        let detail = match self.saved.rejected {
            0 => "the batch has no entry".to_owned(),
            refused => format!("none of the {refused} entries can be taken"),
        };
        let in_line = |error: LineError| FieldError {
            field: format!("line {}", error.line),
            detail: error.detail,
        };
        let errors = self.saved.errors.into_iter().map(in_line).collect();
        Err(Problem { errors, ..Problem::new(StatusCode::BAD_REQUEST, detail) })
    }
}
