//! The bare loader performs only the writes of a consumer. It writes to both sinks in parallel,
//! over several connections to each. It does not preserve order, retry or commit offsets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use shared::log_entry::Attributes;
use sqlx::mysql::MySqlConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, MySql, MySqlConnection, QueryBuilder};
use tokio::task::JoinSet;

use crate::backlog::{BATCH_ENTRIES, Batch};
use crate::sinks::Sinks;

/// Rows per `INSERT`.
const ROWS_PER_INSERT: usize = 1000;

const INSERT: &str = "INSERT INTO log_entries
     (id, timestamp, level, service_name, message, attributes, trace_id, span_id) ";

/// The batches, and the position of the next one.
struct Work {
    batches: Arc<Vec<Batch>>,
    count: usize,
    next: AtomicUsize,
}

impl Work {
    /// The first batches, which contain this many entries in total.
    fn new(batches: &Arc<Vec<Batch>>, entries: usize) -> Arc<Self> {
        let (batches, count) = (Arc::clone(batches), entries / BATCH_ENTRIES);
        Arc::new(Self { batches, count, next: AtomicUsize::new(0) })
    }

    fn next_batch(&self) -> Option<&Batch> {
        let position = self.next.fetch_add(1, Ordering::Relaxed);
        self.batches[..self.count].get(position)
    }
}

/// Writes the first `count` entries over `concurrency` connections to each sink; returns the
/// duration in seconds.
pub(crate) async fn load(
    sinks: &Sinks,
    batches: &Arc<Vec<Batch>>,
    count: usize,
    concurrency: usize,
) -> f64 {
    let (rows, documents) = (Work::new(batches, count), Work::new(batches, count));
    let bulk_url = format!("{}/_bulk?filter_path=errors", sinks.index_url);
    let mut workers = JoinSet::new();
    let started = Instant::now();
    for _ in 0..concurrency {
        workers.spawn(insert(sinks.store_url.parse().unwrap(), Arc::clone(&rows)));
        workers.spawn(index(bulk_url.clone(), Arc::clone(&documents)));
    }
    workers.join_all().await;
    started.elapsed().as_secs_f64()
}

async fn insert(options: MySqlConnectOptions, work: Arc<Work>) {
    let mut connection = options.disable_statement_logging().connect().await.unwrap();
    let isolation = "SET SESSION transaction_isolation = 'READ-COMMITTED'";
    connection.execute(isolation).await.unwrap();
    while let Some(batch) = work.next_batch() {
        insert_batch(&mut connection, batch).await;
    }
}

async fn insert_batch(connection: &mut MySqlConnection, batch: &Batch) {
    let mut transaction = connection.begin().await.unwrap();
    for rows in batch.entries.chunks(ROWS_PER_INSERT) {
        let mut insert = QueryBuilder::<MySql>::new(INSERT);
        insert.push_values(rows, |mut row, entry| {
            row.push_bind(&entry.id.as_bytes()[..])
                .push_bind(entry.timestamp.as_micros())
                .push_bind(entry.level.as_str())
                .push_bind(entry.service_name.as_str())
                .push_bind(&entry.message)
                .push_bind(entry.attributes.as_ref().map(Attributes::as_str))
                .push_bind(None::<&str>)
                .push_bind(None::<&str>);
        });
        insert.push(" ON DUPLICATE KEY UPDATE id = id");
        insert.build().execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
}

async fn index(bulk_url: String, work: Arc<Work>) {
    let client = reqwest::Client::new();
    while let Some(batch) = work.next_batch() {
        let bulk = client.post(&bulk_url).header("content-type", "application/x-ndjson");
        let response = bulk.body(batch.bulk.clone()).send().await.unwrap().text().await.unwrap();
        assert_eq!(response, r#"{"errors":false}"#);
    }
}
