//! Rebuilds the index of a day while searches use the current one.
//!
//! The name of the new index is that of the current one and a number, e.g. `logs-2026.11.23-1`. The
//! new index is hidden, so that searches do not find its entries twice. In one step, the current
//! index is deleted and its name becomes an alias of the new index, through which searches find it
//! and consumers write to it.
//!
//! The new index stays hidden until the rebuild is complete, so the next rebuild can clean up after
//! an interrupted one: a hidden index without the alias is deleted, and one with the alias is
//! completed.
//!
//! Until the replacement, entries are written to the new index through another alias, which must
//! exist. A delayed request therefore cannot recreate the index after it has been deleted.

pub(super) mod listing;
mod replacement;

use std::collections::HashSet;
use std::sync::Arc;

use opensearch::http::StatusCode;
use opensearch::indices::{IndicesCreateParts, IndicesPutSettingsParts, IndicesRefreshParts};
use opensearch::{CountParts, MgetParts, OpenSearch};
use serde::Deserialize;
use serde_json::{Value, json};

use super::day_index::{DayIndex, Days, paths_by_part};
use super::response::{Failure, successful_body};
use super::{ADD_TIMEOUT, OpenSearchIndex, SERVICE, bulk, deleting, mapping, unavailable};
use crate::error::{Error, Refused, Result};
use crate::log_entry::{EntryId, LogEntry};
use crate::query::{Leaf, leaves};
use crate::retention::{Class, Part};

/// The rebuild of a day's index.
pub struct DayRebuild {
    client: OpenSearch,
    part: Part,
    /// The name of the day's index, which becomes an alias of the new index.
    alias: String,
    /// The new index's own name.
    name: String,
    /// The new index, under the alias through which entries are written to it.
    index: Arc<DayIndex>,
}

impl OpenSearchIndex {
    /// Starts to rebuild the index of a day: creates the new index.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when OpenSearch does not respond or is temporarily unable to create
    /// the index, [`Error::Rejected`] when it refuses to.
    pub async fn start_rebuild(&self, part: Part) -> Result<DayRebuild> {
        self.create_generation(part).await.map_err(classify)
    }

    async fn create_generation(&self, part: Part) -> std::result::Result<DayRebuild, Failure> {
        let alias = self.indexes.name(&part);
        let mut last = 0;
        for (name, index) in listing::indexes(&self.client, &format!("{alias}*")).await? {
            let Some(number) = number(&name, &alias) else { continue };
            last = last.max(number);
            if index.is_hidden {
                // An earlier attempt created this index although it seemed to fail.
                self.delete_unless_replaced(&name, &alias).await?;
            }
        }
        let generation = (last + 1).to_string();
        let name = format!("{alias}-{generation}");
        let write_alias = write_alias(&alias);
        self.indexes.put_template(&self.client).await?;
        let api = self.client.indices();
        let create =
            api.create(IndicesCreateParts::Index(&name)).request_timeout(ADD_TIMEOUT).body(json!({
                "settings": {"index": {
                    "hidden": true,
                    // The index is refreshed explicitly before it is counted or searched.
                    "refresh_interval": "-1",
                    // One more than in the template, for the generation.
                    "mapping.total_fields.limit": self.indexes.max_fields() + 1,
                }},
                "aliases": {&write_alias: {"is_hidden": true}},
                "mappings": mapping::generation_mapping(&generation),
            }));
        successful_body(create.send().await).await?;
        DayRebuild::open(self.client.clone(), part, alias, name, write_alias).await
    }

    /// Deletes the new indexes of interrupted rebuilds that have not replaced the previous indexes.
    /// Returns the rebuilds whose new indexes have, so that they can be completed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when OpenSearch does not respond, [`Error::Rejected`] when it refuses
    /// the requests.
    pub async fn interrupted_rebuilds(&self, classes: &[Class]) -> Result<Vec<DayRebuild>> {
        self.clean_up(classes).await.map_err(classify)
    }

    async fn clean_up(&self, classes: &[Class]) -> std::result::Result<Vec<DayRebuild>, Failure> {
        let mut replaced = Vec::new();
        for (name, index) in listing::indexes(&self.client, &self.indexes.pattern()).await? {
            let part =
                name.rsplit_once('-').and_then(|(alias, _)| self.indexes.part(alias, classes));
            let Some(part) = part.filter(|_| index.is_hidden) else { continue };
            let alias = self.indexes.name(&part);
            if number(&name, &alias).is_none() {
                continue;
            }
            if self.delete_unless_replaced(&name, &alias).await? {
                continue;
            }
            let client = self.client.clone();
            replaced.push(DayRebuild::open(client, part, alias.clone(), name, alias).await?);
        }
        Ok(replaced)
    }

    /// Deletes a new index unless it has replaced the previous one. Returns whether the index was
    /// deleted.
    async fn delete_unless_replaced(
        &self,
        name: &str,
        alias: &str,
    ) -> std::result::Result<bool, Failure> {
        // The last request of the interrupted rebuild may still be in flight. Without this alias,
        // the request cannot replace the previous index.
        let removal = [listing::remove_alias(name, &write_alias(alias))];
        let removed = listing::update_aliases(&self.client, &removal).await;
        if let Err(failure) = removed
            && failure.status() != Some(StatusCode::NOT_FOUND)
        {
            return Err(failure);
        }
        let listed = listing::indexes(&self.client, name).await?;
        if listed.values().any(|index| index.aliases.contains(alias)) {
            return Ok(false);
        }
        listing::delete(&self.client, name).await?;
        Ok(true)
    }
}

impl DayRebuild {
    async fn open(
        client: OpenSearch,
        part: Part,
        alias: String,
        name: String,
        write_alias: String,
    ) -> std::result::Result<Self, Failure> {
        let index = DayIndex { is_alias: true, ..DayIndex::read(&client, write_alias).await? };
        Ok(Self { client, part, alias, name, index: Arc::new(index) })
    }

    /// The part whose index is being rebuilt.
    #[must_use]
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// Whether the new index has been deleted, for example by another rebuild. If so, no further
    /// step can succeed, although each reports [`Error::Unavailable`].
    ///
    /// # Errors
    /// [`Error::Unavailable`] when OpenSearch does not respond.
    pub async fn is_deleted(&self) -> Result<bool> {
        let listed = listing::indexes(&self.client, &self.name).await;
        Ok(listed.map_err(unavailable)?.is_empty())
    }

    /// The error for a new index that [`is_deleted`](Self::is_deleted).
    #[must_use]
    pub fn deleted_error(&self) -> Error {
        let reason = format!("the new index {} has been deleted; rerun the command", self.name);
        Error::rejected(SERVICE, reason)
    }

    /// Adds entries of the day to the new index and returns those that can never be added.
    ///
    /// # Errors
    /// When [`Index::add`](crate::index::Index::add) would fail, or an entry is from another day.
    pub async fn add(&mut self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        let leaves: Vec<Vec<Leaf>> =
            entries.iter().map(|entry| leaves(entry.attributes.as_ref())).collect();
        if let Some(paths) = paths_by_part(entries, &leaves).remove(&self.part) {
            let index = self.index.clone().add_columns(&self.client, paths).await;
            self.index = index.map_err(classify)?;
        }
        let days = Days([(self.part.clone(), self.index.clone())].into());
        Ok(bulk::add(&self.client, &days, entries, &leaves).await?.refused)
    }

    /// Deletes entries from the new index.
    ///
    /// # Errors
    /// When [`Index::delete`](crate::index::Index::delete) would fail.
    pub async fn delete(&self, ids: &[EntryId]) -> Result<()> {
        let names = std::slice::from_ref(&self.name);
        let targets = ids.iter().map(|id| (names, *id));
        deleting::send(&self.client, targets).await
    }

    /// Returns the entries that the new index lacks.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when OpenSearch does not respond, [`Error::Rejected`] when it refuses
    /// the request.
    pub async fn missing(&self, mut entries: Vec<LogEntry>) -> Result<Vec<LogEntry>> {
        if !entries.is_empty() {
            let existing = self.existing_ids(&entries).await.map_err(classify)?;
            entries.retain(|entry| !existing.contains(&entry.id));
        }
        Ok(entries)
    }

    /// The ids of the entries that the new index contains.
    async fn existing_ids(
        &self,
        entries: &[LogEntry],
    ) -> std::result::Result<HashSet<EntryId>, Failure> {
        #[derive(Deserialize)]
        struct Response {
            docs: Vec<Document>,
        }
        #[derive(Deserialize)]
        struct Document {
            #[serde(rename = "_id")]
            id: EntryId,
            found: bool,
        }
        let ids: Vec<EntryId> = entries.iter().map(|entry| entry.id).collect();
        let get = self
            .client
            .mget(MgetParts::Index(&self.name))
            ._source(&["false"])
            .filter_path(&["docs._id", "docs.found"])
            .request_timeout(ADD_TIMEOUT)
            .body(json!({"ids": ids}));
        let Response { docs } = serde_json::from_slice(&successful_body(get.send().await).await?)?;
        Ok(docs.into_iter().filter(|document| document.found).map(|document| document.id).collect())
    }

    /// Counts the entries in the new index.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when OpenSearch does not respond, [`Error::Rejected`] when it refuses
    /// the requests.
    pub async fn count(&self) -> Result<u64> {
        self.refresh_and_count().await.map_err(classify)
    }

    async fn refresh_and_count(&self) -> std::result::Result<u64, Failure> {
        #[derive(Deserialize)]
        struct Response {
            count: u64,
        }
        self.refresh().await?;
        let index = [self.name.as_str()];
        let count = self.client.count(CountParts::Index(&index)).request_timeout(ADD_TIMEOUT);
        let Response { count } =
            serde_json::from_slice(&successful_body(count.send().await).await?)?;
        Ok(count)
    }

    /// Makes all added entries visible to searches and counts.
    async fn refresh(&self) -> std::result::Result<(), Failure> {
        let index = [self.name.as_str()];
        let api = self.client.indices();
        let refresh = api.refresh(IndicesRefreshParts::Index(&index)).request_timeout(ADD_TIMEOUT);
        successful_body(refresh.send().await).await.map(drop)
    }

    /// Marks the rebuild as complete: from now on, the new index is not hidden. It must have
    /// replaced the previous one and contain every entry.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when OpenSearch does not respond, [`Error::Rejected`] when it refuses
    /// the request.
    pub async fn complete(&self) -> Result<()> {
        self.put_settings(json!({"index.hidden": null})).await.map_err(classify)
    }

    async fn put_settings(&self, settings: Value) -> std::result::Result<(), Failure> {
        let index = [self.name.as_str()];
        let api = self.client.indices();
        let put = api.put_settings(IndicesPutSettingsParts::Index(&index)).body(settings);
        let put = put.request_timeout(ADD_TIMEOUT);
        successful_body(put.send().await).await.map(drop)
    }
}

/// Repeating a request that OpenSearch refuses is pointless: an operator must change its settings,
/// permissions or indexes first.
fn classify(failure: Failure) -> Error {
    if failure.is_refusal() { Error::rejected(SERVICE, failure) } else { unavailable(failure) }
}

/// The alias through which entries are written to the new index of a day until it replaces the
/// current one. `alias` is the name of the day's index.
pub(super) fn write_alias(alias: &str) -> String {
    format!("{alias}-rebuild")
}

/// The number in the name of a rebuilt index; `None` if `name` is not that of a rebuilt index of
/// the day. `alias` is the name of the day's index.
fn number(name: &str, alias: &str) -> Option<u64> {
    name.strip_prefix(alias)?.strip_prefix('-')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_names_of_rebuilt_indexes_contain_a_number() {
        for (name, expected) in [
            ("logs-2026.11.23-1", Some(1)),
            ("logs-2026.11.23-12", Some(12)),
            ("logs-2026.11.23", None),
            ("logs-2026.11.23-", None),
            ("logs-2026.11.23-rebuild", None),
            ("logs-2026.11.24-1", None),
        ] {
            assert_eq!(number(name, "logs-2026.11.23"), expected, "{name}");
        }
    }
}
