//! The body of `POST /logs`: one entry as JSON.

use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use shared::http::{BodyContent, DecodedBody, EncodedBody, Problem};
use shared::intake::{Limits, Packed, Rejection, pack_one};
use shared::log_entry::UnknownFields;
use shared::{Arrival, EntryId, NewLogEntry};

use crate::PROTOCOL;

/// One entry as JSON.
pub(crate) struct EntryBody;

impl BodyContent for EntryBody {
    const DESCRIPTION: &str = "One entry.";

    const MEDIA_TYPE: &str = "application/json";

    const ALSO_ACCEPTED: &[&str] = &[""];

    fn schema() -> MetaSchemaRef {
        NewLogEntry::schema_ref()
    }

    fn register(registry: &mut Registry) {
        NewLogEntry::register(registry);
    }
}

/// The packed entry and the decoded body, or why the entry is rejected. The body keeps its memory
/// reserved until the entry is on the queue.
type Entry = Result<(Packed<EntryId>, DecodedBody), Rejection>;

/// Parses and packs the entry. Counts the entry if it is rejected.
///
/// # Errors
/// When the body cannot be decoded.
pub(crate) fn pack(
    body: EncodedBody,
    arrival: &Arrival,
    unknown: UnknownFields,
    limits: &Limits,
) -> Result<Entry, Problem> {
    let body = body.decode()?;
    let entry = NewLogEntry::parse(&body.bytes, unknown);
    let packed = pack_one(PROTOCOL, entry, arrival, limits);
    Ok(packed.map(|packed| (packed, body)))
}
