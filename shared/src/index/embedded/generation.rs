//! A generation: a complete index, or one that is being built to replace it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use tokio::task::spawn_blocking;

use super::layout::Layout;
use super::state::{Progress, State};
use crate::error::{Error, Result};
use crate::index::SERVICE;
use crate::index::tantivy::{Opened, TantivyIndex};
use crate::log_entry::EntryId;
use crate::retention::Class;

pub(super) struct Generation {
    pub(super) number: u32,
    pub(super) index: TantivyIndex,
    directory: PathBuf,
    /// `None` once it is abandoned.
    state: Mutex<Option<State>>,
}

impl Generation {
    /// Creates a generation without the stored entries up to `until`.
    pub(super) async fn create(
        layout: &Layout,
        attributes_max: usize,
        until: Option<EntryId>,
    ) -> anyhow::Result<Self> {
        let number = layout.run(Layout::next_generation).await?;
        let directory = layout.generation(number);
        let state = State::initial(until);
        let created = async {
            let index = TantivyIndex::create(directory.clone(), attributes_max).await?;
            let written = state.clone();
            layout.run(move |layout| written.write(&layout.generation(number))).await?;
            anyhow::Ok(index)
        };
        match created.await {
            Ok(index) => Ok(Self { number, index, directory, state: Mutex::new(Some(state)) }),
            Err(error) => {
                let remove = move |layout: &Layout| fs::remove_dir_all(layout.generation(number));
                let _ = layout.run(remove).await;
                Err(error)
            }
        }
    }

    /// Opens a generation, or returns why it must be rebuilt.
    ///
    /// # Errors
    /// When a newer version of LogPulse wrote it, or it is temporarily unreadable.
    pub(super) async fn open(
        layout: &Layout,
        number: u32,
        attributes_max: usize,
    ) -> anyhow::Result<std::result::Result<Self, anyhow::Error>> {
        let directory = layout.generation(number);
        let read = move |layout: &Layout| State::read(&layout.generation(number));
        let state = match layout.run(read).await {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Ok(Err(error.into()));
            }
            state => Mutex::new(Some(state?)),
        };
        Ok(match TantivyIndex::open_existing(directory.clone(), attributes_max).await? {
            Opened::Usable(index) => Ok(Self { number, index, directory, state }),
            Opened::Unusable(error) => Err(error),
        })
    }

    /// The stored entries still missing from it; `None` if it is complete or abandoned.
    pub(super) fn progress(&self) -> Option<Progress> {
        match &*self.state() {
            Some(State::Building(progress)) => Some(progress.clone()),
            Some(State::Complete) | None => None,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        *self.state() == Some(State::Complete)
    }

    /// Records that it contains the store's entries of all smaller classes, and those of this class
    /// up to `after`.
    pub(super) async fn advance(
        self: &Arc<Self>,
        class: Class,
        after: Option<EntryId>,
    ) -> Result<()> {
        self.change(move |Progress { until, .. }| {
            Some(State::Building(Progress { class, after, until }))
        })
        .await
    }

    /// Records that it contains every entry in the store.
    pub(super) async fn complete(self: &Arc<Self>) -> Result<()> {
        self.change(|_| Some(State::Complete)).await
    }

    /// Records that it will never be completed, not even after a restart.
    pub(super) async fn abandon(self: &Arc<Self>) -> Result<()> {
        self.change(|_| None).await
    }

    /// Changes the state, on disk first, unless it is complete or abandoned.
    async fn change(
        self: &Arc<Self>,
        change: impl FnOnce(Progress) -> Option<State> + Send + 'static,
    ) -> Result<()> {
        let generation = Arc::clone(self);
        let write = spawn_blocking(move || -> io::Result<()> {
            let mut state = generation.state();
            if let Some(State::Building(progress)) = &*state {
                let changed = change(progress.clone());
                match &changed {
                    Some(state) => state.write(&generation.directory)?,
                    None => State::remove(&generation.directory)?,
                }
                *state = changed;
            }
            Ok(())
        });
        let written = write.await.map_err(|error| Error::unavailable(SERVICE, error))?;
        written.map_err(|error| Error::unavailable(SERVICE, error))
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
