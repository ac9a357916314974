//! A batch: a JSON array or NDJSON, each entry taken or refused by itself.
//! What is taken is packed into few records of the queue.

use poem::http::StatusCode;
use poem_openapi::Object;
use poem_openapi::registry::{MetaMediaType, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::http::{Accepts, Problem, Received};
use shared::log_entry::{FieldError, Invalid, MAX_POSITION};
use shared::queue::{Record, RecordPacker};
use shared::{Arrival, EntryId, NewLogEntry};

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
    /// With `?ids=true`: the id of each line, null where it was refused.
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

impl Accepts for ManyEntries {
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

/// Parses a batch and packs what can be taken into records. Takes a processor for a while.
pub(crate) fn pack(
    body: Received,
    arrival: &Arrival,
    max_entry_bytes: usize,
    with_ids: bool,
) -> Result<(Vec<Record>, BatchSaved), Problem> {
    let is_ndjson = body.media_type == NDJSON;
    let body = body.decode()?;
    let mut batch = Packing::new(arrival, max_entry_bytes, with_ids);
    if is_ndjson {
        for (index, line) in body.bytes.split(|byte| *byte == b'\n').enumerate() {
            if !line.trim_ascii().is_empty() {
                batch.take(index, line);
            }
        }
    } else {
        for (index, entry) in array(&body.bytes)?.into_iter().enumerate() {
            batch.take(index, entry.get().as_bytes());
        }
    }
    batch.finish()
}

/// What an entry beyond the limit is told.
pub(crate) fn entry_too_large(size: usize, max: usize) -> String {
    format!("the entry has {size} bytes as it is kept, more than the limit of {max}")
}

fn array(bytes: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let detail = format!("the body is not a JSON array: {error}");
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })
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

    /// Takes the entry at `index`, from 0, or notes why not.
    fn take(&mut self, index: usize, json: &[u8]) {
        let taken = self.parse(index, json);
        if let Some(ids) = &mut self.saved.ids {
            ids.push(taken.as_ref().ok().map(ToString::to_string));
        }
        match taken {
            Ok(_) => self.saved.accepted += 1,
            Err(detail) => {
                self.saved.rejected += 1;
                if self.saved.errors.len() < MAX_ERRORS {
                    self.saved.errors.push(LineError { line: index + 1, detail });
                }
            }
        }
    }

    fn parse(&mut self, index: usize, json: &[u8]) -> Result<EntryId, String> {
        let told = |invalid: Invalid| invalid.detail;
        let position = u32::try_from(index).ok().filter(|position| *position <= MAX_POSITION);
        let position = position.ok_or("a batch has at most 1048576 lines")?;
        let entry = NewLogEntry::from_json(json).map_err(told)?;
        let entry = entry.arrive(self.arrival, position).map_err(told)?;
        let pushed = self.records.push(&entry, self.max_entry_bytes);
        pushed.map_err(|size| entry_too_large(size, self.max_entry_bytes))?;
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
