//! Three replicas of each function start in parallel on empty services. Each function gets only
//! the settings that it requires.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test code: a panic fails the test, and measurements are printed"
)]

use std::collections::BTreeSet;
use std::time::Instant;

use acceptance::{Api, Server, unique};
use cluster::{Cluster, bare_function, mysql, opensearch, skip_without_services, wait_until};
use serde_json::{Value, json};
use shared::EntryId;
use sqlx::{Connection, MySqlConnection};

/// The functions that use services, and the settings that each requires.
const FUNCTIONS: [(&str, &[&str]); 4] = [
    ("ingest", &["QUEUE_URL"]),
    ("get", &["STORE_URL", "CACHE_URL"]),
    ("search", &["INDEX_URL"]),
    ("consumer", &["QUEUE_URL", "STORE_URL", "INDEX_URL"]),
];

/// Starts three replicas of each function in parallel.
fn start_in_parallel(cluster: &Cluster) -> [Vec<Server>; 4] {
    // Build the functions first, so that all replicas start together.
    let _ = bare_function("ingest");
    std::thread::scope(|scope| {
        let starting = FUNCTIONS.map(|(function, settings)| {
            let settings = [settings, &["RATE_LIMIT_ENABLED"]].concat();
            [(); 3].map(|()| {
                let settings = settings.clone();
                scope.spawn(move || cluster.start_with_only(function, &settings))
            })
        });
        starting.map(|replicas| replicas.map(|replica| replica.join().unwrap()).into())
    })
}

/// Posts twenty entries to each replica of ingest; returns their ids.
async fn post_to_each(replicas: &[Api], service: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for api in replicas {
        for _ in 0..20 {
            let entry = json!({"service": service, "message": "first"}).to_string();
            let saved = api.post("/logs", "application/json", entry).await;
            let saved: Value = saved.error_for_status().unwrap().json().await.unwrap();
            ids.push(saved["id"].as_str().unwrap().to_owned());
        }
    }
    ids
}

async fn get_opensearch(path: &str) -> Value {
    let response = reqwest::get(format!("http://{}{path}", opensearch())).await.unwrap();
    response.json().await.unwrap()
}

async fn assert_resources_created_once(cluster: &Cluster, ids: &[String]) {
    let name = cluster.name();
    assert_eq!(cluster.topics(), [(name.to_owned(), 3), (format!("{name}.dead_letters"), 1)]);

    let database = format!("mysql://root:logpulse@{}/{name}", mysql());
    let mut database = MySqlConnection::connect(&database).await.unwrap();
    let tables = "SELECT table_name FROM information_schema.tables
                  WHERE table_schema = DATABASE() ORDER BY 1";
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut database).await.unwrap();
    let of_deletion = ["delete_jobs", "deletions"];
    let of_retention = ["retention_classes", "retention_dropped_days"];
    let expected = [&["_sqlx_migrations"][..], &of_deletion, &["log_entries"], &of_retention];
    assert_eq!(tables, expected.concat());
    let applied = "SELECT COUNT(*), CAST(SUM(success) AS SIGNED) FROM _sqlx_migrations";
    let applied: (i64, i64) = sqlx::query_as(applied).fetch_one(&mut database).await.unwrap();
    let migrations = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/migrations/mysql");
    let migrations = i64::try_from(std::fs::read_dir(migrations).unwrap().count()).unwrap();
    assert_eq!(applied, (migrations, migrations));

    let templates = get_opensearch("/_cat/templates?format=json").await;
    let templates = templates.as_array().unwrap();
    let pattern = format!("[{name}-*]");
    assert_eq!(
        templates.iter().filter(|template| template["index_patterns"] == pattern).count(),
        1
    );
    // There are two days if the test runs across midnight.
    let days: BTreeSet<String> = ids
        .iter()
        .map(|id| id.parse::<EntryId>().unwrap().time().to_string()[..10].replace('-', "."))
        .map(|day| format!("{name}-{day}"))
        .collect();
    let indexes = get_opensearch(&format!("/_cat/indices/{name}-*?format=json")).await;
    let indexes = indexes.as_array().unwrap().iter();
    let indexes: BTreeSet<String> =
        indexes.map(|index| index["index"].as_str().unwrap().to_owned()).collect();
    assert_eq!(indexes, days);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_that_start_together_create_each_resource_once() {
    if skip_without_services(module_path!()) {
        return;
    }
    let cluster = Cluster::fresh().await;
    let started = Instant::now();
    let servers = start_in_parallel(&cluster);
    for server in servers.iter().flatten() {
        let ready = format!("{}/readyz", server.url);
        wait_until(&ready, async || reqwest::get(&ready).await.is_ok_and(|r| r.status() == 200))
            .await;
    }
    println!("all twelve replicas were ready after {:?}", started.elapsed());

    let [ingest, get, search, _consumers] = &servers;
    let replicas: Vec<Api> = (0..3)
        .map(|n| Api::for_functions([&ingest[n].url, &get[n].url, &search[n].url, ""]))
        .collect();
    let service = unique("first");
    let ids = post_to_each(&replicas, &service).await;
    for api in &replicas {
        assert_eq!(api.entries(ids.clone()).await.len(), ids.len());
        api.search_until(&[("service_name", &service)], ids.len() as u64).await;
    }

    assert_resources_created_once(&cluster, &ids).await;
    wait_until("each consumer has a partition", async || {
        let partitions = cluster.partitions();
        let members: BTreeSet<&str> = partitions.iter().map(|p| p.member.as_str()).collect();
        (partitions.len(), members.len()) == (3, 3) && !members.contains("-")
    })
    .await;
    drop(servers);
    cluster.remove().await;
}

#[test]
fn a_function_reports_a_missing_required_setting_and_exits() {
    if skip_without_services(module_path!()) {
        return;
    }
    let urls = [
        ("QUEUE_URL", "kafka://127.0.0.1:1/logs"),
        ("STORE_URL", "mysql://user:password@127.0.0.1:1/logs"),
        ("INDEX_URL", "http://127.0.0.1:1"),
        ("CACHE_URL", "redis://127.0.0.1:1"),
        ("LIMITER_URL", "redis://127.0.0.1:1"),
    ];
    for (function, settings) in FUNCTIONS {
        // LIMITER_URL defaults to CACHE_URL, which get requires. The consumer has no rate limiter.
        let limiter: &[&str] = match function {
            "ingest" | "search" => &["LIMITER_URL"],
            _ => &[],
        };
        let required = [settings, limiter].concat();
        for missing in &required {
            let settings =
                urls.iter().filter(|(name, _)| required.contains(name) && name != missing);
            let output = bare_function(function).envs(settings.copied()).output().unwrap();
            let log = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(78), "{function} without {missing}: {log}");
            assert!(log.contains(&format!("{missing}: is missing")), "{function}: {log}");
        }
    }
}
