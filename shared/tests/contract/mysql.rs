//! The store on MySQL beyond its contract: replicas that start together, refused rows, and a server
//! that is down, unresponsive or read-only.

use std::time::{Duration, Instant};

use shared::log_entry::Day;
use shared::retention::{Class, Keep};
use shared::store::{self, IdRange};
use shared::testing::EntryBuilder;
use shared::{Arrival, EntryId, Error, LogEntry, Timestamp};
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::block_in_place;
use url::Url;

use crate::entries::{entries, entry};
use crate::services::{address, fresh_name};

contract! {
    adapters: [],
    services: [server,],
    tests: [
        replicas_that_start_together_create_the_table_once,
        an_interrupted_migration_is_completed_by_the_next_replica,
        tables_without_the_column_for_deletions_are_upgraded,
        only_the_row_that_mysql_rejects_is_refused,
        server_errors_refuse_no_rows_and_a_retry_succeeds,
        a_hanging_read_times_out_and_the_next_read_succeeds,
        requests_survive_connections_closed_by_mysql,
        a_row_is_readable_in_plain_sql,
        a_scan_skips_rows_that_are_not_entries,
        a_scan_reads_across_partitions_in_order,
        entries_of_an_earlier_release_are_kept_forever_by_default,
        the_table_of_an_earlier_release_is_divided_and_compressed_while_entries_arrive,
    ]
}

/// A database for one test, dropped when it ends.
pub(crate) struct Database {
    pub(crate) url: Url,
    server: Url,
    name: String,
}

impl Database {
    pub(crate) fn create() -> Self {
        let server = format!("mysql://root:logpulse@{}", address("MYSQL_PORT", 3306));
        let server: Url = server.parse().unwrap();
        let name = fresh_name();
        let url = server.join(&format!("/{name}")).unwrap();
        let database = Self { url, server, name };
        database.on_server("CREATE DATABASE");
        database
    }

    /// Runs SQL with the database's name appended. Requires a multi-threaded test.
    fn on_server(&self, sql: &str) {
        let sql = AssertSqlSafe(format!("{sql} {}", self.name));
        block_in_place(|| {
            Handle::current().block_on(async {
                let mut server = MySqlConnection::connect(self.server.as_str()).await.unwrap();
                server.execute(sql).await.unwrap();
            });
        });
    }

    async fn connect(&self) -> MySqlConnection {
        MySqlConnection::connect(self.url.as_str()).await.unwrap()
    }

    async fn run(&self, sql: &'static str) {
        self.connect().await.execute(sqlx::raw_sql(sql)).await.unwrap();
    }

    async fn count(&self) -> usize {
        let count = sqlx::query_scalar::<_, i64>("SELECT COUNT(*) FROM log_entries");
        count.fetch_one(&mut self.connect().await).await.unwrap().try_into().unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.on_server("DROP DATABASE");
    }
}

/// A database as an earlier release has left it, with one entry.
async fn database_of_an_earlier_release(database: &Database) {
    database.run(include_str!("../../migrations/mysql/0001_log_entries.sql")).await;
    database
        .run(
            "INSERT INTO log_entries (id, timestamp, level, service_name, message)
             VALUES (UUID_TO_BIN('0190163d-8694-739b-aea5-966c26f8ad91'), 0, 'INFO', 's', 'm')",
        )
        .await;
}

fn server() -> Database {
    Database::create()
}

async fn insert_one(store: &dyn store::Store, entry: &LogEntry) -> Result<usize, Error> {
    store.insert(std::slice::from_ref(entry)).await.map(|refused| refused.len())
}

async fn replicas_that_start_together_create_the_table_once(database: Database) {
    let entries = entries(vec!["m"; 5]);
    let replicas = entries.iter().map(async |entry| {
        let store = store::open(&database.url).await.unwrap();
        store.ready().await.unwrap();
        insert_one(&*store, entry).await.unwrap();
    });
    futures_util::future::join_all(replicas).await;
    assert_eq!(database.count().await, 5);
    let migrations: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations")
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(migrations, 3);
}

async fn an_interrupted_migration_is_completed_by_the_next_replica(database: Database) {
    store::open(&database.url).await.unwrap().ready().await.unwrap();
    database.run("UPDATE _sqlx_migrations SET success = FALSE").await;
    let store = store::open(&database.url).await.unwrap();
    store.ready().await.unwrap();
    assert_eq!(insert_one(&*store, &entry("m")).await.unwrap(), 0);
}

async fn tables_without_the_column_for_deletions_are_upgraded(database: Database) {
    let store = store::open(&database.url).await.unwrap();
    let mut entries = entries(["a", "b"]);
    entries[1].retention = Class::new("level:debug").unwrap();
    store.insert(&entries).await.unwrap();
    drop(store);
    let mut connection = database.connect().await;
    let tables = "SELECT CAST(table_name AS CHAR) FROM information_schema.columns
                  WHERE table_schema = DATABASE() AND table_name LIKE 'log\\_entries%'
                    AND column_name = 'deleted' ORDER BY table_name";
    let upgraded: Vec<String> =
        sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
    assert_eq!(upgraded.len(), 2);
    for table in &upgraded {
        let drop = format!("ALTER TABLE {table} DROP COLUMN deleted");
        connection.execute(AssertSqlSafe(drop)).await.unwrap();
    }
    // Others that are not tables of classes are left alone.
    database.run("CREATE VIEW log_entries_recent AS SELECT id FROM log_entries").await;
    database.run("CREATE TABLE `log_entries_old-2024` (id BINARY(16) NOT NULL)").await;
    let replicas = (0..3).map(async |_| {
        let store = store::open(&database.url).await.unwrap();
        store.ready().await.unwrap();
        store
    });
    let stores = futures_util::future::join_all(replicas).await;
    for entry in &entries {
        assert_eq!(stores[0].get(entry.id).await.unwrap().as_ref(), Some(entry));
        assert_eq!(stores[1].delete(&[entry.id]).await.unwrap(), 1);
        assert_eq!(stores[2].get(entry.id).await.unwrap(), None);
    }
    let found: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.unwrap();
    assert_eq!(found, upgraded);
}

async fn only_the_row_that_mysql_rejects_is_refused(database: Database) {
    let store = store::open(&database.url).await.unwrap();
    store.ready().await.unwrap();
    database
        .run(
            "ALTER TABLE log_entries MODIFY message VARCHAR(10) NOT NULL;
             CREATE TRIGGER refuse BEFORE INSERT ON log_entries FOR EACH ROW
             IF NEW.message = 'bad' THEN
                SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'bad message';
             END IF",
        )
        .await;
    let mut messages = vec!["good"; 2500];
    messages[7] = "bad";
    messages[1203] = "much too long";
    messages[2499] = "bad";
    let entries = entries(messages);
    let refused = store.insert(&entries).await.unwrap();
    let indexes: Vec<usize> = refused.iter().map(|refused| refused.index).collect();
    assert_eq!(indexes, [7, 1203, 2499]);
    assert!(refused[0].reason.to_string().contains("bad message"), "{refused:?}");
    assert!(refused[1].reason.to_string().contains("too long"), "{refused:?}");
    assert_eq!(database.count().await, 2497);
}

async fn server_errors_refuse_no_rows_and_a_retry_succeeds(database: Database) {
    let store = store::open(&database.url).await.unwrap();
    store.ready().await.unwrap();
    let batch = entries(["a", "b"]);
    for (fault, repair) in [
        ("ALTER DATABASE READ ONLY = 1", "ALTER DATABASE READ ONLY = 0"),
        ("RENAME TABLE log_entries TO renamed", "RENAME TABLE renamed TO log_entries"),
        (
            "ALTER TABLE log_entries REORGANIZE PARTITION p_max INTO
             (PARTITION p_old VALUES LESS THAN (0x01), PARTITION p_max VALUES LESS THAN (MAXVALUE));
             ALTER TABLE log_entries DROP PARTITION p_max",
            "ALTER TABLE log_entries ADD PARTITION
             (PARTITION p_max VALUES LESS THAN (MAXVALUE))",
        ),
    ] {
        database.run(fault).await;
        let error = store.insert(&batch).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { service: "store", .. }), "{fault}");
        database.run(repair).await;
        assert_eq!(store.insert(&batch).await.unwrap(), [], "{repair}");
    }
    assert_eq!(database.count().await, 2);
}

async fn a_hanging_read_times_out_and_the_next_read_succeeds(database: Database) {
    let store = store::open(&database.url).await.unwrap();
    let entry = entry("m");
    insert_one(&*store, &entry).await.unwrap();
    let mut locker = database.connect().await;
    locker.execute(sqlx::raw_sql("LOCK TABLES log_entries WRITE")).await.unwrap();
    let start = Instant::now();
    let error = store.get(entry.id).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { service: "store", .. }));
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    locker.execute(sqlx::raw_sql("UNLOCK TABLES")).await.unwrap();
    assert!(store.get(entry.id).await.unwrap().is_some());
}

async fn requests_survive_connections_closed_by_mysql(database: Database) {
    let store = store::open(&database.url).await.unwrap();
    insert_one(&*store, &entry("before")).await.unwrap();
    let mut killer = database.connect().await;
    let connections_of_store =
        "SELECT CAST(processlist_id AS SIGNED) FROM performance_schema.threads
         WHERE processlist_db = DATABASE() AND processlist_id <> CONNECTION_ID()";
    let ids: Vec<i64> =
        sqlx::query_scalar(connections_of_store).fetch_all(&mut killer).await.unwrap();
    assert!(!ids.is_empty());
    for id in ids {
        killer.execute(AssertSqlSafe(format!("KILL {id}"))).await.unwrap();
    }
    insert_one(&*store, &entry("after")).await.unwrap();
}

async fn a_row_is_readable_in_plain_sql(database: Database) {
    let store = store::open(&database.url).await.unwrap();
    let mut entries = entries(["first", "last"]);
    entries[0].timestamp = shared::Timestamp::from_micros(1).unwrap();
    entries[1].timestamp = shared::Timestamp::MAX;
    store.insert(&entries).await.unwrap();
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT BIN_TO_UUID(id), CAST(time AS CHAR) FROM log_entries ORDER BY timestamp",
    )
    .fetch_all(&mut database.connect().await)
    .await
    .unwrap();
    assert_eq!(rows[0], (entries[0].id.to_string(), "1970-01-01 00:00:00.000001".to_owned()));
    assert_eq!(rows[1], (entries[1].id.to_string(), "9999-12-31 23:59:59.999999".to_owned()));
}

async fn a_scan_skips_rows_that_are_not_entries(database: Database) {
    let store = store::open(&database.url).await.unwrap();
    let entries = entries(["0", "1", "2", "3", "4", "5"]);
    store.insert(&entries).await.unwrap();
    database
        .run(
            "UPDATE log_entries SET attributes = '[' WHERE message = '0';
             UPDATE log_entries SET timestamp = -1 WHERE message = '2';
             UPDATE log_entries SET service_name = '' WHERE message = '3';
             UPDATE log_entries SET id = UNHEX(REPEAT('f', 32)) WHERE message = '5'",
        )
        .await;
    for (limit, pages) in
        [(100, &[(&[1, 4][..], 3), (&[], 1)][..]), (1, &[(&[1], 1), (&[4], 2), (&[], 1)])]
    {
        let mut range = IdRange::ALL;
        for (expected, damaged) in pages {
            let page = store.scan(&Class::DEFAULT, range, limit).await.unwrap();
            let expected: Vec<&LogEntry> = expected.iter().map(|index| &entries[*index]).collect();
            assert_eq!(page.entries.iter().collect::<Vec<_>>(), expected, "limit {limit}");
            assert_eq!(page.damaged, *damaged, "limit {limit}");
            range = page.entries.last().map_or(range, |entry| range.after(entry.id));
        }
    }
    assert_eq!(store.last(&Class::DEFAULT, IdRange::ALL).await.unwrap(), Some(entries[4].id));
}

async fn a_scan_reads_across_partitions_in_order(database: Database) {
    let store = store::open(&database.url).await.unwrap();
    let entries = entries(vec!["m"; 1000]);
    store.insert(&entries).await.unwrap();
    let (first, second) = (entries[300].id, entries[700].id);
    let hex = |id: EntryId| id.to_string().replace('-', "");
    let sql = format!(
        "ALTER TABLE log_entries REORGANIZE PARTITION p_max INTO
         (PARTITION p_1 VALUES LESS THAN (0x{}), PARTITION p_2 VALUES LESS THAN (0x{}),
          PARTITION p_max VALUES LESS THAN (MAXVALUE))",
        hex(first),
        hex(second)
    );
    database.connect().await.execute(AssertSqlSafe(sql)).await.unwrap();
    let page = store.scan(&Class::DEFAULT, IdRange::ALL, 5000).await.unwrap();
    assert!(page.entries == entries);
    let range = IdRange { after: Some(entries[200].id), until: Some(entries[800].id) };
    let page = store.scan(&Class::DEFAULT, range, 550).await.unwrap();
    assert!(page.entries == entries[201..751]);
    assert_eq!(store.count(&Class::DEFAULT, range).await.unwrap(), 600);
}

#[tokio::test]
async fn a_mysql_outage_is_reported_within_the_timeout() {
    let unresponsive = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for address in [unresponsive.local_addr().unwrap(), closed] {
        let url = format!("mysql://user:password@{address}/logpulse_db").parse().unwrap();
        let store = store::open(&url).await.unwrap();
        let start = Instant::now();
        let error = insert_one(&*store, &entry("m")).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { service: "store", .. }));
        store.get(entry("m").id).await.unwrap_err();
        store.ready().await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn an_invalid_url_is_rejected() {
    for url in [
        "mysql://127.0.0.1",
        "mysql://127.0.0.1/a/b",
        "mysql://127.0.0.1/a?ssl-mode=NO_SUCH_MODE",
        "mysql://127.0.0.1/a?charset=latin1",
    ] {
        let error = store::open(&url.parse().unwrap()).await.err().unwrap();
        assert!(format!("{error:#}").starts_with("STORE_URL: "), "{error:#}");
    }
}

async fn entries_of_an_earlier_release_are_kept_forever_by_default(database: Database) {
    database_of_an_earlier_release(&database).await;
    let store = store::open(&database.url).await.unwrap();
    assert_eq!(store.default_keep().await.unwrap(), Keep::Forever);
    assert_eq!(store.count(&Class::DEFAULT, IdRange::ALL).await.unwrap(), 1);
}

/// Entries that arrived on a day, this number of days ago.
fn arrived(days_ago: i64, count: u32) -> Vec<LogEntry> {
    let time = Timestamp::now().as_micros() - days_ago * Timestamp::MICROS_PER_DAY;
    let arrival = Arrival::new(Timestamp::from_micros(time).unwrap());
    (0..count).map(|position| EntryBuilder::new("m").arrival(&arrival, position).build()).collect()
}

async fn the_table_of_an_earlier_release_is_divided_and_compressed_while_entries_arrive(
    database: Database,
) {
    database_of_an_earlier_release(&database).await;
    let store = store::open(&database.url).await.unwrap();
    // Until the store is prepared, every row is in the last partition.
    let mut expected: Vec<LogEntry> =
        [9, 3, 1].into_iter().flat_map(|ago| arrived(ago, 5000)).collect();
    for batch in expected.chunks(5000) {
        assert_eq!(store.insert(batch).await.unwrap(), []);
    }
    let dividing = tokio::spawn({
        let store = store.clone();
        async move { store.prepare(Day::today()).await }
    });
    while !dividing.is_finished() {
        let entry = entry("arrives");
        assert_eq!(insert_one(&*store, &entry).await.unwrap(), 0);
        assert_eq!(store.get(entry.id).await.unwrap().as_ref(), Some(&entry));
        assert_eq!(store.get(expected[0].id).await.unwrap().as_ref(), Some(&expected[0]));
        expected.push(entry);
    }
    dividing.await.unwrap().unwrap();
    assert_eq!(database.count().await, 1 + expected.len());
    let rows_of = async |partition: &str| {
        let sql = format!("SELECT COUNT(*) FROM log_entries PARTITION ({partition})");
        let count = sqlx::query_scalar::<_, i64>(AssertSqlSafe(sql));
        count.fetch_one(&mut database.connect().await).await.unwrap()
    };
    assert_eq!(rows_of("p20240614").await, 1);
    for entries in expected[..15_000].chunks(5000) {
        let day = Day::of(entries[0].id).to_string().replace('-', "");
        assert_eq!(rows_of(&format!("p{day}")).await, 5000);
    }
    assert_eq!(rows_of("p_max").await, 0);
    let options = "SELECT create_options FROM information_schema.tables
                   WHERE table_schema = DATABASE() AND table_name = 'log_entries'";
    let options: String =
        sqlx::query_scalar(options).fetch_one(&mut database.connect().await).await.unwrap();
    assert!(options.contains("row_format=COMPRESSED"), "{options}");
    store.prepare(Day::today()).await.unwrap();
    store.drop_before(&Class::DEFAULT, Day::of(expected[10_000].id)).await.unwrap();
    assert_eq!(database.count().await, expected.len() - 10_000);
}
