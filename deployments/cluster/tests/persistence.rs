//! Data survives `make stop` and the next start. `make test-cluster` runs this test.
#![allow(clippy::unwrap_used, reason = "test code: a panic fails the test")]

use acceptance::{Api, unique};
use cluster::{base_url, compose, make};
use serde_json::{Value, json};

async fn save(api: &Api, service: &str) -> String {
    let entry = json!({"service": service, "message": "kept"}).to_string();
    let saved = api.post("/logs", "application/json", entry).await;
    let saved: Value = saved.error_for_status().unwrap().json().await.unwrap();
    saved["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn stored_and_queued_entries_survive_a_stop() {
    let Some(url) = base_url(module_path!()) else { return };
    let api = Api::new(&url);
    let service = unique("persistence");
    let stored = save(&api, &service).await;
    api.search_until(&[("service_name", &service)], 1).await;
    api.entry(&stored).await.unwrap();
    assert!(compose(&["stop", "consumer"]).status.success());
    let queued = save(&api, &service).await;

    make(&["stop"]);
    let remaining = compose(&["ps", "--all", "--quiet"]);
    assert!(remaining.status.success());
    assert_eq!(remaining.stdout, b"");
    assert!(compose(&["up", "--detach", "--wait"]).status.success());

    let api = Api::new(&url);
    let found = api.entries(vec![stored.clone(), queued.clone()]).await;
    assert!(found.contains_key(&stored), "the stored entry is lost");
    assert!(found.contains_key(&queued), "the queued entry is lost");
    api.search_until(&[("service_name", &service)], 2).await;
}
