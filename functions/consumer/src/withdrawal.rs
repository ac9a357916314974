//! Removes entries from the index that were deleted, or whose day was dropped, while a batch was
//! written. The store refuses them from then on, but the index does not know them.

use std::collections::BTreeMap;

use shared::error::Result;
use shared::index::Index;
use shared::retention::Class;
use shared::store::Store;
use shared::{EntryId, LogEntry};

/// Removes those of the entries from the index that the store no longer has.
pub(crate) async fn withdraw_deleted(
    store: &dyn Store,
    index: &dyn Index,
    entries: &[LogEntry],
) -> Result<()> {
    let ids: Vec<EntryId> = entries.iter().map(|entry| entry.id).collect();
    let stored = store.lookup(&ids).await?;
    let mut deleted = BTreeMap::<Class, Vec<EntryId>>::new();
    for entry in entries {
        if stored.get(&entry.id).is_none_or(|stored| stored.is_deleted) {
            deleted.entry(entry.retention.clone()).or_default().push(entry.id);
        }
    }
    for (class, ids) in deleted {
        index.delete(&class, &ids).await?;
    }
    Ok(())
}
