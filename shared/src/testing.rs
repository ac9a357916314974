//! For tests of failures: a port of every kind that never answers.

use async_trait::async_trait;

use crate::cache::Cache;
use crate::error::{Error, Ready, Refused, Result};
use crate::index::Index;
use crate::limiter::{Decision, Limiter};
use crate::log_entry::{EntryId, LogEntry};
use crate::queue::{Batch, Consumer, DeadLetter, DeadLetters, Producer, Record};
use crate::search::{SearchHits, SearchQuery};
use crate::store::Store;

/// A service that is away, behind any port.
#[derive(Debug, Clone, Copy)]
pub struct Broken;

fn away<T>() -> Result<T> {
    Err(Error::unavailable("broken", "it is away"))
}

#[async_trait]
impl Ready for Broken {
    async fn ready(&self) -> Result<()> {
        away()
    }
}

#[async_trait]
impl Producer for Broken {
    async fn publish(&self, _: Vec<Record>) -> Result<()> {
        away()
    }
}

#[async_trait]
impl Consumer for Broken {
    async fn poll(&self) -> Result<Batch> {
        away()
    }

    async fn commit(&self, _: Batch) -> Result<()> {
        away()
    }
}

#[async_trait]
impl DeadLetters for Broken {
    async fn write(&self, _: &[DeadLetter]) -> Result<()> {
        away()
    }

    async fn list(&self, _: i64, _: usize) -> Result<Vec<(i64, DeadLetter)>> {
        away()
    }

    async fn purge(&self, _: i64) -> Result<()> {
        away()
    }
}

#[async_trait]
impl Store for Broken {
    async fn insert(&self, _: &[LogEntry]) -> Result<Vec<Refused>> {
        away()
    }

    async fn get(&self, _: EntryId) -> Result<Option<LogEntry>> {
        away()
    }
}

#[async_trait]
impl Index for Broken {
    async fn add(&self, _: &[LogEntry]) -> Result<Vec<Refused>> {
        away()
    }

    async fn search(&self, _: &SearchQuery) -> Result<SearchHits> {
        away()
    }
}

#[async_trait]
impl Cache for Broken {
    async fn get(&self, _: EntryId) -> Result<Option<LogEntry>> {
        away()
    }

    async fn put(&self, _: &LogEntry) -> Result<()> {
        away()
    }
}

#[async_trait]
impl Limiter for Broken {
    async fn try_acquire(&self, _: &str) -> Result<Decision> {
        away()
    }
}
