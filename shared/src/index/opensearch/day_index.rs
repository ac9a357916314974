//! A day's index in OpenSearch, and the indexes of a batch of entries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use opensearch::OpenSearch;

use super::columns::Columns;
use super::document;
use super::response::Failure;
use crate::log_entry::LogEntry;
use crate::query::Leaf;
use crate::retention::Part;

/// An index that exists, under the name through which entries are written to it.
#[derive(Clone)]
pub(super) struct DayIndex {
    pub(super) name: String,
    pub(super) columns: Columns,
    /// Whether writes require that the name is an alias. Otherwise, a write to a missing index
    /// creates it.
    pub(super) is_alias: bool,
}

impl DayIndex {
    /// Reads an index's columns from OpenSearch.
    pub(super) async fn read(client: &OpenSearch, name: String) -> Result<Self, Failure> {
        let columns = Columns::read(client, &name).await?;
        Ok(Self { name, columns, is_alias: false })
    }

    /// Adds columns for the paths that have none, up to the limit.
    pub(super) async fn add_columns(
        self: Arc<Self>,
        client: &OpenSearch,
        mut paths: BTreeSet<&str>,
    ) -> Result<Arc<Self>, Failure> {
        paths.retain(|path| !self.columns.contains(path));
        if paths.is_empty() || !self.columns.has_room() {
            return Ok(self);
        }
        let columns = self.columns.clone().add(client, &self.name, &paths).await?;
        Ok(Arc::new(Self { columns, ..(*self).clone() }))
    }
}

/// The indexes of a batch of entries.
pub(super) struct Days(pub(super) BTreeMap<Part, Arc<DayIndex>>);

impl Days {
    /// The index that the entry belongs to; `None` if it is not among the indexes.
    pub(super) fn index(&self, entry: &LogEntry) -> Option<&DayIndex> {
        self.0.get(&Part::of(entry)).map(|index| &**index)
    }
}

/// The parts that the entries belong to, each with the paths of the attributes that should have
/// columns.
pub(super) fn paths_by_part<'e>(
    entries: &[LogEntry],
    leaves: &'e [Vec<Leaf>],
) -> BTreeMap<Part, BTreeSet<&'e str>> {
    let mut parts = BTreeMap::<Part, BTreeSet<&str>>::new();
    for (entry, leaves) in entries.iter().zip(leaves) {
        let paths = parts.entry(Part::of(entry)).or_default();
        let leaves = leaves.iter().filter(|leaf| document::has_column(leaf));
        paths.extend(leaves.map(|leaf| leaf.path.as_str()));
    }
    parts
}
