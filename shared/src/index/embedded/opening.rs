//! Opens the directory, and selects the generation to search and the one under construction.

use std::fmt;
use std::sync::{Arc, RwLock};

use anyhow::anyhow;
use tokio::task::spawn_blocking;
use url::Url;

use super::generation::Generation;
use super::layout::Layout;
use super::{EmbeddedIndex, Generations, Location};
use crate::log_entry::EntryId;

/// Why an index must be built from the store.
#[derive(Debug)]
pub enum Cause {
    /// There is no index.
    Missing,
    /// The index is damaged, or an older version of LogPulse wrote it.
    Unusable(anyhow::Error),
    /// [`request_rebuild`](super::request_rebuild) was called.
    Requested,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no index"),
            Self::Unusable(error) => write!(f, "the index cannot be used: {error:#}"),
            Self::Requested => f.write_str("a rebuild was requested"),
        }
    }
}

impl EmbeddedIndex {
    /// Opens or creates the index at `tantivy:///path/to/directory`. If the index must be built,
    /// `last` is called for the greatest id in the store, and [`rebuild`](Self::rebuild) then
    /// returns a generation without the stored entries up to that id.
    ///
    /// # Errors
    /// When the URL is invalid, a newer version of LogPulse wrote the directory, the directory is
    /// temporarily unreadable or not writable, or `last` fails. An existing index is left
    /// unchanged.
    pub async fn open(
        url: &Url,
        last: impl AsyncFnOnce(&Cause) -> anyhow::Result<Option<EntryId>>,
    ) -> anyhow::Result<Self> {
        let Location { path, attributes_max } = Location::parse(url)?;
        let layout = spawn_blocking(move || Layout::open(path)).await??;
        let Found { serving, next, unneeded, unusable } = find(&layout, attributes_max).await?;
        let is_complete = serving.as_ref().is_some_and(Generation::is_complete) && next.is_none();
        let is_requested = layout.run(|layout| Ok(layout.is_rebuild_requested())).await?;
        let cause = match unusable.map(Cause::Unusable) {
            unusable if serving.is_none() => Some(unusable.unwrap_or(Cause::Missing)),
            Some(unusable) if is_complete => Some(unusable),
            None if is_complete && is_requested => Some(Cause::Requested),
            _ => None,
        };
        let until = match &cause {
            Some(cause) => last(cause).await?,
            None => None,
        };
        let adopt = move |layout: &Layout| {
            layout.adopt()?;
            unneeded.into_iter().try_for_each(|number| layout.remove(number))
        };
        layout.run(adopt).await?;
        let (serving, is_new) = match serving {
            Some(serving) => (serving, false),
            None => (Generation::create(&layout, attributes_max, until).await?, true),
        };
        let (serving, next) = (Arc::new(serving), next.map(Arc::new));
        let generations = RwLock::new(Generations { serving, next });
        let index = Self { layout, attributes_max, generations };
        if is_new {
            index.layout.run(Layout::remove_request).await?;
        } else if cause.is_some() {
            index.start(until).await?;
        }
        Ok(index)
    }
}

/// The generations in a directory.
#[derive(Default)]
struct Found {
    /// The newest complete generation or, if there is none, the newest one under construction.
    serving: Option<Generation>,
    /// The generation that is being built to replace a complete one.
    next: Option<Generation>,
    /// The numbers of all other generations.
    unneeded: Vec<u32>,
    /// Why a generation newer than `serving` cannot be used.
    unusable: Option<anyhow::Error>,
}

async fn find(layout: &Layout, attributes_max: usize) -> anyhow::Result<Found> {
    let mut found = Found::default();
    for number in layout.run(Layout::generations).await?.into_iter().rev() {
        if found.serving.is_some() {
            found.unneeded.push(number);
            continue;
        }
        match Generation::open(layout, number, attributes_max).await? {
            Ok(generation) if generation.is_complete() => found.serving = Some(generation),
            Ok(generation) if found.next.is_none() => found.next = Some(generation),
            Ok(_) => found.unneeded.push(number),
            Err(error) => {
                found.unneeded.push(number);
                found.unusable.get_or_insert(error);
            }
        }
    }
    if found.serving.is_none() {
        found.serving = found.next.take();
        if layout.run(Layout::has_version_1_index).await? {
            found.unusable.get_or_insert(anyhow!("an older version of LogPulse wrote it"));
        }
    }
    Ok(found)
}
