//! Clients that post entries for as long as the server runs.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use acceptance::{Api, unique};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

const WRITERS: usize = 8;

/// All messages that the writers sent, and those that were acknowledged, by id.
#[derive(Default)]
pub(crate) struct Posted {
    pub(crate) sent: HashSet<String>,
    pub(crate) acknowledged: HashMap<String, String>,
}

/// Starts clients that post single entries and batches until the server is killed.
pub(crate) fn spawn_writers(
    api: &Api,
    service: &str,
    posted: &Arc<Mutex<Posted>>,
) -> Vec<JoinHandle<()>> {
    let spawn = |_| tokio::spawn(write(api.clone(), service.to_owned(), posted.clone()));
    (0..WRITERS).map(spawn).collect()
}

/// Posts single entries and batches until the server is killed.
async fn write(api: Api, service: String, posted: Arc<Mutex<Posted>>) {
    for turn in 0.. {
        let count = if turn % 3 == 0 { 50 } else { 1 };
        let messages: Vec<String> = (0..count).map(|_| unique("message")).collect();
        let entry = |message: &String| json!({"service": service, "message": message});
        posted.lock().unwrap().sent.extend(messages.iter().cloned());
        let response = if count == 1 {
            let body = entry(&messages[0]).to_string();
            api.try_post("/logs", "application/json", body).await
        } else {
            let body = Value::from(messages.iter().map(entry).collect::<Vec<_>>()).to_string();
            api.try_post("/logs/batch?ids=true", "application/json", body).await
        };
        let Ok(response) = response else { return };
        if response.status() != 201 {
            continue;
        }
        let Ok(saved) = response.json::<Value>().await else { return };
        let ids = saved["ids"].as_array().cloned().unwrap_or_else(|| vec![saved["id"].clone()]);
        assert_eq!(ids.len(), messages.len());
        let ids = ids.iter().map(|id| id.as_str().unwrap().to_owned());
        posted.lock().unwrap().acknowledged.extend(ids.zip(messages));
    }
}
