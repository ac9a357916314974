//! The approximate size of the rows of earlier releases.

use sqlx::AssertSqlSafe;

use super::super::entry_file::{TABLE, classify};
use super::SqliteStore;
use crate::disk::Space;
use crate::error::{Error, Result};
use crate::log_entry::Day;
use crate::retention::Class;
use crate::sqlite::space;
use crate::store::{IdRange, SERVICE, StoredDay};

/// The number of rows of a day that are read to estimate its size.
const SAMPLE: u64 = 1000;

/// What a row takes in addition to its text.
const ROW_BYTES: u64 = 64;

impl SqliteStore {
    /// Returns the days of earlier releases. Days with few rows are counted; the others are taken to
    /// have the same size.
    pub(in super::super) async fn earlier_days(&self) -> Result<Vec<StoredDay>> {
        let Some(earlier) = self.catalogue.earlier() else { return Ok(Vec::new()) };
        let (mut after, all) = IdRange::ALL.bounds();
        after = after.max(self.before_earlier(&earlier));
        let mut days = Vec::new();
        while let Some(id) = self.catalogue.file().first_row((after, all.clone())).await? {
            let day = Day::of(id);
            days.push(self.sample(day).await?);
            (_, after) = IdRange::of_day(day).bounds();
        }
        let is_large = |day: &&mut StoredDay| day.entries >= SAMPLE;
        let large: Vec<&mut StoredDay> = days.iter_mut().filter(is_large).collect();
        let share = self.bytes_in_use().await? / (large.len() as u64).max(1);
        for day in large {
            day.entries = (day.entries * share / day.bytes.max(1)).max(day.entries);
            day.bytes = day.bytes.max(share);
        }
        Ok(days)
    }

    /// The size of the first rows of the day.
    async fn sample(&self, day: Day) -> Result<StoredDay> {
        let (after, until) = IdRange::of_day(day).bounds();
        let sizes = format!(
            "SELECT COUNT(*), ifnull(SUM(size), 0) FROM (
                 SELECT octet_length(message) + ifnull(octet_length(attributes), 0) AS size
                 FROM {TABLE} WHERE id > ? AND id <= ? AND NOT deleted ORDER BY id LIMIT {SAMPLE}
             )"
        );
        let sizes = sqlx::query_as::<_, (i64, i64)>(AssertSqlSafe(sizes));
        let sizes = sizes.bind(after).bind(until).fetch_one(self.catalogue.file().readers());
        let (rows, bytes) = sizes.await.map_err(classify)?;
        let entries = rows.unsigned_abs();
        let bytes = bytes.unsigned_abs() + entries * ROW_BYTES;
        Ok(StoredDay { class: Class::DEFAULT, day, entries, bytes })
    }

    /// The size of the catalogue without unused pages.
    async fn bytes_in_use(&self) -> Result<u64> {
        space::used_bytes(self.catalogue.file().readers()).await.map_err(classify)
    }

    /// Whether all rows could be copied. Otherwise, the disk could become too full for new entries.
    pub(super) async fn has_space_for_copy(&self) -> Result<bool> {
        let needed = self.bytes_in_use().await?;
        let path = self.catalogue.path().to_owned();
        let space = tokio::task::spawn_blocking(move || Space::of(&path)).await;
        let space = space.map_err(|error| Error::unavailable(SERVICE, error))?;
        let space = space.map_err(|error| Error::unavailable(SERVICE, error))?;
        Ok(space.free > needed)
    }
}
