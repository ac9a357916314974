//! Search queries and their hits. Every index returns the same hits for a query; the port's
//! contract suite verifies this.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::log_entry::{EntryId, LogEntry, Timestamp};
use crate::query::Condition;

/// A search: which entries are hits, and which page of them to return.
#[derive(Debug, Clone)]
pub struct SearchQuery {
    /// The condition that hits meet.
    pub condition: Condition,
    /// The order of the hits.
    pub sort: Sort,
    /// The maximum number of hits on a page.
    pub limit: usize,
    /// The hit after which the page starts. Not supported with [`Sort::Relevance`].
    pub cursor: Option<Cursor>,
}

impl SearchQuery {
    /// The first page of at most `limit` hits, newest first.
    #[must_use]
    pub fn new(condition: Condition, limit: usize) -> Self {
        Self { condition, sort: Sort::Newest, limit, cursor: None }
    }

    /// The same search with the first page of at most `limit` hits.
    #[must_use]
    pub fn first_page(self, limit: usize) -> Self {
        Self { limit, cursor: None, ..self }
    }
}

/// The order of hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// By timestamp, then id, latest first.
    #[default]
    Newest,
    /// By timestamp, then id, earliest first.
    Oldest,
    /// By score, best match first. Words and prefixes contribute to the score. An entry that
    /// contains a fuzzy word exactly comes before those that do not.
    Relevance,
}

impl Sort {
    /// All sort orders.
    pub const ALL: [Self; 3] = [Self::Newest, Self::Oldest, Self::Relevance];

    /// The name in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::Relevance => "relevance",
        }
    }
}

impl FromStr for Sort {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|sort| sort.as_str() == name);
        found.ok_or("must be newest, oldest or relevance")
    }
}

/// A page of hits.
#[derive(Debug, Clone, Default)]
pub struct SearchHits {
    /// The number of hits on all pages, at most [`SearchHits::MAX_TOTAL`].
    pub total: u64,
    /// Whether `total` is exact; if not, there are more hits.
    pub total_is_exact: bool,
    /// The hits of this page.
    pub entries: Vec<LogEntry>,
    /// The cursor of the next page; `None` on the last page and with [`Sort::Relevance`].
    pub next_cursor: Option<Cursor>,
    /// Whether the index is being built from the store, which means that hits may be missing.
    pub is_rebuilding: bool,
}

impl SearchHits {
    /// Counting stops at this number of hits.
    pub const MAX_TOTAL: u64 = 10_000;

    /// The maximum size of a page, as JSON in bytes. Further hits are on the next page. A page has
    /// at least one entry, regardless of its size.
    pub const MAX_BYTES: usize = 8 * 1024 * 1024;

    /// Builds the page that `query` asks for, from `total` hits. `found` contains the hits in
    /// order, each with its size in bytes, and one more than the limit if there is a next page.
    #[cfg_attr(not(any(feature = "opensearch", feature = "tantivy")), expect(dead_code))]
    pub(crate) fn page<E>(
        query: &SearchQuery,
        total: u64,
        found: impl Iterator<Item = Result<(LogEntry, usize), E>>,
    ) -> Result<Self, E> {
        let mut entries = Vec::new();
        let mut remaining_bytes = Self::MAX_BYTES;
        let mut has_more = false;
        for hit in found {
            let (entry, bytes) = hit?;
            has_more =
                entries.len() == query.limit || (bytes > remaining_bytes && !entries.is_empty());
            if has_more {
                break;
            }
            remaining_bytes = remaining_bytes.saturating_sub(bytes);
            entries.push(entry);
        }
        let next_cursor = match query.sort {
            Sort::Newest | Sort::Oldest if has_more => entries.last().map(Cursor::of),
            _ => None,
        };
        Ok(Self {
            total: total.min(Self::MAX_TOTAL),
            total_is_exact: total <= Self::MAX_TOTAL,
            entries,
            next_cursor,
            is_rebuilding: false,
        })
    }
}

/// The position of a hit when sorted by time: its timestamp, then its id. Opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The hit's timestamp.
    pub timestamp: Timestamp,
    /// The hit's id.
    pub id: EntryId,
}

impl Cursor {
    /// The texts of cursors: base64url of eight bytes of time and a `UUIDv7`.
    pub const PATTERN: &str = concat!(
        "^[A-Za-z0-9_-]{18}",
        // The version of the UUID, 7, and its variant, 0b10.
        "[BFJNRVZdhlptx159][w-z0-9_-][A-Za-z0-9_-][I-LYZabo-r4-7]",
        "[A-Za-z0-9_-]{10}$"
    );

    /// The position of `entry`.
    #[must_use]
    pub fn of(entry: &LogEntry) -> Self {
        Self { timestamp: entry.timestamp, id: entry.id }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.timestamp.as_micros().to_be_bytes());
        bytes[8..].copy_from_slice(self.id.as_bytes());
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const INVALID: &str = "must be the next_cursor of a previous page";
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| INVALID)?;
        let (micros, id) = bytes.split_first_chunk::<8>().ok_or(INVALID)?;
        let timestamp = Timestamp::saturating_from_micros(i64::from_be_bytes(*micros));
        Ok(Self { timestamp, id: EntryId::from_bytes(id).ok_or(INVALID)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_round_trips_through_its_text() {
        let cursor = Cursor {
            timestamp: Timestamp::parse("2024-06-14T12:00:00.123456Z").unwrap(),
            id: "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap(),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn text_that_is_not_a_cursor_is_rejected() {
        for text in ["", "17", "AAAA", &"_".repeat(32), "ä"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
