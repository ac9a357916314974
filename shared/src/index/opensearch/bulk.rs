//! Builds bulk requests, and reads the outcome for each entry from the response.

use std::io::Write;

use opensearch::{BulkParts, OpenSearch};
use serde::Deserialize;

use super::day_index::{DayIndex, Days};
use super::response::successful_body;
use super::{ADD_TIMEOUT, SERVICE, SHARD_TIMEOUT, document, unavailable};
use crate::error::{Error, Refused, Result};
use crate::log_entry::LogEntry;
use crate::query::Leaf;

/// No entry is added to a request that has reached this size. An entry takes at most 1 MiB. Its
/// document is usually two or three times as large, but can take 40 MiB if normalization expands
/// its characters, so a request is smaller than 45 MiB; OpenSearch accepts 100 MiB.
const MAX_BODY_BYTES: usize = 5 * 1024 * 1024;

/// Reasons are truncated to this length, because OpenSearch repeats the value that it rejects.
const MAX_REASON_CHARS: usize = 1000;

/// The fields of a response that are read. The whole response would be ten times as large.
const RESPONSE_FIELDS: &[&str] = &["items.*.status", "items.*.error"];

/// The type of the error for a field that is missing from the mapping of its object.
const STRICT_MAPPING: &str = "strict_dynamic_mapping_exception";

const CREATED: u16 = 201;
const BAD_REQUEST: u16 = 400;
const CONFLICT: u16 = 409;

/// Adds each entry to the index of its part.
pub(super) async fn add(
    client: &OpenSearch,
    days: &Days,
    entries: &[LogEntry],
    leaves: &[Vec<Leaf>],
) -> Result<Outcomes> {
    let mut all = Outcomes::default();
    let mut added = 0;
    while added < entries.len() {
        let (body, count) = body(days, &entries[added..], &leaves[added..]);
        if count == 0 {
            return Err(Error::failed(SERVICE, "the entry belongs to another index"));
        }
        let outcomes = send(client, body, count).await?;
        all.refused.extend(outcomes.refused.into_iter().map(|one| one.shifted_by(added)));
        all.lacks_fields |= outcomes.lacks_fields;
        added += count;
    }
    Ok(all)
}

/// Sends a request with `count` entries, and reads the outcome for each of them.
async fn send(client: &OpenSearch, body: Vec<u8>, count: usize) -> Result<Outcomes> {
    let bulk = client
        .bulk(BulkParts::None)
        .filter_path(RESPONSE_FIELDS)
        .timeout(SHARD_TIMEOUT)
        .request_timeout(ADD_TIMEOUT)
        .body(vec![body]);
    let response = successful_body(bulk.send().await).await.map_err(unavailable)?;
    outcomes(&response, count)
}

/// Builds the body of a request that adds the first of the entries. Returns the body and the number
/// of entries in it: 0 if the index of the first one is not in `days`.
fn body(days: &Days, entries: &[LogEntry], leaves: &[Vec<Leaf>]) -> (Vec<u8>, usize) {
    let mut body = Vec::with_capacity(entries.len().min(10_000) * 1024);
    let mut count = 0;
    for (entry, leaves) in entries.iter().zip(leaves) {
        let Some(DayIndex { name, columns, is_alias }) = days.index(entry) else {
            break;
        };
        let id = entry.id;
        let target = format!(r#""_index":"{name}","_id":"{id}","require_alias":{is_alias}"#);
        // Writing to a vector cannot fail.
        let _ = writeln!(body, r#"{{"create":{{{target}}}}}"#);
        let is_column = |path: &str| columns.contains(path);
        document::write(entry, leaves, columns.generation(), is_column, &mut body);
        body.push(b'\n');
        count += 1;
        if body.len() >= MAX_BODY_BYTES {
            break;
        }
    }
    (body, count)
}

/// The outcomes for the entries in a request.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcomes {
    /// The entries that OpenSearch will never accept.
    pub(super) refused: Vec<Refused>,
    /// Whether an index lacks a field of an entry, as it may after it has been rebuilt, or deleted
    /// and recreated.
    pub(super) lacks_fields: bool,
}

#[derive(Deserialize)]
struct Response {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    error: Option<Cause>,
}

#[derive(Deserialize)]
pub(super) struct Cause {
    r#type: String,
    reason: Option<String>,
    caused_by: Option<Box<Cause>>,
}

/// Reads the response to a request with `count` entries.
///
/// # Errors
/// [`Error::Unavailable`] when the cluster could not accept an entry, or the response does not
/// cover every entry. [`Error::Failed`] when an entry failed for an unknown reason.
pub(super) fn outcomes(response: &[u8], count: usize) -> Result<Outcomes> {
    let Response { items } = serde_json::from_slice(response).map_err(unavailable)?;
    if items.len() != count {
        let covered = items.len();
        return Err(unavailable(format!("the response covers {covered} of {count} entries")));
    }
    let mut outcomes = Outcomes::default();
    let mut unknown = None;
    for (index, Item { create }) in items.into_iter().enumerate() {
        match create {
            // A conflict means that the entry already exists.
            Outcome { status: CREATED | CONFLICT, .. } => {}
            Outcome { status: BAD_REQUEST, error: Some(cause) } if cause.is_document_error() => {
                outcomes.lacks_fields |= cause.r#type == STRICT_MAPPING;
                outcomes.refused.push(Refused::invalid(index, cause.reason()));
            }
            Outcome { status, error } => {
                let is_cluster_error = is_cluster_error(status, error.as_ref());
                let reason = error.map(|cause| cause.reason()).unwrap_or_default();
                let reason = format!("OpenSearch returned {status} for an entry: {reason}");
                if is_cluster_error {
                    return Err(unavailable(reason));
                }
                unknown = Some(reason);
            }
        }
    }
    unknown.map_or(Ok(outcomes), |reason| Err(Error::failed(SERVICE, reason)))
}

/// Whether the index or the cluster is the cause: it is blocked, missing, closed, full, overloaded
/// or damaged.
fn is_cluster_error(status: u16, cause: Option<&Cause>) -> bool {
    let kind = cause.map_or("", |cause| cause.r#type.as_str());
    matches!(status, 401 | 403 | 404 | 408 | 429 | 502 | 503 | 504)
        || matches!(kind, "index_closed_exception" | "validation_exception")
        || ["shard", "engine", "already_closed", "translog", "io_exception"]
            .iter()
            .any(|part| kind.contains(part))
}

impl Cause {
    /// Whether the document is the cause. OpenSearch also returns 400 for a closed or full index and
    /// for too many shards, which are temporary, so only known types count.
    fn is_document_error(&self) -> bool {
        let is_too_long = |cause: &Self| cause.r#type == "max_bytes_length_exceeded_exception";
        matches!(self.r#type.as_str(), "mapper_parsing_exception" | STRICT_MAPPING)
            || self.caused_by.as_deref().is_some_and(is_too_long)
    }

    /// The type of the error, then OpenSearch's reasons, outermost first.
    pub(super) fn reason(&self) -> String {
        let mut reason = self.r#type.clone();
        let mut cause = Some(self);
        while let Some(Self { reason: text, caused_by, .. }) = cause {
            if let Some(text) = text {
                reason.push_str(": ");
                reason.push_str(text);
            }
            cause = caused_by.as_deref();
        }
        reason.chars().take(MAX_REASON_CHARS).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::query::leaves;
    use crate::testing::EntryBuilder;

    fn outcome(items: &str) -> Result<Outcomes> {
        let count = items.matches("status").count();
        outcomes(format!(r#"{{"items":[{items}]}}"#).as_bytes(), count)
    }

    fn item(status: u16, error: &str) -> String {
        format!(r#"{{"create":{{"status":{status},"error":{error}}}}}"#)
    }

    const CREATED_ITEM: &str = r#"{"create":{"status":201}}"#;
    const MAPPING_ERROR: &str = r#"{"type":"mapper_parsing_exception","reason":"failed to parse",
        "caused_by":{"type":"json_parse_exception","reason":"Duplicate field"}}"#;

    #[test]
    fn the_largest_documents_take_less_than_40_mib() {
        // 16 parts, so that it has as many forms as possible.
        let word = (b'a'..b'p').map(|c| format!("{}X", char::from(c).to_string().repeat(60)));
        let word: String = word.collect();
        let words = format!("{word} ").repeat((1 << 20) / (word.len() + 1));
        let attributes = json!({"words": words}).to_string();
        // One character becomes 18, and the escape sequence causes a second copy.
        let expanding = format!("\u{1b}[m{}", "\u{fdfa}".repeat((1 << 20) / 3 - 1));
        let messages = [words.as_str(), &expanding, &"\u{1b}[m".repeat(1 << 18)];
        let entries = messages.map(|message| EntryBuilder::new(message).build());
        let with_attributes = EntryBuilder::new("m").attributes(&attributes).build();
        for entry in entries.iter().chain([&with_attributes]) {
            let mut body = Vec::new();
            let leaves = leaves(entry.attributes.as_ref());
            document::write(entry, &leaves, "0", |_| true, &mut body);
            assert!(body.len() < 40 << 20, "{} bytes", body.len());
        }
    }

    #[test]
    fn an_entry_that_already_exists_counts_as_created() {
        let conflict = item(409, r#"{"type":"version_conflict_engine_exception","reason":"r"}"#);
        assert_eq!(outcome(&format!("{CREATED_ITEM},{conflict}")).unwrap(), Outcomes::default());
    }

    #[test]
    fn only_the_entry_with_a_document_error_is_refused_with_the_reasons() {
        let too_long = item(
            400,
            r#"{"type":"illegal_argument_exception","reason":"immense term",
                "caused_by":{"type":"max_bytes_length_exceeded_exception","reason":"32766"}}"#,
        );
        let items = format!("{CREATED_ITEM},{},{too_long}", item(400, MAPPING_ERROR));
        let Outcomes { refused, lacks_fields } = outcome(&items).unwrap();
        assert!(!lacks_fields);
        let indexes: Vec<usize> = refused.iter().map(|refused| refused.index).collect();
        assert_eq!(indexes, [1, 2]);
        let reason = "mapper_parsing_exception: failed to parse: Duplicate field";
        assert_eq!(refused[0].reason.to_string(), reason);
    }

    #[test]
    fn an_entry_with_an_unknown_column_is_refused_and_reported() {
        let unknown = item(400, r#"{"type":"strict_dynamic_mapping_exception","reason":"r"}"#);
        let outcomes = outcome(&format!("{CREATED_ITEM},{unknown}")).unwrap();
        assert!(outcomes.lacks_fields);
        assert_eq!(outcomes.refused.len(), 1);
    }

    #[test]
    fn index_and_cluster_errors_are_classified_as_unavailable() {
        for (status, kind) in [
            (400, "index_closed_exception"),
            (400, "validation_exception"),
            (403, "cluster_block_exception"),
            (404, "index_not_found_exception"),
            (429, "rejected_execution_exception"),
            (500, "refresh_failed_engine_exception"),
            (503, "unavailable_shards_exception"),
        ] {
            let failed = item(status, &format!(r#"{{"type":"{kind}","reason":"why"}}"#));
            let error = outcome(&format!("{},{failed}", item(400, MAPPING_ERROR))).unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{error}");
            assert!(error.to_string().contains(kind), "{error}");
        }
    }

    #[test]
    fn unknown_errors_are_classified_as_failed_unless_the_cluster_is_down() {
        for (status, kind) in [(400, "illegal_argument_exception"), (500, "script_exception")] {
            let failed = item(status, &format!(r#"{{"type":"{kind}","reason":"why"}}"#));
            let error = outcome(&format!("{failed},{CREATED_ITEM}")).unwrap_err();
            assert!(matches!(error, Error::Failed { .. }), "{error}");
            assert!(error.to_string().contains(kind), "{error}");
            let blocked = item(403, r#"{"type":"cluster_block_exception","reason":"why"}"#);
            let error = outcome(&format!("{failed},{blocked}")).unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{error}");
        }
    }

    #[test]
    fn a_response_that_omits_an_entry_is_an_error() {
        let one = format!(r#"{{"items":[{CREATED_ITEM}]}}"#);
        assert!(outcomes(one.as_bytes(), 2).is_err());
        assert!(outcomes(b"{}", 1).is_err());
    }
}
