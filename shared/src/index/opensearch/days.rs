//! One index a day of arrival, so that an entry that comes again meets its first copy.
//! Each is made before it is used, from a template, by whichever process is first.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use opensearch::OpenSearch;
use opensearch::http::StatusCode;
use opensearch::indices::{IndicesCreateParts, IndicesPutIndexTemplateParts};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ADD_TIMEOUT, Failure, answer, document};
use crate::log_entry::{EntryId, LogEntry, Timestamp};

/// How many days are remembered as made. Entries arrive on one, around midnight on two.
const MAX_REMEMBERED: usize = 100;

/// Above whatever templates a distribution brings.
const TEMPLATE_PRIORITY: u32 = 500;

/// What an index is called and made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) prefix: String,
    pub(super) shards: NonZeroU32,
    pub(super) replicas: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self { prefix: "logs-".to_owned(), shards: NonZeroU32::MIN, replicas: 0 }
    }
}

/// A day of arrival: days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i64);

impl Day {
    pub(super) fn of(id: EntryId) -> Self {
        Self(id.day())
    }
}

/// The indexes, and which of them are known to be there.
pub(super) struct Days {
    shape: Shape,
    made: Mutex<BTreeSet<Day>>,
}

impl Days {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, made: Mutex::default() }
    }

    /// The index of a day, e.g. `logs-2026.11.23`.
    pub(super) fn name(&self, day: Day) -> String {
        let midnight = Timestamp::from_micros(day.0 * Timestamp::MICROS_A_DAY);
        let midnight = midnight.unwrap_or(Timestamp::MAX);
        let date: String = midnight.to_string().chars().take(10).collect();
        format!("{}{}", self.shape.prefix, date.replace('-', "."))
    }

    /// What every index's name matches.
    pub(super) fn pattern(&self) -> String {
        format!("{}*", self.shape.prefix)
    }

    /// Makes the indexes that the entries belong to, where they are not known to be there.
    pub(super) async fn make(
        &self,
        client: &OpenSearch,
        entries: &[LogEntry],
    ) -> Result<(), Failure> {
        for day in self.unknown(entries) {
            // Each time, so that a new day gets the mappings of the newest release.
            self.put_template(client).await?;
            create(client, &self.name(day)).await?;
            let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
            if made.len() >= MAX_REMEMBERED {
                made.clear();
            }
            made.insert(day);
        }
        Ok(())
    }

    /// Takes no index for granted any more.
    pub(super) fn forget(&self) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn unknown(&self, entries: &[LogEntry]) -> BTreeSet<Day> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let days = entries.iter().map(|entry| Day::of(entry.id));
        days.filter(|day| !made.contains(day)).collect()
    }

    async fn put_template(&self, client: &OpenSearch) -> Result<(), Failure> {
        let name = self.shape.prefix.trim_end_matches(['-', '_', '.']);
        let indices = client.indices();
        let put = indices
            .put_index_template(IndicesPutIndexTemplateParts::Name(name))
            .request_timeout(ADD_TIMEOUT)
            .body(self.template());
        answer(put.send().await).await?;
        Ok(())
    }

    fn template(&self) -> Value {
        json!({
            "index_patterns": [self.pattern()],
            "priority": TEMPLATE_PRIORITY,
            "template": {
                "settings": {
                    "index": {
                        "number_of_shards": self.shape.shards,
                        "number_of_replicas": self.shape.replicas,
                        // Said, it holds for an index that nobody searches, too.
                        "refresh_interval": "1s",
                        "translog.durability": "request",
                        "query.default_field": document::TEXT,
                        // The newest are wanted most: found first, they end a search.
                        "sort.field": document::TIMESTAMP_MICROS,
                        "sort.order": "desc",
                    },
                    "analysis": document::analysis(),
                },
                "mappings": document::mappings(),
            },
        })
    }
}

/// Creates an index. That another process created it is as good.
async fn create(client: &OpenSearch, name: &str) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Answer {
        error: Cause,
    }
    #[derive(Deserialize)]
    struct Cause {
        r#type: String,
    }
    let indices = client.indices();
    let create = indices.create(IndicesCreateParts::Index(name)).request_timeout(ADD_TIMEOUT);
    match answer(create.send().await).await {
        Err(Failure::Status { status: StatusCode::BAD_REQUEST, body }) => {
            match serde_json::from_str::<Answer>(&body) {
                Ok(answer) if answer.error.r#type == "resource_already_exists_exception" => Ok(()),
                _ => Err(Failure::Status { status: StatusCode::BAD_REQUEST, body }),
            }
        }
        other => other.map(drop),
    }
}
