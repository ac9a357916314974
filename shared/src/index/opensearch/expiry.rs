//! Lists and drops the daily indexes of a class.

use std::collections::BTreeSet;

use super::OpenSearchIndex;
use super::rebuild::listing;
use super::response::Failure;
use crate::log_entry::Day;
use crate::retention::Class;

impl OpenSearchIndex {
    /// The days of the class that have an index.
    pub(super) async fn indexed_days(&self, class: &Class) -> Result<BTreeSet<Day>, Failure> {
        let indexes = self.indexes_of(class).await?;
        Ok(indexes.into_iter().map(|(day, _)| day).collect())
    }

    /// Deletes the indexes of the days of the class before `first`, also those that are being
    /// rebuilt.
    pub(super) async fn delete_before(&self, class: &Class, first: Day) -> Result<(), Failure> {
        for (day, name) in self.indexes_of(class).await? {
            if day < first {
                listing::delete(&self.client, &name).await?;
                tracing::info!(%day, %class, index = name, "dropped the index of a day");
            }
        }
        self.indexes.clear_known();
        Ok(())
    }

    /// The days and the names of the class's indexes, including those that have been rebuilt.
    async fn indexes_of(&self, class: &Class) -> Result<Vec<(Day, String)>, Failure> {
        let class = class.storage_name();
        let indexes = listing::indexes(&self.client, &self.indexes.pattern()).await?.into_keys();
        let of_class = indexes.filter_map(|name| {
            let parsed = self.indexes.parse_rebuilt_name(&name)?;
            let day = (parsed.1 == class).then_some(parsed.0)?;
            Some((day, name))
        });
        Ok(of_class.collect())
    }
}
