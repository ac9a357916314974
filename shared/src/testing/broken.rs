//! An implementation of every port, as if every service were down.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use crate::cache::Cache;
use crate::error::{Error, Ready, Refused, Result};
use crate::index::{Index, Snapshot};
use crate::limiter::{Decision, Limiter};
use crate::log_entry::{Day, EntryId, LogEntry, Timestamp};
use crate::queue::{
    Batch, Consumer, DeadLetter, DeadLetters, Followed, Follower, Producer, Record, Start,
};
use crate::retention::{Class, Keep};
use crate::search::{SearchHits, SearchQuery};
use crate::store::{DeleteJob, DeleteJobs, IdRange, ScanPage, Store, Stored, StoredDay};

/// Implements every port. Every call fails with [`Error::Unavailable`].
#[derive(Debug, Clone, Copy)]
pub struct Broken;

fn unavailable<T>() -> Result<T> {
    Err(Error::unavailable("broken", "the service is down"))
}

#[async_trait]
impl Ready for Broken {
    async fn ready(&self) -> Result<()> {
        unavailable()
    }
}

#[async_trait]
impl Producer for Broken {
    async fn publish(&self, _: Vec<Record>) -> Result<()> {
        unavailable()
    }
}

#[async_trait]
impl Consumer for Broken {
    async fn poll(&self) -> Result<Batch> {
        unavailable()
    }

    async fn commit(&self, _: Batch) -> Result<()> {
        unavailable()
    }
}

#[async_trait]
impl Follower for Broken {
    async fn follow(&self, _: Start) -> Result<Followed> {
        unavailable()
    }
}

#[async_trait]
impl DeadLetters for Broken {
    async fn write(&self, _: &[DeadLetter]) -> Result<()> {
        unavailable()
    }

    async fn list(&self, _: i64, _: usize) -> Result<Vec<(i64, DeadLetter)>> {
        unavailable()
    }

    async fn purge(&self, _: i64) -> Result<()> {
        unavailable()
    }
}

#[async_trait]
impl Store for Broken {
    async fn insert(&self, _: &[LogEntry]) -> Result<Vec<Refused>> {
        unavailable()
    }

    async fn get(&self, _: EntryId) -> Result<Option<LogEntry>> {
        unavailable()
    }

    async fn classes(&self) -> Result<Vec<Class>> {
        unavailable()
    }

    async fn scan(&self, _: &Class, _: IdRange, _: usize) -> Result<ScanPage> {
        unavailable()
    }

    async fn count(&self, _: &Class, _: IdRange) -> Result<u64> {
        unavailable()
    }

    async fn last(&self, _: &Class, _: IdRange) -> Result<Option<EntryId>> {
        unavailable()
    }

    async fn delete(&self, _: &[EntryId]) -> Result<u64> {
        unavailable()
    }

    async fn lookup(&self, _: &[EntryId]) -> Result<BTreeMap<EntryId, Stored>> {
        unavailable()
    }

    async fn deleted(&self, _: &Class, _: IdRange, _: usize) -> Result<Vec<EntryId>> {
        unavailable()
    }

    async fn deletions(&self) -> Result<u64> {
        unavailable()
    }

    async fn default_keep(&self) -> Result<Keep> {
        unavailable()
    }

    async fn days(&self) -> Result<Vec<StoredDay>> {
        unavailable()
    }

    async fn first_days(&self) -> Result<BTreeMap<Class, Day>> {
        unavailable()
    }

    async fn dropped(&self, _: Day) -> Result<Option<Class>> {
        unavailable()
    }

    async fn drop_before(&self, _: &Class, _: Day) -> Result<()> {
        unavailable()
    }
}

#[async_trait]
impl DeleteJobs for Broken {
    async fn add(&self, _: &DeleteJob, _: usize) -> Result<bool> {
        unavailable()
    }

    async fn get(&self, _: EntryId) -> Result<Option<DeleteJob>> {
        unavailable()
    }

    async fn active_since(&self, _: Timestamp) -> Result<Vec<DeleteJob>> {
        unavailable()
    }

    async fn save(&self, _: &mut DeleteJob) -> Result<bool> {
        unavailable()
    }
}

#[async_trait]
impl Index for Broken {
    async fn add(&self, _: &[LogEntry]) -> Result<Vec<Refused>> {
        unavailable()
    }

    async fn delete(&self, _: &Class, _: &[EntryId]) -> Result<()> {
        unavailable()
    }

    async fn search(&self, _: &SearchQuery) -> Result<SearchHits> {
        unavailable()
    }

    async fn snapshot(&self) -> Result<Box<dyn Snapshot>> {
        unavailable()
    }

    async fn days(&self, _: &Class) -> Result<BTreeSet<Day>> {
        unavailable()
    }

    async fn drop_before(&self, _: &Class, _: Day) -> Result<()> {
        unavailable()
    }
}

#[async_trait]
impl Cache for Broken {
    async fn get(&self, _: EntryId) -> Result<Option<LogEntry>> {
        unavailable()
    }

    async fn put(&self, _: &LogEntry) -> Result<()> {
        unavailable()
    }

    async fn remove(&self, _: &[EntryId]) -> Result<()> {
        unavailable()
    }
}

#[async_trait]
impl Limiter for Broken {
    async fn try_acquire(&self, _: &str) -> Result<Decision> {
        unavailable()
    }
}
