//! Removes entries everywhere: from the store first, which never accepts them again, then from the
//! index and the cache. After an error, it is repeated from the start.

use std::collections::BTreeMap;

use shared::EntryId;
use shared::error::{Error, Result};
use shared::retention::Class;
use shared::store::Stored;

use crate::Ports;

impl Ports {
    /// As [`remove`](Self::remove), in a task. Otherwise, a client that closes its connection would
    /// interrupt it.
    pub(crate) async fn remove_completely(
        self,
        ids: Vec<EntryId>,
        stored: BTreeMap<EntryId, Stored>,
    ) -> Result<()> {
        let removal = tokio::spawn(async move { self.remove(&ids, &stored).await });
        removal.await.map_err(|error| Error::unavailable("store", error))?
    }

    /// Removes the entries with these ids, at most 1,000. `stored` is what the store has of them.
    pub(crate) async fn remove(
        &self,
        ids: &[EntryId],
        stored: &BTreeMap<EntryId, Stored>,
    ) -> Result<()> {
        let deleted = self.store.delete(ids).await?;
        metrics::counter!("delete_entries_total").increment(deleted);
        self.remove_from_index(stored.iter().map(|(id, stored)| (*id, &stored.class))).await?;
        self.cache.remove(ids).await
    }

    pub(crate) async fn remove_from_index(
        &self,
        entries: impl Iterator<Item = (EntryId, &Class)> + Send,
    ) -> Result<()> {
        let mut classes = BTreeMap::<&Class, Vec<EntryId>>::new();
        for (id, class) in entries {
            classes.entry(class).or_default().push(id);
        }
        for (class, ids) in classes {
            self.index.delete(class, &ids).await?;
        }
        Ok(())
    }
}
