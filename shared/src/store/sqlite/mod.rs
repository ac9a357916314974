//! The store in local SQLite files.
//!
//! The file that the URL names is the catalogue. Each class and day has a file of its own, so that
//! dropping a day frees its space immediately. Files of days pack their entries: they are compressed
//! one by one, with a dictionary that the file has. Rows that earlier releases wrote stay readable,
//! and are moved to files and packed in the background.
//!
//! One process uses the files at a time, through one handle: other handles would miss what this one
//! keeps in memory.

mod catalogue;
mod content;
mod day_files;
mod delete;
mod dictionaries;
mod earlier;
mod entry_file;
mod files;
mod insert;
mod jobs;
mod logs;
mod names;
mod pack;
mod packed;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use anyhow::Context;
use async_trait::async_trait;
use tokio::sync::Mutex;
use url::Url;

pub(crate) use self::catalogue::TABLES;
use self::catalogue::{Catalogue, Earlier};
pub(crate) use self::day_files::day_files;
use self::earlier::Moving;
use self::entry_file::{Bounds, EntryFile, classify};
use self::files::Files;
pub(super) use self::jobs::open as open_delete_jobs;
pub(crate) use self::names::directory_of;
use super::scan::{Next, Scan};
use super::{IdRange, ScanPage, Store, Stored, StoredDay, VARIABLE};
use crate::config::url_options::UrlOptions;
use crate::error::{Ready, Refused, Result};
use crate::log_entry::{Day, EntryId, LogEntry, Timestamp};
use crate::retention::{Class, Keep, Part};
use crate::sqlite;

/// Opens the store at `sqlite:///path/to/file`, and starts tasks that end with the store. They
/// upgrade the rows of earlier releases and empty write-ahead logs.
pub(super) async fn open(url: &Url) -> anyhow::Result<Arc<dyn Store>> {
    let store = Arc::new(SqliteStore::open(url).await?);
    tokio::spawn(upgrade(Arc::downgrade(&store)));
    tokio::spawn(logs::run(Arc::downgrade(&store)));
    Ok(store)
}

/// Moves the rows of earlier releases from the catalogue to the files of days, and packs those that
/// files of days have.
async fn upgrade(store: Weak<SqliteStore>) {
    earlier::run(store.clone()).await;
    pack::run(store).await;
}

/// Empties the write-ahead logs of the catalogue and the files of days.
pub(super) async fn empty_logs(url: &Url) -> anyhow::Result<()> {
    let path = sqlite::path(VARIABLE, url)?;
    for file in names::with_logs(&directory_of(&path))?.iter().chain([&path]) {
        sqlite::empty_log(file).await.with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

struct SqliteStore {
    catalogue: Catalogue,
    files: Files,
    /// Held by whatever inserts or deletes entries, drops days or changes where a day is.
    writing: Mutex<Writing>,
    /// The number of deletions since the store was opened.
    deletions: AtomicU64,
}

#[derive(Default)]
struct Writing {
    /// The day that is being moved.
    moving: Option<Moving>,
}

/// Where entries of a class are.
enum Place {
    Earlier(Arc<Earlier>),
    File(Part),
}

/// A table with entries of a class, open for reads.
struct Table {
    file: Arc<EntryFile>,
    /// Only ids greater than this one belong to it.
    after: Vec<u8>,
    /// Keeps the rows of earlier releases from being deleted after they have been moved.
    _earlier: Option<Arc<Earlier>>,
}

impl SqliteStore {
    async fn open(url: &Url) -> anyhow::Result<Self> {
        UrlOptions::parse(VARIABLE, url, &[])?;
        let catalogue = Catalogue::open(url).await?;
        let files = Files::open(catalogue.path(), &catalogue.classes())
            .with_context(|| format!("reading the directory of {}", catalogue.path().display()))?;
        Ok(Self { catalogue, files, writing: Mutex::default(), deletions: AtomicU64::new(0) })
    }

    /// The rows of earlier releases, if they have the part.
    fn earlier_of(&self, part: &Part) -> Option<Arc<Earlier>> {
        self.catalogue.earlier().filter(|earlier| part.class.is_default() && earlier.has(part.day))
    }

    /// Opens the table that has the part, if one does.
    async fn table(&self, part: &Part) -> Result<Option<Table>> {
        if self.catalogue.is_dropped(&part.class, part.day) {
            return Ok(None);
        }
        let place = match self.earlier_of(part) {
            Some(earlier) => Place::Earlier(earlier),
            None => Place::File(part.clone()),
        };
        self.open_table(place).await
    }

    async fn open_table(&self, place: Place) -> Result<Option<Table>> {
        match place {
            Place::Earlier(earlier) => {
                let after = self.before_earlier(&earlier);
                let file = Arc::clone(self.catalogue.file());
                Ok(Some(Table { file, after, _earlier: Some(earlier) }))
            }
            Place::File(part) => {
                let file = self.files.get(&part).await?;
                Ok(file.map(|file| Table { file, after: Vec::new(), _earlier: None }))
            }
        }
    }

    /// Where the entries of the class in the range are, in the order of days.
    fn places(&self, class: &Class, range: IdRange) -> Vec<Place> {
        let first = Day::of(range.after.unwrap_or(EntryId::FIRST));
        let first = self.catalogue.first_day(class).map_or(first, |kept| kept.max(first));
        let last = range.until.map_or_else(|| Day::at(Timestamp::MAX), Day::of);
        let earlier = self.catalogue.earlier().filter(|_| class.is_default());
        let mut places = Vec::new();
        let mut later = Vec::new();
        for day in self.files.days(class, first..=last) {
            let place = Place::File(Part { day, class: class.clone() });
            match &earlier {
                Some(earlier) if earlier.has(day) => {}
                Some(earlier) if earlier.last < day => later.push(place),
                _ => places.push(place),
            }
        }
        let is_in_range = |earlier: &Arc<Earlier>| first <= earlier.last && earlier.first <= last;
        places.extend(earlier.filter(is_in_range).map(Place::Earlier));
        places.append(&mut later);
        places
    }
}

impl Table {
    fn bounds(&self, range: IdRange) -> Bounds {
        let (after, until) = range.bounds();
        (after.max(self.after.clone()), until)
    }
}

#[async_trait]
impl Ready for SqliteStore {
    async fn ready(&self) -> Result<()> {
        let row = sqlx::query("SELECT 1 FROM retention_classes LIMIT 1");
        row.fetch_optional(self.catalogue.file().readers()).await.map_err(classify)?;
        Ok(())
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn insert(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        self.insert_batch(entries).await
    }

    async fn get(&self, id: EntryId) -> Result<Option<LogEntry>> {
        let day = Day::of(id);
        for class in self.catalogue.classes().into_keys() {
            let part = Part { day, class };
            let Some(table) = self.table(&part).await? else { continue };
            if let Some(entry) = table.file.get(id, &part.class).await? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    async fn classes(&self) -> Result<Vec<Class>> {
        Ok(self.catalogue.classes().into_keys().collect())
    }

    async fn scan(&self, class: &Class, range: IdRange, limit: usize) -> Result<ScanPage> {
        let mut scan = Scan::new(class.clone(), range, limit);
        for place in self.places(class, range) {
            let Some(table) = self.open_table(place).await? else { continue };
            scan.begin_table(table.after);
            if table.file.scan(&mut scan).await? == Next::Page {
                break;
            }
        }
        Ok(scan.into_page())
    }

    async fn count(&self, class: &Class, range: IdRange) -> Result<u64> {
        let mut count = 0;
        for place in self.places(class, range) {
            let Some(table) = self.open_table(place).await? else { continue };
            count += table.file.count(table.bounds(range)).await?;
        }
        Ok(count)
    }

    async fn last(&self, class: &Class, range: IdRange) -> Result<Option<EntryId>> {
        for place in self.places(class, range).into_iter().rev() {
            let Some(table) = self.open_table(place).await? else { continue };
            if let Some(last) = table.file.last(table.bounds(range)).await? {
                return Ok(Some(last));
            }
        }
        Ok(None)
    }

    async fn delete(&self, ids: &[EntryId]) -> Result<u64> {
        self.delete_entries(ids).await
    }

    async fn lookup(&self, ids: &[EntryId]) -> Result<BTreeMap<EntryId, Stored>> {
        self.look_up(ids).await
    }

    async fn deleted(&self, class: &Class, range: IdRange, limit: usize) -> Result<Vec<EntryId>> {
        let mut ids = Vec::new();
        for place in self.places(class, range) {
            if ids.len() == limit {
                break;
            }
            let Some(table) = self.open_table(place).await? else { continue };
            ids.extend(table.file.deleted(table.bounds(range), limit - ids.len()).await?);
        }
        Ok(ids)
    }

    async fn deletions(&self) -> Result<u64> {
        Ok(self.deletions.load(Ordering::SeqCst))
    }

    async fn default_keep(&self) -> Result<Keep> {
        self.catalogue.default_keep().await
    }

    async fn days(&self) -> Result<Vec<StoredDay>> {
        let mut days = self.earlier_days().await?;
        for part in self.files.parts() {
            if self.earlier_of(&part).is_none()
                && let Some(size) = self.files.size(&part).await?
            {
                days.push(size);
            }
        }
        Ok(days)
    }

    async fn first_days(&self) -> Result<BTreeMap<Class, Day>> {
        let classes = self.catalogue.classes().into_iter();
        Ok(classes.filter_map(|(class, first)| Some((class, first?))).collect())
    }

    async fn dropped(&self, day: Day) -> Result<Option<Class>> {
        self.catalogue.dropped(day).await
    }

    /// Reserves the space to drop days on a full disk. A disk that is full already is no error.
    async fn prepare(&self, _today: Day) -> Result<()> {
        if let Err(error) = self.catalogue.reserve().await {
            tracing::warn!(%error, "failed to reserve the space to drop a day on a full disk");
        }
        Ok(())
    }

    async fn drop_before(&self, class: &Class, first: Day) -> Result<()> {
        let writing = self.writing.lock().await;
        for StoredDay { day, .. } in self.days().await?.iter().filter(|one| one.class == *class) {
            if *day < first {
                self.catalogue.set_dropped(class, *day).await?;
            }
        }
        // The entries of these days are deleted.
        self.deletions.fetch_add(1, Ordering::SeqCst);
        self.catalogue.set_first_day(class, first).await?;
        drop(writing);
        // An earlier call may have dropped later days.
        let first = self.catalogue.first_day(class).unwrap_or(first);
        self.files.remove_before(class, first).await?;
        if class.is_default() {
            while self.delete_earlier(first).await? {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
