//! Tests for the context and export operations.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{Api, unique};

pub async fn context_returns_neighbours_from_the_same_service_or_trace(api: &Api) {
    let (service, other) = (unique("context"), unique("context"));
    let trace_id = format!("{:032x}", uuid::Uuid::now_v7().as_u128());
    let entry = |n: u32, service: &str| {
        let timestamp = format!("2024-06-14T12:00:0{n}Z");
        json!({"service": service, "message": n.to_string(), "timestamp": timestamp, "trace_id": trace_id})
    };
    let entries: Vec<_> =
        (0..7).map(|n| entry(n, if n % 3 == 1 { &other } else { &service })).collect();
    let saved = api.post("/logs/batch?ids=true", "application/json", json!(entries).to_string());
    let saved: Value = saved.await.json().await.unwrap();
    let id = saved["ids"][3].as_str().unwrap();
    api.search_until(&[("trace_id", &trace_id)], 7).await;

    for (query, position, expected) in
        [("", 2, "02356"), ("?before=1&after=1", 1, "235"), ("?scope=trace", 3, "0123456")]
    {
        let response = api.get(&format!("/logs/{id}/context{query}")).await;
        assert_eq!(response.status(), StatusCode::OK, "{query}");
        let context: Value = response.json().await.unwrap();
        let data = context["data"].as_array().unwrap();
        let messages: String =
            data.iter().map(|entry| entry["message"].as_str().unwrap()).collect();
        assert_eq!((&context["position"], messages.as_str()), (&json!(position), expected));
        assert_eq!(data[position], api.entry(id).await.unwrap());
    }
}

pub async fn an_export_contains_every_hit_of_the_search(api: &Api) {
    let service = unique("export");
    let entries: String = (0..2500)
        .map(|n| json!({"service": service, "message": format!("number {n}"), "attributes": {"n": n}}))
        .map(|entry| entry.to_string() + "\n")
        .collect();
    api.post("/logs/batch", "application/x-ndjson", entries).await;
    let filters = [("service_name", service.as_str()), ("q", "n:>=100 -\"number 200\"")];
    api.search_until(&filters, 2389).await;
    let hits = api.all_hits(&filters).await;

    for encoding in ["identity", "gzip", "zstd"] {
        let request = api.http.get(api.url("/logs/export")).query(&filters);
        let request = request.query(&[("sort", "oldest")]).header("accept-encoding", encoding);
        let response = api.send(request).await.unwrap();

        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "application/x-ndjson");
        // The client itself decompresses gzip.
        let is_zstd = response.headers().get("content-encoding").is_some_and(|c| c == "zstd");
        assert_eq!(is_zstd, encoding == "zstd");
        let body = response.bytes().await.unwrap();
        let body = if is_zstd { zstd::decode_all(&*body).unwrap() } else { body.into() };
        let text = String::from_utf8(body).unwrap();
        let exported: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(exported == hits, "{encoding}: {} entries", exported.len());
    }
}
