//! Tests for the deletion of entries.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Duration, Instant, sleep};

use crate::{Api, TIMEOUT, unique};

/// Saves entries of a service, and returns their ids. The odd ones are errors.
async fn save(api: &Api, service: &str, count: usize) -> Vec<String> {
    let level = |number: usize| if number % 2 == 1 { "error" } else { "info" };
    let entry = |number| json!({"service": service, "level": level(number), "message": format!("number {number}")});
    let entries = Value::from((0..count).map(entry).collect::<Vec<_>>()).to_string();
    let saved = api.post("/logs/batch?ids=true", "application/json", entries).await;
    let saved: Value = saved.json().await.unwrap();
    let ids = saved["ids"].as_array().unwrap().iter();
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// Sends an empty POST request.
async fn delete_by_query(api: &Api, query: &str) -> (StatusCode, Value) {
    let path = format!("/logs/delete?{query}");
    let response = api.send(api.http.post(api.url(&path))).await.unwrap();
    (response.status(), response.json().await.unwrap())
}

async fn delete(api: &Api, id: &str) -> StatusCode {
    let url = api.url_of("delete", &format!("/logs/{id}"));
    api.send(api.http.delete(url)).await.unwrap().status()
}

async fn status(api: &Api, id: &str) -> StatusCode {
    api.get(&format!("/logs/{id}")).await.status()
}

/// Waits until the job has finished, and returns it.
async fn finished(api: &Api, job: &Value) -> Value {
    let started = Instant::now();
    loop {
        let path = format!("/logs/delete/{}", job["id"].as_str().unwrap());
        let job: Value = api.get(&path).await.json().await.unwrap();
        if job["state"] != "running" {
            return job;
        }
        assert!(started.elapsed() < TIMEOUT, "{job}");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Whether the deployment lets clients delete entries. If not, checks that it says so.
async fn is_enabled(api: &Api) -> bool {
    let (status, body) = delete_by_query(api, "q=nothing&dry_run=true").await;
    if status == StatusCode::FORBIDDEN {
        assert!(body["detail"].as_str().unwrap().contains("DELETE_ENABLED=true"), "{body}");
        return false;
    }
    assert_eq!((status, body), (StatusCode::OK, json!({"matched": 0})));
    true
}

pub async fn entries_deleted_by_query_are_gone_and_the_others_remain(api: &Api) {
    if !is_enabled(api).await {
        return;
    }
    let service = unique("delete");
    let ids = save(api, &service, 60).await;
    api.search_until(&[("service_name", &service)], 60).await;
    // In the cache.
    assert_eq!(status(api, &ids[1]).await, StatusCode::OK);
    assert_eq!(status(api, &ids[2]).await, StatusCode::OK);
    let query = format!("service_name={service}&q=level:error");

    let (status_code, counted) = delete_by_query(api, &format!("{query}&dry_run=true")).await;
    assert_eq!((status_code, &counted), (StatusCode::OK, &json!({"matched": 30})));
    let (status_code, job) = delete_by_query(api, &query).await;
    assert_eq!(status_code, StatusCode::ACCEPTED, "{job}");
    let arriving = save(api, &service, 10).await;
    let job = finished(api, &job).await;
    assert_eq!((&job["state"], &job["matched"]), (&json!("finished"), &json!(30)), "{job}");
    assert_eq!((&job["deleted"], &job["filters"]["q"]), (&json!(30), &json!("level:error")));

    api.search_until(&[("service_name", &service)], 40).await;
    for (number, id) in ids.iter().enumerate() {
        let expected = if number % 2 == 1 { StatusCode::GONE } else { StatusCode::OK };
        assert_eq!(status(api, id).await, expected, "{number}");
    }
    for id in &arriving {
        assert!(api.entry(id).await.is_some());
    }
    let errors = [("service_name", service.as_str()), ("level", "error")];
    assert_eq!(api.all_hits(&errors).await.len(), 5);
    let stats: Value =
        api.get(&format!("/logs/stats?service_name={service}")).await.json().await.unwrap();
    assert_eq!(stats["total"], 40);
}

pub async fn a_deleted_entry_is_not_saved_again(api: &Api) {
    if !is_enabled(api).await {
        return;
    }
    let service = unique("delete-again");
    let ids = save(api, &service, 3).await;
    api.search_until(&[("service_name", &service)], 3).await;

    for _ in 0..2 {
        assert_eq!(delete(api, &ids[1]).await, StatusCode::NO_CONTENT);
        api.search_until(&[("service_name", &service)], 2).await;
        assert_eq!(status(api, &ids[1]).await, StatusCode::GONE);
    }
    let again = |id: &str| json!({"id": id, "service": service, "message": "again"}).to_string();
    let marker = json!({"service": service, "message": "marker"}).to_string();
    let lines = [again(&ids[0]), again(&ids[1]), marker].join("\n");
    let sent = api.post("/logs/batch", "application/x-ndjson", lines).await;
    assert_eq!(sent.status(), StatusCode::CREATED);

    api.search_until(&[("service_name", &service)], 3).await;
    assert_eq!(status(api, &ids[1]).await, StatusCode::GONE);
    let hits = api.all_entries(&service).await;
    let mut messages: Vec<_> = hits.iter().map(|hit| hit["message"].as_str().unwrap()).collect();
    messages.sort_unstable();
    assert_eq!(messages, ["marker", "number 0", "number 2"]);
    assert_eq!(delete(api, "0190163d-8694-739b-aea5-966c26f8ad91").await, StatusCode::NOT_FOUND);
}
