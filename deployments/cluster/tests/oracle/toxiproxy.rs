//! Toxiproxy in front of OpenSearch: it cuts connections in the middle of a response.

use cluster::{start, toxiproxy};
use reqwest::Client;
use serde_json::{Value, json};

/// The path of the proxy in toxiproxy's API.
const PROXY: &str = "/proxies/opensearch";

/// Starts the proxy, which cuts no connections yet.
pub(crate) async fn start_proxy() {
    start("toxiproxy");
    let proxy = json!({
        "name": "opensearch", "listen": "0.0.0.0:19200", "upstream": "opensearch:9200",
    });
    post("/populate", &json!([proxy])).await;
    reset().await;
}

/// Cuts each connection after this many response bytes.
pub(crate) async fn cut_after(bytes: u64) {
    let toxics = format!("{PROXY}/toxics");
    let toxic = json!({
        "name": "cut", "type": "limit_data", "stream": "downstream",
        "attributes": {"bytes": bytes},
    });
    post(&toxics, &toxic).await;
}

/// Stops cutting connections.
pub(crate) async fn reset() {
    let toxic = format!("http://{}{PROXY}/toxics/cut", toxiproxy());
    // A 404 is fine; it means that no connections were being cut.
    Client::new().delete(toxic).send().await.unwrap();
}

async fn post(path: &str, body: &Value) {
    let request = Client::new().post(format!("http://{}{path}", toxiproxy())).json(body);
    let response = request.send().await.unwrap();
    let status = response.status();
    assert!(status.is_success(), "{path}: {status} {}", response.text().await.unwrap());
}
