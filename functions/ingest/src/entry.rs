//! The body of `POST /logs`: one entry as JSON.

use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use shared::http::{BodyContent, DecodedBody, EncodedBody, Problem};
use shared::intake::{Packed, pack_one};
use shared::{Arrival, EntryId, NewLogEntry};

use crate::count_rejected_body;

/// One entry as JSON.
pub(crate) struct EntryBody;

impl BodyContent for EntryBody {
    const DESCRIPTION: &str = "One entry.";

    const MEDIA_TYPE: &str = "application/json";

    fn schema() -> MetaSchemaRef {
        NewLogEntry::schema_ref()
    }

    fn register(registry: &mut Registry) {
        NewLogEntry::register(registry);
    }
}

/// Parses and packs the entry. Also returns the decoded body, which keeps its memory reserved until
/// the entry is on the queue.
pub(crate) fn pack(
    body: EncodedBody,
    arrival: &Arrival,
    max_entry_bytes: usize,
) -> Result<(Packed<EntryId>, DecodedBody), Problem> {
    let body = body.decode().inspect_err(count_rejected_body)?;
    let packed = pack_one(NewLogEntry::from_json(&body.bytes), arrival, max_entry_bytes)?;
    Ok((packed, body))
}
