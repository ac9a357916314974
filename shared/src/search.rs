//! What is asked of the index, and what it answers.
//! Every index answers the same question the same way; how it finds the hits is its own affair.

use std::{fmt, str::FromStr};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::log_entry::{EntryId, Level, LogEntry, ServiceName, Timestamp};

/// A question: every part that is given must hold for a hit.
#[derive(Debug, Clone, Default)]
pub struct SearchQuery {
    /// Words, all of which an entry must have in its message, service name or level. A word with
    /// punctuation inside (`payment-service`, `10.0.0.1`) matches its parts side by side.
    pub text: Option<String>,
    /// Words may differ: by one edit with 3 to 5 characters, by two with more (an exchange of
    /// neighbours is one edit). By relevance, exact hits come first.
    pub fuzzy: bool,
    /// The exact service name.
    pub service_name: Option<ServiceName>,
    /// The exact level.
    pub level: Option<Level>,
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// The order of the hits.
    pub sort: Sort,
    /// The most hits to answer.
    pub limit: usize,
    /// Go on behind this hit. Not with [`Sort::Relevance`].
    pub cursor: Option<Cursor>,
}

/// The order of hits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sort {
    /// By timestamp, then id, the latest first.
    #[default]
    Newest,
    /// By timestamp, then id, the earliest first.
    Oldest,
    /// The best match first.
    Relevance,
}

impl Sort {
    /// Every order.
    pub const ALL: [Self; 3] = [Self::Newest, Self::Oldest, Self::Relevance];

    /// The name that a client uses.
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

/// The answer: a page of hits.
#[derive(Debug, Clone, Default)]
pub struct SearchHits {
    /// All hits of the query, on every page; at most [`SearchHits::MAX_TOTAL`].
    pub total: u64,
    /// False if there are more hits than `total` says.
    pub total_is_exact: bool,
    /// The hits of this page.
    pub entries: Vec<LogEntry>,
    /// Where the next page begins; `None` at the end and with [`Sort::Relevance`].
    pub next_cursor: Option<Cursor>,
}

impl SearchHits {
    /// How far hits are counted.
    pub const MAX_TOTAL: u64 = 10_000;

    /// The most that the entries of a page have together, as JSON in bytes: what does not fit is
    /// on the next page. A single entry always fits.
    pub const MAX_BYTES: usize = 8 * 1024 * 1024;

    /// The page that `query` asks for, of `total` hits in all. `found` are its hits in order, one
    /// more if there are more, each with its size in bytes.
    #[cfg_attr(not(any(feature = "opensearch", feature = "tantivy")), expect(dead_code))]
    pub(crate) fn page<E>(
        query: &SearchQuery,
        total: u64,
        found: impl Iterator<Item = Result<(LogEntry, usize), E>>,
    ) -> Result<Self, E> {
        let mut entries = Vec::new();
        let mut room = Self::MAX_BYTES;
        let mut has_more = false;
        for hit in found {
            let (entry, bytes) = hit?;
            has_more = entries.len() == query.limit || (bytes > room && !entries.is_empty());
            if has_more {
                break;
            }
            room = room.saturating_sub(bytes);
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
        })
    }
}

/// The place of a hit in the order of time: its timestamp, then its id. Opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The hit's timestamp.
    pub timestamp: Timestamp,
    /// The hit's id.
    pub id: EntryId,
}

impl Cursor {
    /// The place of `entry`.
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
        const WRONG: &str = "must be a next_cursor of an earlier answer";
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| WRONG)?;
        let (micros, id) = bytes.split_first_chunk::<8>().ok_or(WRONG)?;
        let timestamp = Timestamp::from_micros(i64::from_be_bytes(*micros)).ok_or(WRONG)?;
        Ok(Self { timestamp, id: EntryId::from_bytes(id).ok_or(WRONG)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = Cursor {
            timestamp: Timestamp::parse("2024-06-14T12:00:00.123456Z").unwrap(),
            id: "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap(),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn another_text_is_no_cursor() {
        for text in ["", "17", "AAAA", &"_".repeat(32), "ä"] {
            assert!(text.parse::<Cursor>().is_err(), "{text}");
        }
    }
}
