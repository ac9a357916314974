//! The cluster is stopped and started again: `make stop`, `make run`. `make test-cluster` runs it.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use acceptance::{Api, unique};
use cluster::{base_url, compose, make};
use serde_json::{Value, json};

async fn save(api: &Api, service: &str) -> String {
    let entry = json!({"service": service, "message": "it stays"}).to_string();
    let saved = api.post("/logs", "application/json", entry).await;
    let saved: Value = saved.error_for_status().unwrap().json().await.unwrap();
    saved["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_stored_and_what_waits_on_the_queue_is_there_after_a_stop() {
    let Some(url) = base_url(module_path!()) else { return };
    let api = Api::new(&url);
    let service = unique("stays");
    let stored = save(&api, &service).await;
    api.search_until(&[("service_name", &service)], 1).await;
    api.entry(&stored).await.unwrap();
    assert!(compose(&["stop", "consumer"]).status.success());
    let waiting = save(&api, &service).await;

    make(&["stop"]);
    let left = compose(&["ps", "--all", "--quiet"]);
    assert!(left.status.success());
    assert_eq!(left.stdout, b"");
    assert!(compose(&["up", "--detach", "--wait"]).status.success());

    let api = Api::new(&url);
    let found = api.entries(vec![stored.clone(), waiting.clone()]).await;
    assert!(found.contains_key(&stored), "what was stored");
    assert!(found.contains_key(&waiting), "what waited on the queue");
    api.search_until(&[("service_name", &service)], 2).await;
}
