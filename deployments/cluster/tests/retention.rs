//! Days are dropped from MySQL, OpenSearch and what the cache has, while entries arrive and processes
//! are killed, and do not come back.
#![allow(clippy::unwrap_used, reason = "test code: a panic fails the test")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use acceptance::retention::{Durations, Week};
use acceptance::{Api, Server, unique};
use cluster::{Cluster, functions, skip_without_services, wait_until};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::interval;

/// The number of entries in each request of the load, of which there are ten a second.
const BATCH: usize = 100;

/// Posts 1,000 entries a second until it is stopped. Returns how many were accepted.
fn spawn_load(api: &Api, service: &str, stop: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let (api, service, stop) = (api.clone(), service.to_owned(), stop.clone());
    tokio::spawn(async move {
        let mut accepted = 0;
        let mut ticks = interval(Duration::from_millis(100));
        while !stop.load(Ordering::Relaxed) {
            ticks.tick().await;
            let entry = json!({"service": service, "message": "load", "level": "debug"});
            let body = Value::from(vec![entry; BATCH]).to_string();
            let response = api.post("/logs/batch", "application/json", body).await;
            assert_eq!(response.status(), StatusCode::CREATED);
            accepted += BATCH as u64;
        }
        accepted
    })
}

/// Starts one process for each function. Returns them by name.
fn start_all(cluster: &Cluster) -> (Api, HashMap<String, Server>) {
    let mut api = Api::new("http://127.0.0.1:1");
    let mut servers = HashMap::new();
    for name in functions() {
        let server = cluster.start(&name);
        api = api.with_function(&name, &server.url);
        servers.insert(name, server);
    }
    (api, servers)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_class_is_kept_as_long_as_it_should_be_while_entries_arrive() {
    if skip_without_services(module_path!()) {
        return;
    }
    let long = Durations { default: 5, debug: 3 };
    let cluster = Cluster::fresh().await.with("RETENTION", &long.setting());
    let (api, mut servers) = start_all(&cluster);
    let (stop, service) = (Arc::new(AtomicBool::new(false)), unique("load"));
    let load = spawn_load(&api, &service, &stop);
    let week = Week::post(&api).await;
    week.assert_kept(&api, long).await;

    // The consumer and the replica that drops days are killed. Shorter durations drop what is stored,
    // as the days that pass do.
    for function in ["consumer", "retention"] {
        servers.remove(function).unwrap().kill();
    }
    let short = Durations { default: 4, debug: 1 };
    let cluster = cluster.with("RETENTION", &short.setting());
    let restarted = ["consumer", "retention", "retention"].map(|name| cluster.start(name));
    week.assert_kept(&api, short).await;
    week.post_again(&api).await;
    week.assert_kept(&api, short).await;

    let reindex = cluster.command("consumer").arg("reindex").status().unwrap();
    assert!(reindex.success());
    week.assert_kept(&api, short).await;
    stop.store(true, Ordering::Relaxed);
    let accepted = load.await.unwrap();
    wait_until("all entries of the load are found", async || {
        let stats = api.get(&format!("/logs/stats?service_name={service}")).await;
        stats.json::<Value>().await.unwrap()["total"] == accepted
    })
    .await;
    drop((servers, restarted));
    cluster.remove().await;
}
