//! One index per class and day of arrival, so that a redelivered entry goes to the index that already
//! has it, and a day can be dropped as a whole.
//! Each index is created from a template before its first use, by the first process that needs it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opensearch::OpenSearch;
use opensearch::http::StatusCode;
use opensearch::indices::{IndicesCreateParts, IndicesPutIndexTemplateParts};
use serde::Deserialize;
use serde_json::{Value, json};

use super::day_index::{DayIndex, Days, paths_by_part};
use super::response::{Failure, successful_body};
use super::settings::IndexSettings;
use super::{ADD_TIMEOUT, document, mapping};
use crate::log_entry::{Day, LogEntry};
use crate::query::Leaf;
use crate::retention::{Class, Part};

/// The maximum number of parts whose indexes are remembered. Usually there is one of each class, or
/// two around midnight.
const MAX_KNOWN_PARTS: usize = 100;

/// The length of a day in a name, e.g. `2026.11.23`.
const DAY_CHARS: usize = 10;

/// Takes precedence over the templates that distributions install.
const TEMPLATE_PRIORITY: u32 = 500;

/// The end of the reason that OpenSearch gives if the name of a new index is already an alias.
const ALIAS_EXISTS: &str = "already exists as alias";

/// The daily indexes, and the cached state of those that exist.
pub(super) struct DailyIndexes {
    settings: IndexSettings,
    known: Mutex<BTreeMap<Part, Arc<DayIndex>>>,
}

impl DailyIndexes {
    pub(super) fn new(settings: IndexSettings) -> Self {
        Self { settings, known: Mutex::default() }
    }

    /// The name of a part's index, e.g. `logs-2026.11.23`, or
    /// `logs-2026.11.23.level_debug_0123456789` if the class is not the default. It is an alias
    /// once the index has been rebuilt.
    pub(super) fn name(&self, part: &Part) -> String {
        let day = part.day.to_string().replace('-', ".");
        let class = part.class.storage_name();
        let dot = if class.is_empty() { "" } else { "." };
        format!("{}{day}{dot}{class}", self.settings.prefix)
    }

    /// The day and the class's storage name in the name of an index; `None` if it is not that of a
    /// part.
    pub(super) fn parse_name<'n>(&self, name: &'n str) -> Option<(Day, &'n str)> {
        let name = name.strip_prefix(&self.settings.prefix)?;
        let (day, class) = name.split_at_checked(DAY_CHARS)?;
        let is_dotted = day.bytes().filter(|byte| *byte == b'.').count() == 2;
        let day = day.replace('.', "-").parse().ok().filter(|_| is_dotted)?;
        let class = if class.is_empty() { class } else { class.strip_prefix('.')? };
        let is_name = |char: char| char.is_ascii_alphanumeric() || char == '_';
        class.chars().all(is_name).then_some((day, class))
    }

    /// The part of one of the classes whose index has this name; `None` if there is none.
    pub(super) fn part(&self, name: &str, classes: &[Class]) -> Option<Part> {
        let (day, storage_name) = self.parse_name(name)?;
        let class = classes.iter().find(|class| class.storage_name() == storage_name)?;
        Some(Part { day, class: class.clone() })
    }

    /// The day whose entries are in the index with this name, which is not an alias. The index may
    /// have been rebuilt. `None` if it is not a day's index.
    pub(super) fn day_of_entries(&self, index: &str) -> Option<Day> {
        self.parse_rebuilt_name(index).map(|(day, _)| day)
    }

    /// As [`parse_name`](Self::parse_name), but the index may have been rebuilt.
    pub(super) fn parse_rebuilt_name<'n>(&self, index: &'n str) -> Option<(Day, &'n str)> {
        self.parse_name(index).or_else(|| self.parse_name(index.rsplit_once('-')?.0))
    }

    /// The maximum number of fields in an index that has not been rebuilt.
    pub(super) fn max_fields(&self) -> usize {
        mapping::max_fields(self.settings.attributes)
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
        for (part, paths) in paths_by_part(entries, leaves) {
            let known = self.lock_known().get(&part).cloned();
            let index = match known {
                Some(index) => index,
                None => self.create(client, &part).await?,
            };
            let index = index.add_columns(client, paths).await?;
            let mut known = self.lock_known();
            if known.len() >= MAX_KNOWN_PARTS {
                known.clear();
            }
            known.insert(part.clone(), index.clone());
            days.insert(part, index);
        }
        Ok(Days(days))
    }

    /// Forgets which indexes exist, because any of them may have been deleted or replaced.
    pub(super) fn clear_known(&self) {
        self.lock_known().clear();
    }

    fn lock_known(&self) -> MutexGuard<'_, BTreeMap<Part, Arc<DayIndex>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn create(&self, client: &OpenSearch, part: &Part) -> Result<Arc<DayIndex>, Failure> {
        // The template is updated each time, so that a new day uses the latest release's mappings.
        self.put_template(client).await?;
        let name = self.name(part);
        create_index(client, &name).await?;
        Ok(Arc::new(DayIndex::read(client, name).await?))
    }

    pub(super) async fn put_template(&self, client: &OpenSearch) -> Result<(), Failure> {
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
                        // By default, OpenSearch stops refreshing an index that is not searched.
                        "refresh_interval": "1s",
                        "translog.durability": "request",
                        "codec": "best_compression",
                        "mapping.total_fields.limit": self.max_fields(),
                        "query.default_field": document::MESSAGE_WORDS,
                        // Similar texts take half the space if they are next to each other.
                        "sort.field": [document::SERVICE_NAME, document::SEARCHABLE],
                    },
                    "analysis": mapping::analysis(),
                },
                "mappings": mapping::mappings(self.settings.attributes),
            },
        })
    }
}

/// Creates an index unless the name is already that of an index or an alias.
async fn create_index(client: &OpenSearch, name: &str) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Response {
        error: Cause,
    }
    #[derive(Deserialize)]
    struct Cause {
        r#type: String,
        reason: String,
    }
    let exists = |Cause { r#type, reason }: &Cause| {
        r#type == "resource_already_exists_exception"
            || (r#type == "invalid_index_name_exception" && reason.ends_with(ALIAS_EXISTS))
    };
    let indices = client.indices();
    let create = indices.create(IndicesCreateParts::Index(name)).request_timeout(ADD_TIMEOUT);
    match successful_body(create.send().await).await {
        Err(Failure::Status { status: StatusCode::BAD_REQUEST, body }) => {
            match serde_json::from_str::<Response>(&body) {
                Ok(response) if exists(&response.error) => Ok(()),
                _ => Err(Failure::Status { status: StatusCode::BAD_REQUEST, body }),
            }
        }
        other => other.map(drop),
    }
}
