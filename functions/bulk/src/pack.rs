//! Packs the documents of a request, and writes the response. Documents are parsed and packed one
//! at a time, because a list of all of them could be large.

use std::mem;

use poem::http::StatusCode;
use shared::Arrival;
use shared::http::{DecodedBody, EncodedBody, Problem};
use shared::intake::shape::Names;
use shared::intake::{Packed, Packer, Reason, Rejection};
use shared::log_entry::ValidationError;

use crate::action::Operation;
use crate::document;
use crate::items::{Item, Items, Malformed};
use crate::protocol::Overload;
use crate::response_items::{Refusal, ResponseItems};

/// The refusal of updates and deletions, because log entries never change. Elasticsearch refuses
/// these actions for data streams too.
const NOT_MODIFIABLE: Refusal<'static> = Refusal {
    status: StatusCode::BAD_REQUEST,
    kind: "illegal_argument_exception",
    reason: "log entries cannot be updated or deleted; use create or index",
};

/// The maximum size of the items in the response to a request that is refused as a whole, in bytes.
const MAX_REFUSAL_BYTES: usize = 4 * 1024 * 1024;

/// The parts of a request, besides its body, that packing needs.
pub(crate) struct Request<'a> {
    /// The index of actions that do not name one.
    pub(crate) index: Option<&'a str>,
    pub(crate) arrival: Arrival,
    pub(crate) names: &'a Names,
}

/// Packs the documents. Also returns the decoded body, which keeps its memory reserved until the
/// entries are on the queue.
///
/// # Errors
/// When the body cannot be decoded, actions and documents cannot be told apart, or the entries and
/// the response are too large. No document is saved in these cases.
pub(crate) fn pack(
    body: EncodedBody,
    request: &Request<'_>,
    packer: Packer,
) -> Result<(Packed<ResponseItems>, DecodedBody), Problem> {
    let mut body = body.decode()?;
    let bytes = mem::take(&mut body.bytes);
    let result = pack_items(&bytes, request, packer, &mut body);
    body.bytes = bytes;
    match result {
        Ok(entries) => Ok((entries, body)),
        Err(problem) if problem.status == StatusCode::SERVICE_UNAVAILABLE => {
            Err(refuse_all(problem, &body, request.index))
        }
        Err(problem) => Err(problem),
    }
}

fn pack_items(
    bytes: &[u8],
    request: &Request<'_>,
    mut packer: Packer,
    body: &mut DecodedBody,
) -> Result<Packed<ResponseItems>, Problem> {
    let mut response = ResponseItems::default();
    let mut count = 0;
    for item in Items::of(bytes, request.index) {
        let Item { action, document } = item?;
        let is_appended = matches!(action.operation, Operation::Create | Operation::Index);
        let entry = if is_appended {
            document::entry(&action, document, request.names, &request.arrival)
        } else {
            Err(ValidationError::whole(NOT_MODIFIABLE.reason))
        };
        let pushed = packer.push_one(count, entry);
        match pushed.map_err(|error| bad_request(&error.to_string()))? {
            Ok(id) => match &action.id {
                Some(id) => response.saved(&action, id),
                None => response.saved(&action, &id.to_string()),
            },
            Err(_) if !is_appended => response.refused(&action, NOT_MODIFIABLE),
            Err(rejection) => response.refused(&action, refusal(&rejection)),
        }
        count += 1;
        let size = packer.bytes() + response.bytes();
        body.reserve_entries(size)?;
    }
    if count == 0 {
        return Err(bad_request("request body is required"));
    }
    let entries = packer.finish().map(|_| response);
    body.reserve(entries.bytes() + entries.result().bytes())?;
    Ok(entries)
}

/// Adds an item for each action to a problem that prevents all documents from being saved. If there
/// are too many actions, the response has no items.
pub(crate) fn refuse_all(problem: Problem, body: &DecodedBody, index: Option<&str>) -> Problem {
    let refusal = Refusal {
        // rsyslog resends documents with this status in their items.
        status: StatusCode::TOO_MANY_REQUESTS,
        kind: "es_rejected_execution_exception",
        reason: &problem.detail,
    };
    let mut response = ResponseItems::default();
    for Item { action, .. } in Items::of(&body.bytes, index).map_while(Result::ok) {
        response.refused(&action, refusal);
        if response.bytes() > MAX_REFUSAL_BYTES {
            return problem;
        }
    }
    Overload::with_items(problem, response)
}

fn refusal(rejection: &Rejection) -> Refusal<'_> {
    let (status, kind) = match rejection.reason {
        Reason::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "illegal_argument_exception"),
        _ => (StatusCode::BAD_REQUEST, "document_parsing_exception"),
    };
    Refusal { status, kind, reason: &rejection.error.detail }
}

impl From<Malformed> for Problem {
    fn from(error: Malformed) -> Self {
        bad_request(&error.to_string())
    }
}

fn bad_request(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}
