//! The embedded index as a series of generations, so that it can be rebuilt from the store.
//!
//! Searches use the newest complete generation. A rebuild creates the next one. Arriving entries
//! are added to both, and the store's entries are added to the next one in id order. Once it
//! contains all of them, searches use it, and the previous one is removed. If there is no complete
//! generation, searches use the one that is being built, and their results report this.
//!
//! This module does not depend on the store; [`crate::reindex`] connects the two.

mod generation;
mod layout;
mod opening;
mod rebuild;
mod state;

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use url::Url;

use self::generation::Generation;
use self::layout::Layout;
pub use self::opening::Cause;
pub use self::rebuild::{Rebuild, is_rebuild_requested, request_rebuild};
pub use self::state::Progress;
use super::tantivy::Location;
use super::{Index, Snapshot};
use crate::aggregation::{Aggregates, Aggregation};
use crate::error::{Error, Ready, Refused, Result};
use crate::log_entry::{Day, EntryId, LogEntry};
use crate::retention::Class;
use crate::search::{SearchHits, SearchQuery};

/// Whether this is the URL of an embedded index.
#[must_use]
pub fn is_embedded(url: &Url) -> bool {
    url.scheme() == "tantivy"
}

/// An [`Index`] in a local directory that can be rebuilt while it is searched.
pub struct EmbeddedIndex {
    layout: Layout,
    attributes_max: usize,
    generations: RwLock<Generations>,
}

#[derive(Clone)]
struct Generations {
    /// The one that is searched.
    serving: Arc<Generation>,
    /// The one that is being built to replace it.
    next: Option<Arc<Generation>>,
}

impl EmbeddedIndex {
    fn generations(&self) -> Generations {
        self.generations.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Ready for EmbeddedIndex {
    async fn ready(&self) -> Result<()> {
        self.generations().serving.index.ready().await
    }

    fn is_rebuilding(&self) -> bool {
        !self.generations().serving.is_complete()
    }
}

#[async_trait]
impl Index for EmbeddedIndex {
    async fn add(&self, entries: &[LogEntry]) -> Result<Vec<Refused>> {
        let Generations { serving, next } = self.generations();
        let Some(next) = next else {
            return serving.index.add(entries).await;
        };
        let (added, added_to_next) =
            tokio::join!(serving.index.add(entries), next.index.add(entries));
        if let Err(error) = added_to_next {
            // An invalid entry fails in both generations. It must not end the rebuild.
            if added.is_ok() || matches!(error, Error::Unavailable { .. }) {
                self.abandon(&Rebuild(next), &error).await?;
            }
        }
        added
    }

    async fn delete(&self, class: &Class, ids: &[EntryId]) -> Result<()> {
        let Generations { serving, next } = self.generations();
        serving.index.delete(class, ids).await?;
        match next {
            Some(next) => next.index.delete(class, ids).await,
            None => Ok(()),
        }
    }

    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        let serving = self.generations().serving;
        // This is checked before the search, because the rebuild may complete during it.
        let is_rebuilding = !serving.is_complete();
        let hits = serving.index.search(query).await?;
        Ok(SearchHits { is_rebuilding, ..hits })
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
        let serving = self.generations().serving;
        let is_rebuilding = !serving.is_complete();
        Ok(Box::new(View { snapshot: serving.index.snapshot().await?, is_rebuilding }))
    }

    async fn days(&self, class: &Class) -> Result<BTreeSet<Day>> {
        self.generations().serving.index.days(class).await
    }

    async fn drop_before(&self, class: &Class, first: Day) -> Result<()> {
        let Generations { serving, next } = self.generations();
        serving.index.drop_before(class, first).await?;
        match next {
            Some(next) => next.index.drop_before(class, first).await,
            None => Ok(()),
        }
    }
}

/// A snapshot of a generation, and whether it was being built.
struct View {
    snapshot: Box<dyn Snapshot>,
    is_rebuilding: bool,
}

#[async_trait]
impl Snapshot for View {
    async fn search(&self, query: &SearchQuery) -> Result<SearchHits> {
        let hits = self.snapshot.search(query).await?;
        Ok(SearchHits { is_rebuilding: self.is_rebuilding, ..hits })
    }

    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Aggregates> {
        let aggregates = self.snapshot.aggregate(aggregation).await?;
        Ok(Aggregates { is_rebuilding: self.is_rebuilding, ..aggregates })
    }

    async fn attributes(&self) -> Result<Vec<String>> {
        self.snapshot.attributes().await
    }
}
