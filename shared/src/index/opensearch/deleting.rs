//! Deletes entries by id.
//!
//! While the index of a day is being rebuilt, its entries are deleted from the new index too, which
//! may already have them. A bulk request finds the indexes behind all names at one point in time: if
//! the new index replaces the current one, the name of the day's index finds it from then on.

use std::io::Write;

use opensearch::{BulkParts, OpenSearch};
use serde::Deserialize;

use super::bulk::Cause;
use super::rebuild::write_alias;
use super::response::successful_body;
use super::{ADD_TIMEOUT, OpenSearchIndex, SHARD_TIMEOUT, unavailable};
use crate::error::Result;
use crate::log_entry::{Day, EntryId};
use crate::retention::{Class, Part};

/// The number of actions in a request.
const MAX_ACTIONS: usize = 2000;

/// The fields of a response that are read.
const RESPONSE_FIELDS: &[&str] = &["items.*.status", "items.*.error"];

const OK: u16 = 200;
const NOT_FOUND: u16 = 404;

impl OpenSearchIndex {
    pub(super) async fn delete_entries(&self, class: &Class, ids: &[EntryId]) -> Result<()> {
        let names = |id: &EntryId| {
            let name = self.indexes.name(&Part { day: Day::of(*id), class: class.clone() });
            ([write_alias(&name), name], *id)
        };
        let targets: Vec<([String; 2], EntryId)> = ids.iter().map(names).collect();
        send(&self.client, targets.iter().map(|(names, id)| (&names[..], *id))).await
    }
}

/// Deletes each entry from the indexes with these names. A name need not exist, and an index need not
/// have the entry.
pub(super) async fn send<'n>(
    client: &OpenSearch,
    targets: impl Iterator<Item = (&'n [String], EntryId)>,
) -> Result<()> {
    let mut body = Vec::new();
    let mut count = 0;
    for (names, id) in targets {
        for name in names {
            // Writing to a vector cannot fail.
            let _ = writeln!(body, r#"{{"delete":{{"_index":"{name}","_id":"{id}"}}}}"#);
            count += 1;
        }
        if count >= MAX_ACTIONS {
            send_actions(client, std::mem::take(&mut body), count).await?;
            count = 0;
        }
    }
    if count > 0 { send_actions(client, body, count).await } else { Ok(()) }
}

async fn send_actions(client: &OpenSearch, body: Vec<u8>, count: usize) -> Result<()> {
    let bulk = client
        .bulk(BulkParts::None)
        .filter_path(RESPONSE_FIELDS)
        .timeout(SHARD_TIMEOUT)
        .request_timeout(ADD_TIMEOUT)
        .body(vec![body]);
    let response = successful_body(bulk.send().await).await.map_err(unavailable)?;
    check(&response, count)
}

#[derive(Deserialize)]
struct Response {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    delete: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    status: u16,
    error: Option<Cause>,
}

/// Checks the response to a request with `count` actions.
///
/// # Errors
/// [`Error::Unavailable`](crate::Error::Unavailable) when an entry has not been deleted, or the
/// response does not cover every action.
fn check(response: &[u8], count: usize) -> Result<()> {
    let Response { items } = serde_json::from_slice(response).map_err(unavailable)?;
    if items.len() != count {
        let covered = items.len();
        return Err(unavailable(format!("the response covers {covered} of {count} deletions")));
    }
    for Item { delete: Outcome { status, error } } in items {
        if !matches!(status, OK | NOT_FOUND) {
            let reason = error.map(|cause| cause.reason()).unwrap_or_default();
            let reason = format!("OpenSearch returned {status} for a deletion: {reason}");
            return Err(unavailable(reason));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    const DELETED: &str = r#"{"delete":{"status":200}}"#;
    const MISSING_INDEX: &str = r#"{"delete":{"status":404,
        "error":{"type":"index_not_found_exception","reason":"no such index"}}}"#;
    const BLOCKED: &str = r#"{"delete":{"status":403,
        "error":{"type":"cluster_block_exception","reason":"read-only"}}}"#;

    #[test]
    fn an_entry_or_index_that_does_not_exist_counts_as_deleted() {
        for (items, count, expected) in [
            (&[DELETED, MISSING_INDEX, r#"{"delete":{"status":404}}"#][..], 3, None),
            (&[DELETED, BLOCKED], 2, Some("403 for a deletion: cluster_block_exception")),
            (&[DELETED], 2, Some("covers 1 of 2 deletions")),
        ] {
            let response = format!(r#"{{"items":[{}]}}"#, items.join(","));
            match (check(response.as_bytes(), count), expected) {
                (Ok(()), None) => {}
                (Err(error @ Error::Unavailable { .. }), Some(text)) => {
                    assert!(error.to_string().contains(text), "{error}");
                }
                (checked, _) => panic!("{checked:?}"),
            }
        }
    }
}
