//! Calls the function without a network, and runs its worker.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

use std::sync::Arc;
use std::time::Duration;

use delete::{Ports, Worker};
use poem::Endpoint;
use poem::http::StatusCode;
use poem::test::{TestClient, TestResponse};
use serde_json::{Value, json};
use shared::cache;
use shared::config::{DeleteConfig, HttpConfig};
use shared::http::endpoint;
use shared::index;
use shared::query::Condition;
use shared::retention::Class;
use shared::search::SearchQuery;
use shared::store::{self, DeleteJob};
use shared::testing::{Broken, EntryBuilder, entries, entry};
use shared::{Arrival, EntryId, LogEntry, Timestamp};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use url::Url;

/// The timeout of each wait.
const TIMEOUT: Duration = Duration::from_secs(30);

async fn open(folder: &TempDir) -> Ports {
    let url = |scheme: &str, name: &str| {
        Url::parse(&format!("{scheme}://{}/{name}", folder.path().display())).unwrap()
    };
    let memory = Url::parse("memory:").unwrap();
    let store_url = url("sqlite", "store.db");
    Ports {
        store: store::open(&store_url).await.unwrap(),
        index: index::open(&url("tantivy", "index")).await.unwrap(),
        cache: cache::open(&memory, Duration::from_mins(1)).await.unwrap(),
        jobs: store::open_delete_jobs(&store_url).await.unwrap(),
    }
}

fn client(ports: &Ports) -> TestClient<impl Endpoint + use<>> {
    client_if(ports, true)
}

fn client_if(ports: &Ports, enabled: bool) -> TestClient<impl Endpoint + use<>> {
    let config = DeleteConfig { enabled, ..DeleteConfig::default() };
    let functions = vec![delete::function(ports.clone(), config)];
    let config = HttpConfig::default();
    TestClient::new(endpoint(functions, &config, None, &CancellationToken::new()).unwrap())
}

/// Runs a worker until the guard is dropped.
fn start(ports: &Ports) -> (DropGuard, JoinHandle<()>) {
    let stop = CancellationToken::new();
    let (worker, stopped) = (Worker::new(ports.clone()), stop.clone());
    (stop.drop_guard(), tokio::spawn(async move { worker.run(&stopped).await }))
}

async fn add(ports: &Ports, entries: &[LogEntry]) {
    ports.store.insert(entries).await.unwrap();
    ports.index.add(entries).await.unwrap();
    for entry in entries.iter().take(10) {
        ports.cache.put(entry).await.unwrap();
    }
}

/// The messages of the entries that the index finds, oldest first.
async fn indexed(ports: &Ports) -> Vec<String> {
    let query = SearchQuery::new(Condition::everything(), 10_000);
    let mut hits = ports.index.search(&query).await.unwrap().entries;
    hits.sort_by_key(|entry| entry.id);
    hits.into_iter().map(|entry| entry.message).collect()
}

async fn is_gone(ports: &Ports, id: EntryId) -> bool {
    let stored = ports.store.get(id).await.unwrap();
    let cached = ports.cache.get(id).await.unwrap();
    stored.is_none() && cached.is_none()
}

async fn body(response: TestResponse) -> Value {
    response.json().await.value().deserialize()
}

async fn finished_job(client: &TestClient<impl Endpoint>, path: &str) -> Value {
    let poll = async {
        loop {
            let job = body(client.get(path).send().await).await;
            if job["state"] != "running" {
                return job;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(TIMEOUT, poll).await.unwrap()
}

#[tokio::test]
async fn deletion_is_off_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let ports = open(&folder).await;
    let entry = entry("kept");
    add(&ports, std::slice::from_ref(&entry)).await;
    let client = client_if(&ports, DeleteConfig::default().enabled);
    let responses = [
        client.delete(format!("/logs/{}", entry.id)).send().await,
        client.post("/logs/delete?q=kept").send().await,
        client.post("/logs/delete?q=kept&dry_run=true").send().await,
    ];
    for response in responses {
        response.assert_status(StatusCode::FORBIDDEN);
        let detail = body(response).await["detail"].to_string();
        assert!(detail.contains("DELETE_ENABLED=true"), "{detail}");
    }
    assert_eq!(indexed(&ports).await, ["kept"]);
    assert!(!is_gone(&ports, entry.id).await);
}

#[tokio::test]
async fn pages_of_other_origins_delete_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ports = open(&folder).await;
    let entry = entry("kept");
    add(&ports, std::slice::from_ref(&entry)).await;
    let client = client(&ports);
    for request in
        [client.delete(format!("/logs/{}", entry.id)), client.post("/logs/delete?q=kept")]
    {
        let response = request.header("origin", "https://page.example").send().await;
        response.assert_status(StatusCode::FORBIDDEN);
        let detail = body(response).await["detail"].to_string();
        assert!(detail.contains("CORS_ALLOWED_ORIGINS"), "{detail}");
    }
    assert_eq!(indexed(&ports).await, ["kept"]);
    assert!(!is_gone(&ports, entry.id).await);
}

#[tokio::test]
async fn an_entry_is_deleted_everywhere_and_repeating_it_has_no_effect() {
    let folder = tempfile::tempdir().unwrap();
    let ports = open(&folder).await;
    let batch = entries(["a", "b", "c"]);
    add(&ports, &batch).await;
    let client = client(&ports);
    let path = format!("/logs/{}", batch[1].id);
    for _ in 0..2 {
        client.delete(&path).send().await.assert_status(StatusCode::NO_CONTENT);
        assert_eq!(indexed(&ports).await, ["a", "c"]);
        assert!(is_gone(&ports, batch[1].id).await);
        // As after a request to the index that timed out.
        ports.index.add(&batch[1..2]).await.unwrap();
    }
    client.delete(&path).send().await.assert_status(StatusCode::NO_CONTENT);
    assert_eq!(indexed(&ports).await, ["a", "c"]);
    assert!(!is_gone(&ports, batch[0].id).await);
}

#[tokio::test]
async fn an_unknown_id_is_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&open(&folder).await);
    for id in ["17", "0190163d-8694-739b-aea5-966c26f8ad91"] {
        let response = client.delete(format!("/logs/{id}")).send().await;
        response.assert_status(StatusCode::NOT_FOUND);
        response.assert_header_is_not_exist("retry-after");
        let response = client.get(format!("/logs/delete/{id}")).send().await;
        response.assert_status(StatusCode::NOT_FOUND);
        assert_eq!(body(response).await["detail"], "no job has this id");
    }
    let response = client.delete(format!("/logs/{}", entry("recent").id)).send().await;
    response.assert_status(StatusCode::NOT_FOUND);
    response.assert_header("retry-after", "1");
}

/// Entries of two services, 2,500 each, the odd ones of them errors.
fn services() -> Vec<LogEntry> {
    let arrival = Arrival::new(Timestamp::now());
    let entry = |number: u32| {
        let entry = EntryBuilder::new(format!("number {number}")).arrival(&arrival, number);
        let entry = entry.service(if number < 2500 { "payment" } else { "checkout" });
        entry.level(if number % 2 == 1 { "error" } else { "info" }).build()
    };
    (0..5000).map(entry).collect()
}

#[tokio::test]
async fn a_job_deletes_what_its_dry_run_counts() {
    let folder = tempfile::tempdir().unwrap();
    let ports = open(&folder).await;
    let all = services();
    for part in all.chunks(1000) {
        add(&ports, part).await;
    }
    let client = client(&ports);
    let query = "service_name=payment&level=error&q=number&from=-1h";

    let counted = client.post(format!("/logs/delete?{query}&dry_run=true")).send().await;
    counted.assert_status_is_ok();
    assert_eq!(body(counted).await, json!({"matched": 1250}));
    assert_eq!(indexed(&ports).await.len(), 5000);

    let created = client.post(format!("/logs/delete?{query}")).send().await;
    created.assert_status(StatusCode::ACCEPTED);
    let path = created.0.headers()["location"].to_str().unwrap().to_owned();
    let job = body(created).await;
    assert_eq!(path, format!("/logs/delete/{}", job["id"].as_str().unwrap()));
    assert_eq!(
        (&job["state"], &job["matched"], &job["deleted"]),
        (&json!("running"), &json!(1250), &json!(0))
    );
    let filters = &job["filters"];
    assert_eq!((&filters["q"], &filters["level"]), (&json!("number"), &json!(["ERROR"])));
    // Arrives after the job was created.
    sleep(Duration::from_millis(2)).await;
    let later = EntryBuilder::new("number later").service("payment").level("error").build();
    add(&ports, std::slice::from_ref(&later)).await;

    let (_stop, _) = start(&ports);
    let job = finished_job(&client, &path).await;
    assert_eq!((&job["state"], &job["deleted"]), (&json!("finished"), &json!(1250)));
    assert!(job["finished"].is_string() && job.get("error").is_none(), "{job}");
    let is_deleted = |number: usize| number < 2500 && number % 2 == 1;
    let kept = (0..5000).filter(|number| !is_deleted(*number)).map(|n| format!("number {n}"));
    let kept: Vec<String> = kept.chain(["number later".to_owned()]).collect();
    assert_eq!(indexed(&ports).await, kept);
    for (number, entry) in all.iter().enumerate() {
        assert_eq!(is_gone(&ports, entry.id).await, is_deleted(number), "{number}");
    }
}

#[tokio::test]
async fn a_job_continues_after_a_restart_and_counts_each_entry_once() {
    let folder = tempfile::tempdir().unwrap();
    let ports = open(&folder).await;
    let batch = entries((0..30).map(|number| format!("number {number}")));
    add(&ports, &batch).await;
    let ids = |entries: &[LogEntry]| entries.iter().map(|entry| entry.id).collect::<Vec<_>>();
    // The process was killed after ten entries were recorded and half of them were deleted from the
    // store.
    let job = DeleteJob {
        id: entry("job").id,
        created: Timestamp::saturating_from_micros(Timestamp::now().as_micros() + 10_000),
        client: "192.0.2.1".to_owned(),
        filters: r#"{"q":"number"}"#.to_owned(),
        matched: 30,
        deleted: 20,
        pending: ids(&batch[10..20]),
        finished: None,
        error: None,
        version: 0,
    };
    ports.store.delete(&ids(&batch[..15])).await.unwrap();
    ports.index.delete(&Class::DEFAULT, &ids(&batch[..10])).await.unwrap();
    assert!(ports.jobs.add(&job, 16).await.unwrap());

    let (_stop, _) = start(&ports);
    let finished = finished_job(&client(&ports), &format!("/logs/delete/{}", job.id)).await;

    assert_eq!((&finished["state"], &finished["deleted"]), (&json!("finished"), &json!(30)));
    assert!(indexed(&ports).await.is_empty());
    for entry in &batch[10..] {
        assert!(is_gone(&ports, entry.id).await);
    }
}

#[tokio::test]
async fn an_outage_delays_a_job() {
    let folder = tempfile::tempdir().unwrap();
    let ports = open(&folder).await;
    add(&ports, &entries(["a", "b"])).await;
    let client = client(&ports);
    let created = client.post("/logs/delete?q=a").send().await;
    let path = created.0.headers()["location"].to_str().unwrap().to_owned();
    let (stop, worker) = start(&Ports { cache: Arc::new(Broken), ..ports.clone() });
    let deleted = async {
        while indexed(&ports).await.len() == 2 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, deleted).await.unwrap();
    assert_eq!(body(client.get(&path).send().await).await["state"], "running");
    drop(stop);
    timeout(TIMEOUT, worker).await.unwrap().unwrap();

    let (_stop, _) = start(&ports);
    let job = finished_job(&client, &path).await;
    assert_eq!((&job["state"], &job["deleted"]), (&json!("finished"), &json!(1)));
    assert_eq!(indexed(&ports).await, ["b"]);
}

#[tokio::test]
async fn an_entry_that_returns_to_the_index_is_removed_again() {
    let folder = tempfile::tempdir().unwrap();
    let ports = open(&folder).await;
    let batch = entries(["a", "b"]);
    add(&ports, &batch).await;
    let client = client(&ports);
    let created = client.post("/logs/delete?q=a").send().await;
    let path = created.0.headers()["location"].to_str().unwrap().to_owned();
    let (stop, worker) = start(&ports);
    finished_job(&client, &path).await;
    drop(stop);
    worker.await.unwrap();
    ports.index.add(&batch[..1]).await.unwrap();
    assert_eq!(indexed(&ports).await, ["a", "b"]);

    let (_stop, _) = start(&ports);
    let removed = async {
        while indexed(&ports).await != ["b"] {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(TIMEOUT, removed).await.unwrap();
}

#[tokio::test]
async fn invalid_requests_are_rejected_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let ports = open(&folder).await;
    add(&ports, &[entry("kept")]).await;
    let client = client(&ports);
    for (query, detail) in [
        ("", "at least one of q, service_name"),
        ("?dry_run=true", "at least one of q, service_name"),
        ("?q=%20&fuzzy=true", "at least one of q, service_name"),
        ("?q=level:", "level needs a value"),
        ("?q=kept&limit=1", "limit: unknown parameter"),
        ("?q=kept&dryrun=true", "did you mean dry_run?"),
        ("?from=yesterday", "from: must be"),
    ] {
        let response = client.post(format!("/logs/delete{query}")).send().await;
        response.assert_status(StatusCode::BAD_REQUEST);
        let problem = body(response).await;
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{query}: {problem}");
    }
    client.delete("/logs/17?force=true").send().await.assert_status(StatusCode::BAD_REQUEST);
    let request = client.post("/logs/delete?q=kept").header("content-length", "12");
    let response = request.body("dry_run=true").send().await;
    response.assert_status(StatusCode::BAD_REQUEST);
    assert_eq!(
        body(response).await["detail"],
        "the body must be empty: send the filters as query parameters"
    );
    assert_eq!(indexed(&ports).await, ["kept"]);
}

#[tokio::test]
async fn the_number_of_unfinished_jobs_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(&open(&folder).await);
    for _ in 0..16 {
        client.post("/logs/delete?q=a").send().await.assert_status(StatusCode::ACCEPTED);
    }
    let refused = client.post("/logs/delete?q=a").send().await;
    refused.assert_status(StatusCode::CONFLICT);
    let detail = "16 deletions are not finished; retry once one has finished";
    assert_eq!(body(refused).await["detail"], detail);
    client.post("/logs/delete?q=a&dry_run=true").send().await.assert_status_is_ok();
}

#[tokio::test]
async fn a_request_during_an_outage_gets_503() {
    let folder = tempfile::tempdir().unwrap();
    let ports = open(&folder).await;
    let entry = entry("a");
    add(&ports, std::slice::from_ref(&entry)).await;
    let path = format!("/logs/{}", entry.id);
    let broken = Arc::new(Broken);
    for ports in [
        Ports { store: broken.clone(), ..ports.clone() },
        Ports { index: broken.clone(), ..ports.clone() },
        Ports { cache: broken.clone(), ..ports.clone() },
    ] {
        let response = client(&ports).delete(&path).send().await;
        response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    }
    let ports_without_jobs = Ports { jobs: broken, ..ports.clone() };
    let response = client(&ports_without_jobs).post("/logs/delete?q=a").send().await;
    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    client(&ports).delete(&path).send().await.assert_status(StatusCode::NO_CONTENT);
    assert!(indexed(&ports).await.is_empty());
}
