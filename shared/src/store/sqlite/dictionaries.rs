//! The dictionaries of the file of a day. Entries of a few hundred bytes compress well only with a
//! dictionary of what they have in common.
//!
//! The first one is trained once the file has some entries, the next one whenever it has four times
//! as many, so that a file has a dozen at most. They are kept in memory while it is open.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, SqliteConnection};
use tokio::task::spawn_blocking;

use super::content::{Codec, json};
use super::packed;
use crate::retention::Class;

/// The number of entries in the file when its first dictionary is trained.
const FIRST_TRAINING: u64 = 5000;

/// How many times as many entries there are when the next one is trained.
const GROWTH: u64 = 4;

/// The number of entries that a dictionary is trained with: the last ones. With a quarter of it,
/// varied entries take a fifth more space.
const SAMPLES: usize = 20_000;

/// The maximum size of these entries.
const SAMPLE_BYTES: usize = 8 * 1024 * 1024;

/// Longer entries do not need a dictionary.
const MAX_SAMPLE_BYTES: usize = 16 * 1024;

/// The size of a dictionary.
const DICTIONARY_BYTES: usize = 64 * 1024;

pub(super) struct Dictionaries {
    state: RwLock<State>,
}

struct State {
    /// By the number of the dictionary. Number 0 is none.
    codecs: BTreeMap<i64, Arc<Codec>>,
    latest: Arc<Codec>,
    /// The number of entries when the next dictionary is trained.
    next_training: u64,
}

impl Dictionaries {
    /// Reads the dictionaries of a file.
    pub(super) async fn load(connection: &mut SqliteConnection) -> sqlx::Result<Self> {
        let select = "SELECT number, entries, content FROM dictionaries ORDER BY number";
        let rows: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(select).fetch_all(connection).await?;
        let none = Arc::new(Codec::new(0, Vec::new()));
        let codecs = BTreeMap::from([(0, Arc::clone(&none))]);
        let mut state = State { codecs, latest: none, next_training: FIRST_TRAINING };
        for (number, entries, content) in rows {
            state.add(Codec::new(number, content), entries.unsigned_abs());
        }
        Ok(Self { state: RwLock::new(state) })
    }

    /// Compresses new entries.
    pub(super) fn latest(&self) -> Arc<Codec> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner).latest)
    }

    pub(super) fn get(&self, number: i64) -> Option<Arc<Codec>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner).codecs.get(&number).cloned()
    }

    /// Trains a dictionary if one is due for a file with this number of entries. Without it, entries
    /// are still stored, only in more space.
    pub(super) async fn train_if_due(&self, connection: &mut SqliteConnection, entries: u64) {
        if entries < self.change(|state| state.next_training) {
            return;
        }
        match self.train(connection, entries).await {
            Ok(codec) => self.change(|state| state.add(codec, entries)),
            Err(error) => {
                tracing::warn!(%error, "failed to train a dictionary for the store");
                self.change(|state| state.next_training = entries.saturating_mul(GROWTH));
            }
        }
    }

    async fn train(
        &self,
        connection: &mut SqliteConnection,
        entries: u64,
    ) -> anyhow::Result<Codec> {
        let samples = self.samples(connection).await?;
        let train = move || zstd::dict::from_samples(&samples, DICTIONARY_BYTES);
        let content = spawn_blocking(train).await??;
        let insert = "INSERT INTO dictionaries (entries, content) VALUES (?, ?)";
        let insert = sqlx::query(insert).bind(entries.cast_signed()).bind(&content);
        // `RETURNING` would return the number before SQLite commits, and hide that a commit failed.
        // Entries that are compressed with a lost dictionary cannot be read.
        let number = insert.execute(connection).await?.last_insert_rowid();
        Ok(Codec::new(number, content))
    }

    /// The last entries, as they are compressed.
    async fn samples(&self, connection: &mut SqliteConnection) -> anyhow::Result<Vec<Vec<u8>>> {
        let select = format!(
            "SELECT {} FROM {} WHERE NOT deleted ORDER BY id DESC LIMIT {SAMPLES}",
            packed::COLUMNS,
            packed::SOURCE
        );
        let mut rows = sqlx::query(AssertSqlSafe(select)).persistent(false).fetch(connection);
        let mut samples = Vec::new();
        let mut bytes = 0;
        while bytes < SAMPLE_BYTES
            && let Some(row) = rows.try_next().await?
        {
            // Rows that are not entries are skipped.
            let Ok(entry) = packed::read(&row, self, &Class::DEFAULT) else { continue };
            let sample = json(&entry)?;
            if sample.len() <= MAX_SAMPLE_BYTES {
                bytes += sample.len();
                samples.push(sample);
            }
        }
        Ok(samples)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn add(&mut self, codec: Codec, entries: u64) {
        self.latest = Arc::new(codec);
        self.codecs.insert(self.latest.dictionary, Arc::clone(&self.latest));
        self.next_training = entries.saturating_mul(GROWTH).max(FIRST_TRAINING);
    }
}
