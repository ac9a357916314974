//! Calls the function without a network to test caching, waiting, and outages of the cache and the
//! store.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

use std::sync::Arc;
use std::time::Duration;

use poem::Endpoint;
use poem::http::StatusCode;
use poem::test::TestClient;
use shared::cache::{self, Cache};
use shared::config::HttpConfig;
use shared::http::endpoint;
use shared::retention::Class;
use shared::store::{self, Store};
use shared::testing::{Broken, EntryBuilder, entry};
use shared::{Arrival, LogEntry, Timestamp};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use url::Url;

async fn open_store(folder: &TempDir) -> Arc<dyn Store> {
    let url = format!("sqlite://{}/store.db", folder.path().display());
    store::open(&Url::parse(&url).unwrap()).await.unwrap()
}

async fn open_cache() -> Arc<dyn Cache> {
    cache::open(&Url::parse("memory:").unwrap(), Duration::from_mins(1)).await.unwrap()
}

fn client(cache: Arc<dyn Cache>, store: Arc<dyn Store>) -> TestClient<impl Endpoint> {
    let config = HttpConfig::default();
    let functions = vec![get::function(cache, store)];
    TestClient::new(endpoint(functions, &config, None, &CancellationToken::new()).unwrap())
}

#[tokio::test]
async fn a_stored_entry_is_returned_and_cached() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, store, entry) = (open_cache().await, open_store(&folder).await, entry("m"));
    store.insert(std::slice::from_ref(&entry)).await.unwrap();
    let path = format!("/logs/{}", entry.id);
    let body = [entry.to_json(), b"\n".to_vec()].concat();

    let response = client(cache.clone(), store).get(&path).send().await;

    response.assert_status_is_ok();
    response.assert_bytes(&body).await;
    let cached = client(cache, Arc::new(Broken)).get(&path).send().await;
    cached.assert_bytes(&body).await;
}

#[tokio::test]
async fn an_entry_is_read_from_the_store_while_the_cache_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let (store, entry) = (open_store(&folder).await, entry("m"));
    store.insert(std::slice::from_ref(&entry)).await.unwrap();

    let path = format!("/logs/{}", entry.id);
    let response = client(Arc::new(Broken), store).get(&path).send().await;

    response.assert_status_is_ok();
}

#[tokio::test]
async fn a_request_during_a_store_outage_gets_503_with_retry_after() {
    let path = format!("/logs/{}", entry("m").id);
    let response = client(open_cache().await, Arc::new(Broken)).get(&path).send().await;
    response.assert_status(StatusCode::SERVICE_UNAVAILABLE);
    response.assert_header("retry-after", "1");
}

#[tokio::test]
async fn a_waiting_request_returns_once_the_entry_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let (store, entry) = (open_store(&folder).await, entry("m"));
    let client = client(open_cache().await, store.clone());
    let path = format!("/logs/{}", entry.id);
    client.get(&path).send().await.assert_header("retry-after", "1");

    let waiting = client.get(&path).header("prefer", "wait=10").send();
    let insert = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        store.insert(std::slice::from_ref(&entry)).await.unwrap();
    };
    let (response, ()) = tokio::join!(waiting, insert);

    response.assert_status_is_ok();
}

#[tokio::test]
async fn a_404_response_is_not_cacheable() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(open_cache().await, open_store(&folder).await);
    for id in ["17", "0190163d-8694-739b-aea5-966c26f8ad91", "%20"] {
        let response = client.get(format!("/logs/{id}")).send().await;
        response.assert_status(StatusCode::NOT_FOUND);
        response.assert_header("cache-control", "no-store");
        response.assert_header_is_not_exist("retry-after");
    }
}

#[tokio::test]
async fn a_deleted_entry_is_gone_immediately() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, store, entry) = (open_cache().await, open_store(&folder).await, entry("m"));
    store.insert(std::slice::from_ref(&entry)).await.unwrap();
    let client = client(cache.clone(), store.clone());
    let path = format!("/logs/{}", entry.id);
    client.get(&path).send().await.assert_status_is_ok();

    store.delete(&[entry.id]).await.unwrap();
    cache.remove(&[entry.id]).await.unwrap();
    let get = client.get(&path).header("prefer", "wait=10").send();
    let response = tokio::time::timeout(Duration::from_secs(5), get).await.unwrap();

    response.assert_status(StatusCode::GONE);
    response.assert_header("cache-control", "no-store");
    let problem = response.json().await;
    problem.value().object().get("detail").assert_string("the entry has been deleted");
}

#[tokio::test]
async fn an_entry_of_a_dropped_day_gets_410_with_the_day_even_if_it_is_cached() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, store) = (open_cache().await, open_store(&folder).await);
    let day = "2026-11-20";
    let time = Timestamp::parse(&format!("{day}T12:00:00Z")).unwrap();
    let arrival = Arrival::new(time);
    let entry = |position| EntryBuilder::new("m").arrival(&arrival, position).build();
    let rule = Class::new("level:debug").unwrap();
    let kept = entry(0);
    let dropped = LogEntry { retention: rule.clone(), ..entry(1) };
    for entry in [&kept, &dropped] {
        store.insert(std::slice::from_ref(entry)).await.unwrap();
        cache.put(entry).await.unwrap();
    }
    store.drop_before(&rule, "2026-11-21".parse().unwrap()).await.unwrap();
    let client = client(cache, store);
    let wait = async {
        while client.get(format!("/logs/{}", dropped.id)).send().await.0.status() == StatusCode::OK
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
    for id in [dropped.id, entry(2).id] {
        let response = client.get(format!("/logs/{id}")).send().await;
        response.assert_status(StatusCode::GONE);
        let problem = response.json().await;
        let detail =
            "entries of 2026-11-20 that meet the retention rule level:debug are no longer kept";
        problem.value().object().get("detail").assert_string(detail);
    }
    client.get(format!("/logs/{}", kept.id)).send().await.assert_status_is_ok();
}
