//! Parses the hits in a search response.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::document;
use crate::error::Source;
use crate::log_entry::LogEntry;

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    hits: Hits<'a>,
}

#[derive(Deserialize)]
struct Hits<'a> {
    total: Total,
    #[serde(borrow)]
    hits: Vec<Hit<'a>>,
}

#[derive(Deserialize)]
struct Total {
    value: u64,
}

#[derive(Deserialize)]
struct Hit<'a> {
    #[serde(borrow, rename = "_source")]
    source: &'a RawValue,
}

/// Whether the hits are complete: all shards took part in the search.
pub(super) fn are_complete(response: &[u8]) -> serde_json::Result<bool> {
    #[derive(Deserialize)]
    struct Response {
        #[serde(rename = "_shards")]
        shards: Shards,
    }
    #[derive(Deserialize)]
    struct Shards {
        total: u64,
        successful: u64,
    }
    let Response { shards } = serde_json::from_slice(response)?;
    Ok(shards.successful == shards.total)
}

/// The number of hits, and the entries of those in the response, with their sizes in bytes.
pub(super) fn parse(response: &[u8]) -> Result<(u64, Vec<(LogEntry, usize)>), Source> {
    let Response { hits: Hits { total, hits } } = serde_json::from_slice(response)?;
    let found = hits.iter().map(|hit| {
        let entry = document::parse(hit.source)?;
        Ok((entry, hit.source.get().len()))
    });
    Ok((total.value, found.collect::<Result<_, Source>>()?))
}
