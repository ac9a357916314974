//! One index per day of arrival, so that a redelivered entry goes to the index that already has it.
//! Each index is created from a template before its first use, by the first process that needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opensearch::OpenSearch;
use opensearch::http::StatusCode;
use opensearch::indices::{IndicesCreateParts, IndicesPutIndexTemplateParts};
use serde::Deserialize;
use serde_json::{Value, json};

use super::columns::Columns;
use super::response::{Failure, successful_body};
use super::settings::IndexSettings;
use super::{ADD_TIMEOUT, document, mapping};
use crate::log_entry::{EntryId, LogEntry, Timestamp};
use crate::query::Leaf;

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

/// The indexes, and what is known about those that exist.
pub(super) struct DailyIndexes {
    settings: IndexSettings,
    known: Mutex<BTreeMap<Day, Arc<DayIndex>>>,
}

/// An index that exists.
struct DayIndex {
    name: String,
    columns: Columns,
}

/// The indexes of a batch of entries.
pub(super) struct Days(BTreeMap<Day, Arc<DayIndex>>);

impl Days {
    /// The name of a day's index.
    pub(super) fn name(&self, day: Day) -> &str {
        self.0.get(&day).map_or("", |index| &index.name)
    }

    /// Whether the attributes with this path have columns.
    pub(super) fn has_column(&self, day: Day, path: &str) -> bool {
        self.0.get(&day).is_some_and(|index| index.columns.contains(path))
    }
}

impl DailyIndexes {
    pub(super) fn new(settings: IndexSettings) -> Self {
        Self { settings, known: Mutex::default() }
    }

    /// The name of a day's index, e.g. `logs-2026.11.23`.
    fn name(&self, day: Day) -> String {
        let midnight = Timestamp::from_micros(day.0 * Timestamp::MICROS_PER_DAY);
        let midnight = midnight.unwrap_or(Timestamp::MAX);
        let date: String = midnight.to_string().chars().take(10).collect();
        format!("{}{}", self.settings.prefix, date.replace('-', "."))
    }

    /// A pattern that matches the names of all indexes.
    pub(super) fn pattern(&self) -> String {
        format!("{}*", self.settings.prefix)
    }

    /// Creates the indexes that the entries belong to and the columns for their attributes, unless
    /// they are known to exist.
    pub(super) async fn prepare(
        &self,
        client: &OpenSearch,
        entries: &[LogEntry],
        leaves: &[Vec<Leaf>],
    ) -> Result<Days, Failure> {
        let mut days = BTreeMap::new();
        for (day, paths) in paths_by_day(entries, leaves) {
            let known = self.lock_known().get(&day).cloned();
            let index = match known {
                Some(index) => index,
                None => self.create(client, day).await?,
            };
            let index = self.add_columns(client, index, paths).await?;
            let mut known = self.lock_known();
            if known.len() >= MAX_KNOWN_DAYS {
                known.clear();
            }
            known.insert(day, index.clone());
            days.insert(day, index);
        }
        Ok(Days(days))
    }

    /// Forgets which indexes exist, because any of them may have been deleted.
    pub(super) fn clear_known(&self) {
        self.lock_known().clear();
    }

    fn lock_known(&self) -> MutexGuard<'_, BTreeMap<Day, Arc<DayIndex>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn create(&self, client: &OpenSearch, day: Day) -> Result<Arc<DayIndex>, Failure> {
        // Put each time, so that a new day uses the latest release's mappings.
        self.put_template(client).await?;
        let name = self.name(day);
        create_index(client, &name).await?;
        let columns = Columns::read(client, &name).await?;
        Ok(Arc::new(DayIndex { name, columns }))
    }

    /// Adds columns for the paths that have none.
    async fn add_columns(
        &self,
        client: &OpenSearch,
        index: Arc<DayIndex>,
        mut paths: BTreeSet<&str>,
    ) -> Result<Arc<DayIndex>, Failure> {
        paths.retain(|path| !index.columns.contains(path));
        if paths.is_empty() || !index.columns.has_room() {
            return Ok(index);
        }
        let columns = index.columns.clone().add(client, &index.name, &paths).await?;
        Ok(Arc::new(DayIndex { name: index.name.clone(), columns }))
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
                        "codec": "best_compression",
                        "mapping.total_fields.limit": mapping::max_fields(self.settings.attributes),
                        "query.default_field": document::MESSAGE_WORDS,
                        // Similar texts next to each other take half the space.
                        "sort.field": [document::SERVICE_NAME, document::SEARCHABLE],
                    },
                    "analysis": mapping::analysis(),
                },
                "mappings": mapping::mappings(self.settings.attributes),
            },
        })
    }
}

/// The days on which the entries arrived, each with the paths of the attributes that should have
/// columns.
fn paths_by_day<'e>(
    entries: &[LogEntry],
    leaves: &'e [Vec<Leaf>],
) -> BTreeMap<Day, BTreeSet<&'e str>> {
    let mut days = BTreeMap::<Day, BTreeSet<&str>>::new();
    for (entry, leaves) in entries.iter().zip(leaves) {
        let paths = days.entry(Day::of(entry.id)).or_default();
        let leaves = leaves.iter().filter(|leaf| document::has_column(leaf));
        paths.extend(leaves.map(|leaf| leaf.path.as_str()));
    }
    days
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
