//! Waiting for what must come, with a deadline.
//! Above all for a LogPulse to go on by itself when a service is back.

use std::time::{Duration, Instant};

use acceptance::{Api, unique};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

/// How long it may take until everything goes on.
pub const RECOVERY: Duration = Duration::from_mins(1);

/// Waits until it is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < RECOVERY, "not within {RECOVERY:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until an entry that is posted now is found by its id and by search, and answers the id.
pub async fn goes_on(api: &Api) -> String {
    let (id, service) = (Uuid::now_v7().to_string(), unique("back"));
    let entry = json!({"id": id, "service": service, "message": "everything goes on"}).to_string();
    until("a post is taken", async || {
        let posted = api.try_post("/logs", "application/json", entry.as_str()).await;
        posted.is_ok_and(|response| response.status() == StatusCode::CREATED)
    })
    .await;
    for path in [format!("/logs/{id}"), format!("/logs/search?service_name={service}")] {
        until(&format!("{path} answers the entry"), async || {
            let Ok(response) = api.http.get(api.url(&path)).send().await else { return false };
            let Ok(body) = response.json::<Value>().await else { return false };
            body["id"] == *id || body["data"][0]["id"] == *id
        })
        .await;
    }
    id
}
