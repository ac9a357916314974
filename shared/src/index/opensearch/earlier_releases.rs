//! Warns about daily indexes that an earlier release created. They accept entries, but lack the
//! fields in which searches look for text.

use std::collections::BTreeMap;
use std::time::Duration;

use opensearch::indices::IndicesGetParts;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::OpenSearchIndex;
use super::response::{Failure, successful_body};
use crate::log_entry::Day;

const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// The parts of each index that are read: its metadata, and a setting that every index has, because
/// OpenSearch omits an index without any of the parts.
const PARTS: &[&str] = &["*.mappings._meta", "*.settings.index.uuid"];

impl OpenSearchIndex {
    /// Logs a warning if an earlier release created some of the indexes. Only the first call of a
    /// process checks this.
    pub(super) async fn warn_about_earlier_releases(&self) {
        let warn = async || match self.days_of_earlier_releases().await.as_deref() {
            Ok([]) => {}
            Ok(days @ [first, ..]) => {
                let last = days.last().unwrap_or(first);
                tracing::warn!(
                    days = days.len(),
                    "an earlier release created the indexes of some days, in which searches by \
                     text find no entries; run `consumer reindex --from {first} --to {last}`"
                );
            }
            Err(error) => {
                tracing::warn!(%error, "cannot check whether an earlier release created an index");
            }
        };
        self.has_warned.get_or_init(warn).await;
    }

    /// The days whose indexes an earlier release created, in order.
    async fn days_of_earlier_releases(&self) -> Result<Vec<Day>, Failure> {
        #[derive(Deserialize)]
        struct Index {
            #[serde(default)]
            mappings: Mappings,
        }
        #[derive(Deserialize, Default)]
        struct Mappings {
            /// Set by the template of this release.
            #[serde(rename = "_meta")]
            meta: Option<IgnoredAny>,
        }
        let pattern = self.indexes.pattern();
        let indexes = self
            .client
            .indices()
            .get(IndicesGetParts::Index(&[&pattern]))
            .filter_path(PARTS)
            .request_timeout(CHECK_TIMEOUT)
            .send()
            .await;
        let indexes: BTreeMap<String, Index> =
            serde_json::from_slice(&successful_body(indexes).await?)?;
        let is_old = |index: &Index| index.mappings.meta.is_none();
        let old = indexes.iter().filter(|(_, index)| is_old(index));
        let mut days: Vec<Day> =
            old.filter_map(|(name, _)| self.indexes.parse_name(name)).map(|(day, _)| day).collect();
        days.sort_unstable();
        Ok(days)
    }
}
