//! Bulk requests: entries out, and what became of each of them back.

use std::io::Write;

use serde::Deserialize;

use super::days::{Day, Days};
use super::document;
use super::{failed, unavailable};
use crate::error::{Refused, Result};
use crate::log_entry::LogEntry;

/// A request ends with the entry that reaches this. An entry and its copy have 2 MiB and a bit, so
/// no request has more than 8.
const MAX_BODY_BYTES: usize = 5 * 1024 * 1024;

/// The most of a reason that is told: OpenSearch repeats the value that it does not like.
const MAX_REASON_CHARS: usize = 1000;

const CREATED: u16 = 201;
const BAD_REQUEST: u16 = 400;
const CONFLICT: u16 = 409;

/// A request that creates the first entries of the slice, and how many they are.
pub(super) fn body(days: &Days, entries: &[LogEntry]) -> (Vec<u8>, usize) {
    let mut body = Vec::with_capacity(entries.len().min(10_000) * 512);
    let mut count = 0;
    let mut of_day = None;
    for entry in entries {
        let day = Day::of(entry.id);
        let (_, name) = match of_day.take() {
            Some((last, name)) if last == day => of_day.insert((day, name)),
            _ => of_day.insert((day, days.name(day))),
        };
        // A vector takes any write.
        let _ = writeln!(body, r#"{{"create":{{"_index":"{name}","_id":"{}"}}}}"#, entry.id);
        document::write(entry, &mut body);
        body.push(b'\n');
        count += 1;
        if body.len() >= MAX_BODY_BYTES {
            break;
        }
    }
    (body, count)
}

#[derive(Deserialize)]
struct Answer {
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
struct Cause {
    r#type: String,
    reason: Option<String>,
    caused_by: Option<Box<Cause>>,
}

/// The entries that OpenSearch will never take, by the answer to a request of `count` entries.
///
/// # Errors
/// [`Error::Unavailable`] when the cluster could not take others, or does not speak of every entry.
/// [`Error::Failed`] when it did not take others for a reason that we do not know.
pub(super) fn refused(answer: &[u8], count: usize) -> Result<Vec<Refused>> {
    let Answer { items } = serde_json::from_slice(answer).map_err(unavailable)?;
    if items.len() != count {
        let told = items.len();
        return Err(unavailable(format!("OpenSearch answered {told} of {count} entries")));
    }
    let mut refused = Vec::new();
    let mut unclear = None;
    for (index, Item { create }) in items.into_iter().enumerate() {
        match create {
            // A conflict: the entry is there already.
            Outcome { status: CREATED | CONFLICT, .. } => {}
            Outcome { status: BAD_REQUEST, error: Some(cause) } if cause.is_the_document() => {
                refused.push(Refused { index, reason: cause.reason() });
            }
            Outcome { status, error } => {
                let is_away = is_away(status, error.as_ref());
                let reason = error.map(|cause| cause.reason()).unwrap_or_default();
                let reason = format!("OpenSearch answered {status} to an entry: {reason}");
                if is_away {
                    return Err(unavailable(reason));
                }
                unclear = Some(reason);
            }
        }
    }
    unclear.map_or(Ok(refused), |reason| Err(failed(reason)))
}

/// Whether the index or the cluster is what keeps the entry out: blocked, missing, closed, full,
/// overloaded, broken.
fn is_away(status: u16, cause: Option<&Cause>) -> bool {
    let kind = cause.map_or("", |cause| cause.r#type.as_str());
    matches!(status, 401 | 403 | 404 | 408 | 429 | 502 | 503 | 504)
        || matches!(kind, "index_closed_exception" | "validation_exception")
        || ["shard", "engine", "already_closed", "translog", "io_exception"]
            .iter()
            .any(|part| kind.contains(part))
}

impl Cause {
    /// Whether the document itself is what OpenSearch does not like. It says 400 of a closed index,
    /// of too many shards and of a full one, too: those pass, so only what is known counts.
    fn is_the_document(&self) -> bool {
        let is_too_long = |cause: &Self| cause.r#type == "max_bytes_length_exceeded_exception";
        matches!(
            self.r#type.as_str(),
            "mapper_parsing_exception" | "strict_dynamic_mapping_exception"
        ) || self.caused_by.as_deref().is_some_and(is_too_long)
    }

    /// The reasons in OpenSearch's words, the outer one first.
    fn reason(&self) -> String {
        let mut reason = self.r#type.clone();
        let mut cause = Some(self);
        while let Some(Self { reason: why, caused_by, .. }) = cause {
            if let Some(why) = why {
                reason.push_str(": ");
                reason.push_str(why);
            }
            cause = caused_by.as_deref();
        }
        reason.chars().take(MAX_REASON_CHARS).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn answer(items: &str) -> Result<Vec<Refused>> {
        let count = items.matches("status").count();
        refused(format!(r#"{{"items":[{items}]}}"#).as_bytes(), count)
    }

    fn item(status: u16, error: &str) -> String {
        format!(r#"{{"create":{{"status":{status},"error":{error}}}}}"#)
    }

    const CREATED_ITEM: &str = r#"{"create":{"status":201}}"#;
    const MAPPING: &str = r#"{"type":"mapper_parsing_exception","reason":"failed to parse",
        "caused_by":{"type":"json_parse_exception","reason":"Duplicate field"}}"#;

    #[test]
    fn what_is_there_already_is_as_good_as_created() {
        let conflict = item(409, r#"{"type":"version_conflict_engine_exception","reason":"r"}"#);
        assert_eq!(answer(&format!("{CREATED_ITEM},{conflict}")).unwrap(), []);
    }

    #[test]
    fn an_error_of_the_document_refuses_it_alone_with_its_reasons() {
        let too_long = item(
            400,
            r#"{"type":"illegal_argument_exception","reason":"immense term",
                "caused_by":{"type":"max_bytes_length_exceeded_exception","reason":"32766"}}"#,
        );
        let items = format!("{CREATED_ITEM},{},{too_long}", item(400, MAPPING));
        let refused = answer(&items).unwrap();
        let indexes: Vec<usize> = refused.iter().map(|refused| refused.index).collect();
        assert_eq!(indexes, [1, 2]);
        let reason = "mapper_parsing_exception: failed to parse: Duplicate field";
        assert_eq!(refused[0].reason, reason);
    }

    #[test]
    fn an_index_or_a_cluster_that_is_away_fails_the_whole_request() {
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
            let error = answer(&format!("{},{failed}", item(400, MAPPING))).unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{error}");
            assert!(error.to_string().contains(kind), "{error}");
        }
    }

    #[test]
    fn what_may_be_about_the_entry_or_the_cluster_is_left_open() {
        for (status, kind) in [(400, "illegal_argument_exception"), (500, "script_exception")] {
            let failed = item(status, &format!(r#"{{"type":"{kind}","reason":"why"}}"#));
            let error = answer(&format!("{failed},{CREATED_ITEM}")).unwrap_err();
            assert!(matches!(error, Error::Failed { .. }), "{error}");
            assert!(error.to_string().contains(kind), "{error}");
            let blocked = item(403, r#"{"type":"cluster_block_exception","reason":"why"}"#);
            let error = answer(&format!("{failed},{blocked}")).unwrap_err();
            assert!(matches!(error, Error::Unavailable { .. }), "{error}");
        }
    }

    #[test]
    fn an_answer_that_leaves_an_entry_out_is_not_believed() {
        let one = format!(r#"{{"items":[{CREATED_ITEM}]}}"#);
        assert!(refused(one.as_bytes(), 2).is_err());
        assert!(refused(b"{}", 1).is_err());
    }
}
