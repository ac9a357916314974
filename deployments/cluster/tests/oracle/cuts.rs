//! Toxiproxy before OpenSearch: it cuts connections in the middle of an answer.

use cluster::{start, toxiproxy};
use reqwest::Client;
use serde_json::{Value, json};

/// The proxy, as its API calls it.
const PROXY: &str = "/proxies/opensearch";

/// Starts it, with nothing that is cut.
pub(crate) async fn open() {
    start("toxiproxy");
    let proxy = json!({
        "name": "opensearch", "listen": "0.0.0.0:19200", "upstream": "opensearch:9200",
    });
    ask("/populate", &json!([proxy])).await;
    heal().await;
}

/// From now on each connection ends after so many bytes of answers.
pub(crate) async fn cut_after(bytes: u64) {
    let toxics = format!("{PROXY}/toxics");
    let toxic = json!({
        "name": "cut", "type": "limit_data", "stream": "downstream",
        "attributes": {"bytes": bytes},
    });
    ask(&toxics, &toxic).await;
}

/// Nothing is cut any more.
pub(crate) async fn heal() {
    let toxic = format!("http://{}{PROXY}/toxics/cut", toxiproxy());
    // That there is none is as good.
    Client::new().delete(toxic).send().await.unwrap();
}

async fn ask(path: &str, body: &Value) {
    let request = Client::new().post(format!("http://{}{path}", toxiproxy())).json(body);
    let answer = request.send().await.unwrap();
    let status = answer.status();
    assert!(status.is_success(), "{path}: {status} {}", answer.text().await.unwrap());
}
