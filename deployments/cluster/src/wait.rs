//! Waits with a deadline until a condition holds, such as that LogPulse has recovered.

use std::time::{Duration, Instant};

use acceptance::{Api, unique};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

/// How long recovery may take.
pub const RECOVERY_TIMEOUT: Duration = Duration::from_mins(1);

/// Polls a condition until it holds. Panics after [`RECOVERY_TIMEOUT`].
pub async fn wait_until(description: &str, mut condition: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !condition().await {
        assert!(
            started.elapsed() < RECOVERY_TIMEOUT,
            "timed out after {RECOVERY_TIMEOUT:?}: {description}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Posts an entry until it is accepted, waits until it is found by id and by search, and returns
/// its id.
pub async fn round_trip(api: &Api) -> String {
    let (id, service) = (Uuid::now_v7().to_string(), unique("round-trip"));
    let entry = json!({"id": id, "service": service, "message": "round trip"}).to_string();
    wait_until("a post is accepted", async || {
        let posted = api.try_post("/logs", "application/json", entry.as_str()).await;
        posted.is_ok_and(|response| response.status() == StatusCode::CREATED)
    })
    .await;
    for path in [format!("/logs/{id}"), format!("/logs/search?service_name={service}")] {
        wait_until(&format!("{path} returns the entry"), async || {
            let Ok(response) = api.http.get(api.url(&path)).send().await else { return false };
            let Ok(body) = response.json::<Value>().await else { return false };
            body["id"] == *id || body["data"][0]["id"] == *id
        })
        .await;
    }
    id
}
