//! Reads the pages of an export, and writes them one by one as the client receives them.

use std::io;

use bytes::Bytes;
use futures_util::stream::{Stream, try_unfold};
use shared::Error;
use shared::index::Snapshot;
use shared::search::{SearchHits, SearchQuery};
use tokio::join;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::spawn_blocking;

use crate::writer::Writer;

/// The maximum number of entries on a page; at most 8 MiB of them. Two pages are in memory.
const PAGE_ENTRIES: usize = 5000;

/// An export in progress. Once the client has received a page, it writes the next one and meanwhile
/// reads the one after that. It stops when it is dropped.
pub(crate) struct Pages {
    snapshot: Box<dyn Snapshot>,
    query: SearchQuery,
    /// The number of entries that may follow; `None` if all may.
    remaining: Option<usize>,
    /// The page to be written next; `None` once everything has been written.
    next: Option<(SearchHits, Writer)>,
    _permit: OwnedSemaphorePermit,
}

impl Pages {
    /// Reads the first page.
    ///
    /// # Errors
    /// Those of [`Snapshot::search`].
    pub(crate) async fn open(
        snapshot: Box<dyn Snapshot>,
        query: SearchQuery,
        limit: Option<usize>,
        writer: Writer,
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, Error> {
        let mut pages = Self { snapshot, query, remaining: limit, next: None, _permit: permit };
        pages.next = Some((pages.read().await?, writer));
        Ok(pages)
    }

    /// Whether entries may be missing because the index is being built.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.next.as_ref().is_some_and(|(page, _)| page.is_rebuilding)
    }

    /// The body of the response.
    pub(crate) fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> {
        try_unfold(self, |mut pages| async move {
            match pages.next().await {
                Ok(bytes) => Ok(bytes.map(|bytes| (bytes, pages))),
                Err(error) => {
                    tracing::warn!(%error, "an export was aborted");
                    Err(error)
                }
            }
        })
    }

    /// The next bytes of the body; `None` at its end.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        while let Some((page, writer)) = self.next.take() {
            let is_last = page.next_cursor.is_none() || self.remaining == Some(0);
            self.query.cursor = page.next_cursor;
            let write = spawn_blocking(move || writer.write(&page.entries, is_last));
            let read = async { if is_last { Ok(None) } else { self.read().await.map(Some) } };
            let (written, next) = join!(write, read);
            let (bytes, writer) = written.map_err(io::Error::other).flatten()?;
            self.next = next.map_err(io::Error::other)?.zip(writer);
            if !bytes.is_empty() {
                return Ok(Some(bytes.into()));
            }
        }
        Ok(None)
    }

    /// Reads the next page.
    async fn read(&mut self) -> Result<SearchHits, Error> {
        self.query.limit = self.remaining.map_or(PAGE_ENTRIES, |count| count.min(PAGE_ENTRIES));
        let page = self.snapshot.search(&self.query).await?;
        if let Some(remaining) = &mut self.remaining {
            *remaining = remaining.saturating_sub(page.entries.len());
        }
        Ok(page)
    }
}
