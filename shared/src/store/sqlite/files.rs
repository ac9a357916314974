//! The files of the store: one for each part, which is a class and a day. They are in a directory
//! next to the catalogue: `2026-11-27.db` for the default class, `2026-11-27.<name>.db` for others.

use std::collections::BTreeMap;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::{SERVICE, StoredDay};
use super::catalogue::Classes;
use super::entry_file::{EntryFile, entry_count};
use super::names::{bytes, create_directory, directory_of, file_name, list, remove};
use crate::durable;
use crate::error::{Error, Result};
use crate::log_entry::Day;
use crate::retention::{Class, Part};

/// The number of files that stay open when they are not in use. Each has up to three connections.
const MAX_OPEN: usize = 16;

/// Held while a file is opened, created or removed. Two connections cannot create a file at the
/// same time, not even through two handles to the same store.
static OPENING: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The files. They are opened on demand, and those that have not been used for the longest time are
/// closed.
pub(super) struct Files {
    directory: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<Part, Slot>,
    /// The number of uses so far.
    uses: u64,
}

/// A file that exists.
#[derive(Default)]
struct Slot {
    open: Option<Arc<EntryFile>>,
    /// The position of its last use among all uses.
    last_use: u64,
    /// The number of its entries, once it has been asked for.
    entries: Option<u64>,
}

impl Files {
    /// Lists the files in the directory of the catalogue at this path. Removes those of days that
    /// have been dropped.
    pub(super) fn open(catalogue: &Path, classes: &Classes) -> io::Result<Self> {
        let directory = directory_of(catalogue);
        let mut files = BTreeMap::new();
        let listed = list(&directory, classes)?;
        for path in listed.unknown {
            tracing::warn!(path = %path.display(), "this file is not part of the store");
        }
        for part in listed.parts {
            if classes.get(&part.class).copied().flatten().is_some_and(|first| part.day < first) {
                remove(&directory.join(file_name(&part)))?;
            } else {
                files.insert(part, Slot::default());
            }
        }
        Ok(Self { directory, state: Mutex::new(State { files, uses: 0 }) })
    }

    /// The classes that have a file of the day.
    pub(super) fn classes(&self, day: Day) -> Vec<Class> {
        let start = Part { day, class: Class::DEFAULT };
        let state = self.state();
        let parts = state.files.range(start..).map(|(part, _)| part);
        parts.take_while(|part| part.day == day).map(|part| part.class.clone()).collect()
    }

    /// The days of the class that have a file.
    pub(super) fn days(&self, class: &Class, days: RangeInclusive<Day>) -> Vec<Day> {
        let start = Part { day: *days.start(), class: Class::DEFAULT };
        let state = self.state();
        let parts = state.files.range(start..).map(|(part, _)| part);
        let parts = parts.take_while(|part| part.day <= *days.end());
        parts.filter(|part| part.class == *class).map(|part| part.day).collect()
    }

    /// Every part that has a file.
    pub(super) fn parts(&self) -> Vec<Part> {
        self.state().files.keys().cloned().collect()
    }

    /// The file of the part, if it exists.
    pub(super) async fn get(&self, part: &Part) -> Result<Option<Arc<EntryFile>>> {
        if let Some(file) = self.use_open(part) {
            return Ok(Some(file));
        }
        let _opening = OPENING.lock().await;
        if !self.state().files.contains_key(part) {
            return Ok(None);
        }
        self.open_file(part, false).await.map(Some)
    }

    /// The file of the part, which is created if it does not exist. The class must be in the
    /// catalogue.
    pub(super) async fn get_or_create(&self, part: &Part) -> Result<Arc<EntryFile>> {
        if let Some(file) = self.use_open(part) {
            return Ok(file);
        }
        let _opening = OPENING.lock().await;
        let is_new = !self.state().files.contains_key(part);
        if is_new {
            let directory = self.directory.clone();
            blocking(move || create_directory(&directory)).await?;
        }
        self.open_file(part, is_new).await
    }

    /// Counts entries that have been inserted into the file of the part, or deleted from it.
    pub(super) fn add_entries(&self, part: &Part, count: i64) {
        if let Some(Slot { entries: Some(entries), .. }) = self.state().files.get_mut(part) {
            *entries = entries.saturating_add_signed(count);
        }
    }

    /// The size of the file of the part; `None` if it has been removed.
    pub(super) async fn size(&self, part: &Part) -> Result<Option<StoredDay>> {
        let path = self.path(part);
        let known = self.state().files.get(part).map(|slot| slot.entries);
        let Some(known) = known else { return Ok(None) };
        let entries = match known {
            Some(entries) => entries,
            None => match entry_count(&path).await {
                Ok(entries) => entries,
                Err(_) if !self.state().files.contains_key(part) => return Ok(None),
                Err(error) => return Err(error),
            },
        };
        if let Some(slot) = self.state().files.get_mut(part) {
            slot.entries = Some(entries);
        }
        let Part { day, class } = part.clone();
        Ok(Some(StoredDay { class, day, entries, bytes: bytes(&path) }))
    }

    /// Removes the files of the class of the days before `first`, also those that an interrupted
    /// call has left. Waits for the reads that use them.
    pub(super) async fn remove_before(&self, class: &Class, first: Day) -> Result<()> {
        let directory = self.directory.clone();
        let classes = Classes::from([(class.clone(), None)]);
        let mut parts = blocking(move || list(&directory, &classes)).await?.parts;
        parts.retain(|part| part.class == *class && part.day < first);
        for part in parts {
            let opening = OPENING.lock().await;
            let slot = self.state().files.remove(&part);
            drop(opening);
            if let Some(file) = slot.and_then(|slot| slot.open) {
                file.close().await;
            }
            let path = self.path(&part);
            blocking(move || remove(&path)).await?;
        }
        Ok(())
    }

    /// Opens the file and closes others that have not been used for a long time.
    async fn open_file(&self, part: &Part, is_new: bool) -> Result<Arc<EntryFile>> {
        if let Some(file) = self.use_open(part) {
            return Ok(file);
        }
        let path = self.path(part);
        let file = Arc::new(EntryFile::open(&path, is_new).await?);
        if is_new {
            blocking(move || durable::sync_parent(&path)).await?;
        }
        let mut state = self.state();
        state.uses += 1;
        let last_use = state.uses;
        let slot = state.files.entry(part.clone()).or_default();
        slot.open = Some(Arc::clone(&file));
        slot.last_use = last_use;
        state.close_unused();
        Ok(file)
    }

    fn use_open(&self, part: &Part) -> Option<Arc<EntryFile>> {
        let mut state = self.state();
        state.uses += 1;
        let last_use = state.uses;
        let slot = state.files.get_mut(part)?;
        slot.last_use = last_use;
        slot.open.clone()
    }

    /// The files that are open.
    pub(super) fn all_open(&self) -> Vec<Arc<EntryFile>> {
        self.state().files.values().filter_map(|slot| slot.open.clone()).collect()
    }

    pub(super) fn path(&self, part: &Part) -> PathBuf {
        self.directory.join(file_name(part))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn open_files(&self) -> usize {
        self.state().files.values().filter(|slot| slot.open.is_some()).count()
    }
}

impl State {
    /// Closes files that are not in use, until only [`MAX_OPEN`] are open.
    fn close_unused(&mut self) {
        let open = self.files.values().filter(|slot| slot.open.is_some()).count();
        for _ in MAX_OPEN..open {
            let is_unused =
                |slot: &Slot| slot.open.as_ref().is_some_and(|file| Arc::strong_count(file) == 1);
            let unused = self.files.values_mut().filter(|slot| is_unused(slot));
            let Some(slot) = unused.min_by_key(|slot| slot.last_use) else { return };
            slot.open = None;
        }
    }
}

/// Runs work that blocks outside the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    let unavailable = |error| Error::unavailable(SERVICE, error);
    done.map_err(|error| Error::unavailable(SERVICE, error))?.map_err(unavailable)
}
