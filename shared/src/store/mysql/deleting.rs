//! Deletes entries, and finds out which have been deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::{Connection, MySql, MySqlConnection};

use super::classes::{self, table};
use super::{COUNT_TIMEOUT, MySqlStore, READ_TIMEOUT, within};
use crate::error::Result;
use crate::log_entry::EntryId;
use crate::retention::Class;
use crate::store::{IdRange, Stored, rows};

/// Limits the deletion or the lookup of a batch of ids.
const DELETE_TIMEOUT: Duration = Duration::from_secs(30);

impl MySqlStore {
    pub(super) async fn delete_entries(&self, ids: &[EntryId]) -> Result<u64> {
        if ids.is_empty() {
            return Ok(0);
        }
        let classes: Vec<Class> = self.read_classes().await?.into_keys().collect();
        within(DELETE_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let deleted = delete(&mut pooled.connection, &classes, ids).await;
            pooled.release(deleted)
        })
        .await
    }

    pub(super) async fn look_up(&self, ids: &[EntryId]) -> Result<BTreeMap<EntryId, Stored>> {
        if ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let classes = self.read_classes().await?;
        within(DELETE_TIMEOUT, async {
            let mut stored = BTreeMap::new();
            for class in classes.into_keys() {
                let mut pooled = self.connection().await?;
                let found = classes::look_up(&mut pooled.connection, &class, ids).await;
                let of_class = |(id, is_deleted)| (id, Stored { class: class.clone(), is_deleted });
                stored.extend(pooled.release(found)?.into_iter().map(of_class));
            }
            Ok(stored)
        })
        .await
    }

    pub(super) async fn deleted_ids(
        &self,
        class: &Class,
        range: IdRange,
        limit: usize,
    ) -> Result<Vec<EntryId>> {
        if !self.has(class).await? {
            return Ok(Vec::new());
        }
        within(COUNT_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let (after, until) = range.bounds();
            let ids = sqlx::query_scalar::<_, Vec<u8>>(rows::deleted(&table(class)));
            let ids = ids.bind(after).bind(until).bind(i64::try_from(limit).unwrap_or(i64::MAX));
            let ids = ids.fetch_all(&mut *pooled.connection).await;
            Ok(pooled.release(ids)?.iter().filter_map(|id| EntryId::from_bytes(id)).collect())
        })
        .await
    }

    pub(super) async fn count_deletions(&self) -> Result<u64> {
        within(READ_TIMEOUT, async {
            let mut pooled = self.connection().await?;
            let count = sqlx::query_scalar::<_, i64>("SELECT count FROM deletions");
            let count = count.fetch_one(&mut *pooled.connection).await;
            pooled.release(count).map(i64::unsigned_abs)
        })
        .await
    }
}

async fn delete(
    connection: &mut MySqlConnection,
    classes: &[Class],
    ids: &[EntryId],
) -> sqlx::Result<u64> {
    let mut transaction = connection.begin().await?;
    let mut deleted = 0;
    for class in classes {
        let mut empty = rows::delete::<MySql>(&table(class), ids);
        let empty = empty.build().persistent(false);
        deleted += empty.execute(&mut *transaction).await?.rows_affected();
    }
    if deleted > 0 {
        classes::count_deletion(&mut transaction).await?;
    }
    transaction.commit().await?;
    Ok(deleted)
}
