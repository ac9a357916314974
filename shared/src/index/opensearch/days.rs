//! One index per day of arrival, so that a redelivered entry goes to the index that already has it.
//! Each index is created from a template before its first use, by the first process that needs it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use opensearch::OpenSearch;
use opensearch::http::StatusCode;
use opensearch::indices::{IndicesCreateParts, IndicesPutIndexTemplateParts};
use serde::Deserialize;
use serde_json::{Value, json};

use super::response::{Failure, successful_body};
use super::settings::IndexSettings;
use super::{ADD_TIMEOUT, document};
use crate::log_entry::{EntryId, LogEntry, Timestamp};

/// The maximum number of days whose indexes are known to exist. Usually there is one, and two
/// around midnight.
const MAX_KNOWN_DAYS: usize = 100;

/// Takes precedence over the templates that distributions install.
const TEMPLATE_PRIORITY: u32 = 500;

/// A day of arrival, in days since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i64);

impl Day {
    pub(super) fn of(id: EntryId) -> Self {
        Self(id.day())
    }
}

/// The indexes, and which of them are known to exist.
pub(super) struct DailyIndexes {
    settings: IndexSettings,
    known: Mutex<BTreeSet<Day>>,
}

impl DailyIndexes {
    pub(super) fn new(settings: IndexSettings) -> Self {
        Self { settings, known: Mutex::default() }
    }

    /// The name of a day's index, e.g. `logs-2026.11.23`.
    pub(super) fn name(&self, day: Day) -> String {
        let midnight = Timestamp::from_micros(day.0 * Timestamp::MICROS_PER_DAY);
        let midnight = midnight.unwrap_or(Timestamp::MAX);
        let date: String = midnight.to_string().chars().take(10).collect();
        format!("{}{}", self.settings.prefix, date.replace('-', "."))
    }

    /// A pattern that matches the names of all indexes.
    pub(super) fn pattern(&self) -> String {
        format!("{}*", self.settings.prefix)
    }

    /// Creates the indexes that the entries belong to, unless they are known to exist.
    pub(super) async fn create_missing(
        &self,
        client: &OpenSearch,
        entries: &[LogEntry],
    ) -> Result<(), Failure> {
        for day in self.unknown_days(entries) {
            // Put each time, so that a new day uses the latest release's mappings.
            self.put_template(client).await?;
            create_index(client, &self.name(day)).await?;
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= MAX_KNOWN_DAYS {
                known.clear();
            }
            known.insert(day);
        }
        Ok(())
    }

    /// Forgets which indexes exist, because any of them may have been deleted.
    pub(super) fn clear_known(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn unknown_days(&self, entries: &[LogEntry]) -> BTreeSet<Day> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let days = entries.iter().map(|entry| Day::of(entry.id));
        days.filter(|day| !known.contains(day)).collect()
    }

    async fn put_template(&self, client: &OpenSearch) -> Result<(), Failure> {
        let name = self.settings.prefix.trim_end_matches(['-', '_', '.']);
        let indices = client.indices();
        let put = indices
            .put_index_template(IndicesPutIndexTemplateParts::Name(name))
            .request_timeout(ADD_TIMEOUT)
            .body(self.template());
        successful_body(put.send().await).await?;
        Ok(())
    }

    fn template(&self) -> Value {
        json!({
            "index_patterns": [self.pattern()],
            "priority": TEMPLATE_PRIORITY,
            "template": {
                "settings": {
                    "index": {
                        "number_of_shards": self.settings.shards,
                        "number_of_replicas": self.settings.replicas,
                        // The default stops refreshing an index that is not searched.
                        "refresh_interval": "1s",
                        "translog.durability": "request",
                        "query.default_field": document::TEXT,
                        // Searches usually ask for the newest hits, and can stop early.
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

/// Creates an index, unless another process has created it.
async fn create_index(client: &OpenSearch, name: &str) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Response {
        error: Cause,
    }
    #[derive(Deserialize)]
    struct Cause {
        r#type: String,
    }
    let indices = client.indices();
    let create = indices.create(IndicesCreateParts::Index(name)).request_timeout(ADD_TIMEOUT);
    match successful_body(create.send().await).await {
        Err(Failure::Status { status: StatusCode::BAD_REQUEST, body }) => {
            match serde_json::from_str::<Response>(&body) {
                Ok(response) if response.error.r#type == "resource_already_exists_exception" => {
                    Ok(())
                }
                _ => Err(Failure::Status { status: StatusCode::BAD_REQUEST, body }),
            }
        }
        other => other.map(drop),
    }
}
