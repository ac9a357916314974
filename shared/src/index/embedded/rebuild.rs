//! Builds the next generation of the embedded index, and replaces the current one with it.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use url::Url;

use super::generation::Generation;
use super::layout::{self, Layout};
use super::state::Progress;
use super::{EmbeddedIndex, Generations, Location};
use crate::error::{Error, Refused, Result};
use crate::index::{Index, SERVICE};
use crate::log_entry::{EntryId, LogEntry};
use crate::retention::Class;

/// The pause between checks whether an unneeded generation is still in use by a search or batch.
const RELEASE_INTERVAL: Duration = Duration::from_millis(100);

/// A generation that is being built.
#[derive(Clone)]
pub struct Rebuild(pub(super) Arc<Generation>);

impl Rebuild {
    /// The stored entries still missing from it; `None` once it is complete or abandoned.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        self.0.progress()
    }

    /// Adds entries from the store.
    ///
    /// # Errors
    /// When [`Index::add`] fails.
    pub async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        self.0.index.add(entries).await
    }

    /// Deletes entries that have been deleted from the store.
    ///
    /// # Errors
    /// When [`Index::delete`] fails.
    pub async fn delete(&self, class: &Class, ids: &[EntryId]) -> Result<()> {
        self.0.index.delete(class, ids).await
    }

    /// Records that all of the store's entries of smaller classes, and those of this class up to
    /// `after`, have been added, so that a restart resumes there.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the directory cannot be written.
    pub async fn advance(&self, class: Class, after: Option<EntryId>) -> Result<()> {
        self.0.advance(class, after).await
    }
}

/// Requests a rebuild of the index at this URL. A running server begins it within two seconds;
/// otherwise, it begins at the next start.
///
/// # Errors
/// When the URL is invalid, or the directory cannot be written.
pub fn request_rebuild(url: &Url) -> anyhow::Result<()> {
    Ok(layout::request_rebuild(&Location::parse(url)?.path)?)
}

/// Whether a rebuild of the index at this URL was requested but has not begun.
///
/// # Errors
/// When the URL is invalid.
pub fn is_rebuild_requested(url: &Url) -> anyhow::Result<bool> {
    Ok(layout::is_rebuild_requested(&Location::parse(url)?.path))
}

impl EmbeddedIndex {
    /// The rebuild in progress, if there is one.
    #[must_use]
    pub fn rebuild(&self) -> Option<Rebuild> {
        let Generations { serving, next } = self.generations();
        next.or_else(|| (!serving.is_complete()).then_some(serving)).map(Rebuild)
    }

    /// Whether a rebuild was requested but has not begun.
    #[must_use]
    pub fn is_rebuild_requested(&self) -> bool {
        self.layout.is_rebuild_requested()
    }

    /// Starts building a generation without the stored entries up to `until`. Entries added from
    /// now on go to both generations. No batch may have been in progress since `until` was read:
    /// its entries could have been stored after that and added only to the current generation.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the directory cannot be written.
    pub async fn start(&self, until: Option<EntryId>) -> Result<()> {
        let created = Generation::create(&self.layout, self.attributes_max, until).await;
        let next = Arc::new(created.map_err(|error| unavailable(error.into_boxed_dyn_error()))?);
        if next.is_complete() {
            self.replace_serving(next);
        } else {
            self.change(|generations| generations.next = Some(next));
        }
        if let Err(error) = self.layout.run(Layout::remove_request).await {
            tracing::warn!(%error, "failed to remove the request to rebuild the index");
        }
        Ok(())
    }

    /// Completes a rebuild that contains every entry in the store. From now on, searches use its
    /// generation.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the rebuild was abandoned, or the directory cannot be written.
    pub async fn complete(&self, rebuild: &Rebuild) -> Result<()> {
        rebuild.0.complete().await?;
        if !rebuild.0.is_complete() {
            return Err(unavailable("the rebuild of the index was abandoned"));
        }
        self.replace_serving(Arc::clone(&rebuild.0));
        Ok(())
    }

    /// Abandons a rebuild that cannot be completed because of `reason`. The current index is
    /// unchanged.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the generation cannot be abandoned because searches use it, or
    /// the directory cannot be written.
    pub async fn abandon(&self, rebuild: &Rebuild, reason: &Error) -> Result<()> {
        let generation = &rebuild.0;
        if self.generations().serving.number == generation.number {
            return Err(unavailable(reason.to_string()));
        }
        generation.abandon().await?;
        if generation.is_complete() {
            return Err(unavailable(reason.to_string()));
        }
        let is_this = |next: &mut Arc<Generation>| next.number == generation.number;
        if let Some(next) = self.change(|generations| generations.next.take_if(is_this)) {
            tracing::error!(
                %reason,
                "abandoned the rebuild of the index; the previous index keeps serving"
            );
            self.remove_when_unused(next);
        }
        Ok(())
    }

    fn replace_serving(&self, generation: Arc<Generation>) {
        let replaced = self.change(|generations| {
            generations.next.take_if(|next| next.number == generation.number);
            std::mem::replace(&mut generations.serving, Arc::clone(&generation))
        });
        if replaced.number != generation.number {
            self.remove_when_unused(replaced);
        }
    }

    fn change<T>(&self, change: impl FnOnce(&mut Generations) -> T) -> T {
        change(&mut self.generations.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Removes a generation once no search or batch uses it. If the process ends before that, the
    /// next start removes it.
    fn remove_when_unused(&self, generation: Arc<Generation>) {
        let layout = self.layout.clone();
        tokio::spawn(async move {
            while Arc::strong_count(&generation) > 1 {
                sleep(RELEASE_INTERVAL).await;
            }
            let removed = spawn_blocking(move || remove(&layout, generation)).await;
            if let Ok(Err(error)) = removed {
                tracing::warn!(%error, "failed to remove an index that is no longer needed");
            }
        });
    }
}

/// Stops the generation's writer, then removes its files.
fn remove(layout: &Layout, generation: Arc<Generation>) -> std::io::Result<()> {
    let number = generation.number;
    drop(generation);
    layout.remove(number)
}

fn unavailable(source: impl Into<crate::error::Source>) -> Error {
    Error::unavailable(SERVICE, source)
}
