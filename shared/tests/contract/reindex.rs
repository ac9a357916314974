//! Rebuilds of daily indexes in OpenSearch from a store in MySQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shared::index::opensearch::OpenSearchIndex;
use shared::index::{self, Index};
use shared::log_entry::Day;
use shared::query::{Condition, Keyword, KeywordTest, parse};
use shared::reindex::rebuild_days;
use shared::retention::{Class, Part};
use shared::search::{SearchQuery, Sort};
use shared::store::{self, IdRange, Store};
use shared::testing::EntryBuilder;
use shared::{Arrival, EntryId, LogEntry, Timestamp};
use tokio::time::{Instant, sleep, timeout};

use crate::mysql::Database;
use crate::opensearch::Prefix;

contract! {
    adapters: [],
    services: [services,],
    tests: [
        entries_that_arrive_during_a_rebuild_are_indexed_once,
        a_rebuild_interrupted_at_any_point_is_completed_by_the_next_one,
        only_the_days_in_the_range_are_rebuilt,
        a_missing_index_is_created,
        a_rebuilt_index_of_an_earlier_release_finds_attributes,
        a_consumer_that_missed_a_rebuild_fills_the_columns_of_the_new_index,
        a_rebuilt_index_has_as_many_columns_as_the_setting_allows,
        a_rebuild_brings_the_index_in_line_with_the_store,
        a_rebuild_whose_new_index_was_deleted_changes_nothing,
        entries_that_are_deleted_during_a_rebuild_stay_deleted,
        an_index_with_a_deleted_entry_in_place_of_another_one_is_completed,
        an_interrupted_rebuild_of_a_day_of_deleted_entries_is_completed,
        only_one_process_can_hold_the_lock,
    ]
}

const DEADLINE: Duration = Duration::from_mins(1);

/// The service names of old and new entries.
const OLD: &str = "old";
const NEW: &str = "new";

/// A store, and the index that is built from it.
struct Services {
    database: Database,
    prefix: Prefix,
}

fn services() -> Services {
    Services { database: Database::create(), prefix: Prefix::unique() }
}

impl Services {
    async fn consumer(&self) -> Consumer {
        Consumer {
            store: store::open(&self.database.url).await.unwrap(),
            index: index::open(&self.prefix.url()).await.unwrap(),
        }
    }

    fn opensearch_index(&self) -> OpenSearchIndex {
        OpenSearchIndex::open(&self.prefix.url()).unwrap()
    }

    async fn rebuild(&self, range: IdRange) {
        let store = store::open(&self.database.url).await.unwrap();
        rebuild_days(&*store, &self.opensearch_index(), range).await.unwrap();
    }

    /// The names of the indexes, including hidden ones, without the prefix.
    fn indexes(&self) -> Vec<String> {
        let path = "/_cat/indices/{}*?h=index&expand_wildcards=all&s=index";
        let response = self.prefix.expect_ok("GET", path, "");
        let body = response.split("\r\n\r\n").nth(1).unwrap();
        let prefix = self.prefix.index_path(&days_ago(0, 1, OLD)[0]);
        let prefix = &prefix[1..prefix.len() - "2026.11.23".len()];
        body.split_whitespace()
            .filter_map(|name| name.strip_prefix(prefix))
            .map(str::to_owned)
            .collect()
    }
}

/// Writes entries as a consumer does.
struct Consumer {
    store: Arc<dyn Store>,
    index: Arc<dyn Index>,
}

impl Consumer {
    async fn write(&self, entries: &[LogEntry]) {
        assert_eq!(self.store.insert(entries).await.unwrap(), []);
        self.add(entries).await;
    }

    async fn add(&self, entries: &[LogEntry]) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.index.add(entries).await {
                Ok(refused) => return assert_eq!(refused, []),
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// All entries in the index, ordered by id.
    async fn search_all(&self) -> Vec<LogEntry> {
        let everything = SearchQuery::new(Condition::everything(), 1000);
        let mut query = SearchQuery { sort: Sort::Oldest, ..everything };
        let mut found = Vec::new();
        loop {
            let hits = self.index.search(&query).await.unwrap();
            found.extend(hits.entries);
            query.cursor = hits.next_cursor;
            if query.cursor.is_none() {
                found.sort_by_key(|entry| entry.id);
                return found;
            }
        }
    }

    async fn total(&self, condition: Condition) -> u64 {
        self.index.search(&SearchQuery::new(condition, 1)).await.unwrap().total
    }

    /// Waits until the index contains exactly these entries.
    async fn assert_indexed(&self, mut expected: Vec<LogEntry>) {
        expected.sort_by_key(|entry| entry.id);
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let found = self.search_all().await;
            if found == expected {
                return;
            }
            let ids = |entries: &[LogEntry]| entries.iter().map(|e| e.id).collect::<Vec<EntryId>>();
            let (found, expected) = (ids(&found), ids(&expected));
            assert!(
                Instant::now() < deadline,
                "found {} entries instead of {}; missing: {:?}; unexpected: {:?}",
                found.len(),
                expected.len(),
                expected.iter().filter(|id| !found.contains(id)).take(5).collect::<Vec<_>>(),
                found.iter().filter(|id| !expected.contains(id)).take(5).collect::<Vec<_>>(),
            );
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Entries with attributes, which arrived `days` days ago.
fn days_ago(days: i64, count: u32, service: &str) -> Vec<LogEntry> {
    let micros = Timestamp::now().as_micros() - days * Timestamp::MICROS_PER_DAY;
    let arrival = Arrival::new(Timestamp::from_micros(micros).unwrap());
    let entry = |position: u32| {
        EntryBuilder::new(format!("number {position}, {days} days ago"))
            .arrival(&arrival, position)
            .service(service)
            .attributes(format!(r#"{{"position":{position},"user":{{"id":"u{position}"}}}}"#))
            .build()
    };
    (0..count).map(entry).collect()
}

fn of_service(name: &str) -> Condition {
    Condition::Keyword(Keyword::ServiceName, KeywordTest::AnyOf(vec![name.to_owned()]))
}

fn query(text: &str) -> Condition {
    parse(text, false, Timestamp::now()).unwrap()
}

/// The day as it appears in the name of an index.
fn day_name(days: i64) -> String {
    Day::of(days_ago(days, 1, OLD)[0].id).to_string().replace('-', ".")
}

async fn entries_that_arrive_during_a_rebuild_are_indexed_once(services: Services) {
    let consumer = services.consumer().await;
    let mut written = Vec::new();
    for days in 0..3 {
        let old = days_ago(days, 3000, OLD);
        consumer.write(&old).await;
        written.extend(old);
    }
    let old_count = written.len() as u64;
    consumer.assert_indexed(written.clone()).await;

    let is_done = AtomicBool::new(false);
    let writers = (0..3).map(|writer| {
        let (services, is_done, written) = (&services, &is_done, &written);
        async move {
            // Each consumer remembers the indexes and their columns separately.
            let consumer = services.consumer().await;
            let mut new = Vec::new();
            for round in 0.. {
                let batch = days_ago(round % 3, 20, NEW);
                consumer.write(&batch).await;
                new.extend(batch);
                // Entries may be redelivered.
                let redelivered: Vec<LogEntry> =
                    written.iter().skip(writer * 2999).step_by(997).cloned().collect();
                consumer.write(&redelivered).await;
                if is_done.load(Ordering::SeqCst) {
                    break;
                }
            }
            new
        }
    });
    let searches = async {
        let mut searches = 0;
        while !is_done.load(Ordering::SeqCst) {
            assert_eq!(
                consumer.total(of_service(OLD)).await,
                old_count,
                "after {searches} searches"
            );
            searches += 1;
        }
        searches
    };
    let rebuild = async {
        services.rebuild(IdRange::ALL).await;
        services.rebuild(IdRange::ALL).await;
        is_done.store(true, Ordering::SeqCst);
    };
    let (new, searches, ()) =
        tokio::join!(futures_util::future::join_all(writers), searches, rebuild);
    assert!(searches > 20, "only {searches} searches");
    let new: Vec<LogEntry> = new.into_iter().flatten().collect();
    assert!(new.len() > 500, "only {} new entries", new.len());
    let batches = (new.len() / 20) as u64;
    written.extend(new);
    consumer.assert_indexed(written).await;
    let ranges = [("service_name:old @position:>=0", old_count), ("@position:[2999 TO 3000]", 3)];
    for (text, total) in ranges.into_iter().chain([("service_name:new @position:>=19", batches)]) {
        assert_eq!(consumer.total(query(text)).await, total, "{text}");
    }
    let names: Vec<String> = (0..3).rev().map(|days| format!("{}-2", day_name(days))).collect();
    assert_eq!(services.indexes(), names);
}

async fn a_rebuild_interrupted_at_any_point_is_completed_by_the_next_one(services: Services) {
    let consumer = services.consumer().await;
    let mut written = Vec::new();
    for days in 0..2 {
        let old = days_ago(days, 3000, OLD);
        consumer.write(&old).await;
        written.extend(old);
    }
    consumer.assert_indexed(written.clone()).await;
    let mut interruptions = 0;
    loop {
        let running = Duration::from_millis(20 + 45 * interruptions);
        let late = days_ago(i64::try_from(interruptions % 2).unwrap(), 3, NEW);
        let write = async {
            sleep(running / 2).await;
            consumer.write(&late).await;
        };
        let (rebuilt, ()) = tokio::join!(timeout(running, services.rebuild(IdRange::ALL)), write);
        written.extend(late);
        if rebuilt.is_ok() {
            break;
        }
        interruptions += 1;
        assert_eq!(consumer.total(of_service(OLD)).await, 6000);
        assert!(interruptions < 200, "the rebuild does not complete");
    }
    assert!(interruptions > 5, "only {interruptions} interruptions");
    consumer.assert_indexed(written).await;
    let names = services.indexes();
    assert_eq!(names.len(), 2, "{names:?}");
}

async fn only_the_days_in_the_range_are_rebuilt(services: Services) {
    let consumer = services.consumer().await;
    let written: Vec<LogEntry> = (0..5).flat_map(|days| days_ago(days, 10, OLD)).collect();
    consumer.write(&written).await;
    let [first, last] = [3, 2].map(|days| Some(Day::of(days_ago(days, 1, OLD)[0].id)));
    services.rebuild(IdRange::of_days(first, last)).await;
    let names = [
        day_name(4),
        format!("{}-1", day_name(3)),
        format!("{}-1", day_name(2)),
        day_name(1),
        day_name(0),
    ];
    assert_eq!(services.indexes(), names);
    assert!(
        services
            .opensearch_index()
            .interrupted_rebuilds(&[Class::DEFAULT])
            .await
            .unwrap()
            .is_empty()
    );
    consumer.assert_indexed(written).await;
}

async fn a_missing_index_is_created(services: Services) {
    let consumer = services.consumer().await;
    let mut written: Vec<LogEntry> = (0..2).flat_map(|days| days_ago(days, 10, OLD)).collect();
    consumer.store.insert(&written).await.unwrap();
    services.rebuild(IdRange::ALL).await;
    consumer.assert_indexed(written.clone()).await;
    let new = days_ago(0, 10, NEW);
    consumer.write(&new).await;
    written.extend(new);
    consumer.assert_indexed(written).await;
    assert_eq!(services.indexes(), [1, 0].map(|days| format!("{}-1", day_name(days))));
}

async fn a_rebuilt_index_of_an_earlier_release_finds_attributes(services: Services) {
    let consumer = services.consumer().await;
    let old = days_ago(1, 10, OLD);
    let mappings = r#"{"mappings": {"dynamic": false, "properties": {
        "id": {"type": "keyword", "index": false},
        "timestamp_micros": {"type": "long"},
        "service_name": {"type": "keyword", "copy_to": "text"},
        "message": {"type": "text", "index": false, "copy_to": "text"},
        "text": {"type": "text"},
        "attributes": {"type": "flat_object"}
    }}}"#;
    services.prefix.expect_ok("PUT", &services.prefix.index_path(&old[0]), mappings);
    consumer.write(&old).await;
    consumer.assert_indexed(old.clone()).await;
    for text in ["@user.id:u3", "@position:>=5", "\"mber 7, 1 d\""] {
        assert_eq!(consumer.total(query(text)).await, 0, "{text}");
    }
    services.rebuild(IdRange::ALL).await;
    for (text, total) in [("@user.id:u3", 1), ("@position:>=5", 5), ("\"mber 7, 1 d\"", 1)] {
        assert_eq!(consumer.total(query(text)).await, total, "{text}");
    }
    consumer.assert_indexed(old).await;
}

async fn a_consumer_that_missed_a_rebuild_fills_the_columns_of_the_new_index(services: Services) {
    let mut url = services.prefix.url();
    url.query_pairs_mut().append_pair("attributes", "0");
    let mut consumer = services.consumer().await;
    consumer.index = index::open(&url).await.unwrap();
    let mut written = days_ago(0, 10, OLD);
    consumer.write(&written).await;
    services.rebuild(IdRange::ALL).await;
    let new = days_ago(0, 10, NEW);
    consumer.write(&new).await;
    written.extend(new);
    consumer.assert_indexed(written).await;
    assert_eq!(consumer.total(query("@position:>=0")).await, 20);
}

async fn a_rebuilt_index_has_as_many_columns_as_the_setting_allows(services: Services) {
    let mut url = services.prefix.url();
    url.query_pairs_mut().append_pair("attributes", "2");
    let consumer = services.consumer().await;
    consumer.write(&days_ago(0, 10, OLD)).await;
    let index = OpenSearchIndex::open(&url).unwrap();
    rebuild_days(&*consumer.store, &index, IdRange::ALL).await.unwrap();
    for text in ["@position:>=0", "@user.id:>=u0"] {
        assert_eq!(consumer.total(query(text)).await, 10, "{text}");
    }
    let third = EntryBuilder::new("third").attributes(r#"{"third":3}"#).build();
    consumer.write(&[third]).await;
    let range = SearchQuery::new(query("@third:>=0"), 1);
    wait_for_rejection(&*consumer.index, &range).await;
}

/// Waits until the index rejects a range query on an attribute without columns, as it does once it
/// contains an entry with the attribute.
async fn wait_for_rejection(index: &dyn Index, query: &SearchQuery) {
    let deadline = Instant::now() + DEADLINE;
    while !matches!(index.search(query).await, Err(shared::Error::Rejected { .. })) {
        assert!(Instant::now() < deadline, "the query was not rejected in time");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn a_rebuild_brings_the_index_in_line_with_the_store(services: Services) {
    let consumer = services.consumer().await;
    let mut written = days_ago(0, 10, OLD);
    consumer.write(&written).await;
    consumer.add(&days_ago(0, 5, "indexed only")).await;
    let stored = days_ago(0, 5, "stored only");
    consumer.store.insert(&stored).await.unwrap();
    written.extend(stored);
    services.rebuild(IdRange::ALL).await;
    consumer.assert_indexed(written).await;
}

async fn a_rebuild_whose_new_index_was_deleted_changes_nothing(services: Services) {
    let consumer = services.consumer().await;
    let written = days_ago(0, 10, OLD);
    consumer.write(&written).await;
    let index = services.opensearch_index();
    let mut rebuild = index.start_rebuild(Part::of(&written[0])).await.unwrap();
    rebuild.add(&written).await.unwrap();
    // A second rebuild begins with this call, which deletes the new index of the first.
    assert!(index.interrupted_rebuilds(&[Class::DEFAULT]).await.unwrap().is_empty());
    assert!(rebuild.add(&written).await.is_err());
    assert!(rebuild.replace().await.is_err());
    assert_eq!(services.indexes(), [day_name(0)]);
    consumer.assert_indexed(written).await;
}

/// Deletes entries as `delete` does.
async fn delete(consumer: &Consumer, entries: &[LogEntry]) {
    let ids: Vec<EntryId> = entries.iter().map(|entry| entry.id).collect();
    consumer.store.delete(&ids).await.unwrap();
    consumer.index.delete(&Class::DEFAULT, &ids).await.unwrap();
}

async fn entries_that_are_deleted_during_a_rebuild_stay_deleted(services: Services) {
    let consumer = services.consumer().await;
    let mut kept = Vec::new();
    let mut deleted = Vec::new();
    for days in 0..2 {
        let written = days_ago(days, 6000, OLD);
        consumer.write(&written).await;
        for (position, entry) in written.into_iter().enumerate() {
            if position % 3 == 0 { &mut deleted } else { &mut kept }.push(entry);
        }
    }
    let is_done = AtomicBool::new(false);
    let deleting = async {
        // Some at a time, so that deletions happen in every phase of the rebuild.
        for part in deleted.chunks(40) {
            delete(&consumer, part).await;
        }
        is_done.store(true, Ordering::SeqCst);
    };
    let rebuilds = async {
        let mut rebuilds = 0;
        while !is_done.load(Ordering::SeqCst) {
            services.rebuild(IdRange::ALL).await;
            rebuilds += 1;
        }
        rebuilds
    };
    let ((), rebuilds) = tokio::join!(deleting, rebuilds);
    assert!(rebuilds > 0);
    consumer.assert_indexed(kept.clone()).await;
    services.rebuild(IdRange::ALL).await;
    consumer.assert_indexed(kept).await;
}

async fn an_index_with_a_deleted_entry_in_place_of_another_one_is_completed(services: Services) {
    let consumer = services.consumer().await;
    let written = days_ago(0, 100, OLD);
    consumer.store.insert(&written).await.unwrap();
    let index = services.opensearch_index();
    let mut rebuild = index.start_rebuild(Part::of(&written[0])).await.unwrap();
    // The new index lacks two entries, and has two that have been deleted from the store: as many
    // entries as the store.
    rebuild.add(&written[2..]).await.unwrap();
    rebuild.replace().await.unwrap();
    let deleted = [50, 99].map(|position: usize| written[position].id);
    consumer.store.delete(&deleted).await.unwrap();
    drop(rebuild);

    services.rebuild(IdRange::between(Timestamp::MAX, Timestamp::MAX)).await;

    let kept = written.iter().filter(|entry| !deleted.contains(&entry.id)).cloned();
    consumer.assert_indexed(kept.collect()).await;
}

async fn an_interrupted_rebuild_of_a_day_of_deleted_entries_is_completed(services: Services) {
    let consumer = services.consumer().await;
    let written = days_ago(0, 10, OLD);
    consumer.store.insert(&written).await.unwrap();
    let mut rebuild =
        services.opensearch_index().start_rebuild(Part::of(&written[0])).await.unwrap();
    rebuild.add(&written).await.unwrap();
    rebuild.replace().await.unwrap();
    let deleted: Vec<EntryId> = written.iter().map(|entry| entry.id).collect();
    consumer.store.delete(&deleted).await.unwrap();
    drop(rebuild);

    services.rebuild(IdRange::between(Timestamp::MAX, Timestamp::MAX)).await;

    consumer.assert_indexed(Vec::new()).await;
}

async fn only_one_process_can_hold_the_lock(services: Services) {
    let url = &services.database.url;
    let lock = store::lock(url, "reindex").await.unwrap().unwrap();
    assert!(store::lock(url, "reindex").await.unwrap().is_none());
    assert!(store::lock(url, "another").await.unwrap().is_some());
    let other = Database::create();
    assert!(store::lock(&other.url, "reindex").await.unwrap().is_some());
    drop(lock);
    let acquire = async {
        while store::lock(url, "reindex").await.unwrap().is_none() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(DEADLINE, acquire).await.unwrap();
}
