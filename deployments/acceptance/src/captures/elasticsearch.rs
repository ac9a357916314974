//! Clients of Elasticsearch and OpenSearch.

use super::{Capture, Replay};
use crate::Api;

/// Replays requests that all save documents, and checks the parts of the responses that the client
/// needs.
async fn replay_bulk(capture: Capture, api: &Api, media_type: &str) {
    let replay = capture.replay(api, 200).await;
    check_bulk_responses(&replay, 0, media_type);
    replay.check_entries().await;
}

/// Checks the responses to bulk requests, starting with the request at `first`.
fn check_bulk_responses(replay: &Replay, first: usize, media_type: &str) {
    for reply in &replay.replies[first..] {
        assert_eq!(reply.header("x-elastic-product"), "Elasticsearch", "{reply:?}");
        assert_eq!(reply.header("content-type"), media_type, "{reply:?}");
        // Fluent Bit looks for this text.
        let text = String::from_utf8(reply.body.clone()).unwrap();
        assert!(text.contains(r#""errors":false,"items":["#), "{text}");
        let response = reply.json();
        let items = response["items"].as_array().unwrap();
        assert!(!items.is_empty(), "{response}");
        for item in items.iter().flat_map(|item| item.as_object().unwrap().values()) {
            assert_eq!((&item["status"], &item["result"]), (&201.into(), &"created".into()));
            assert!(item["_id"].is_string() && item["_index"].is_string(), "{item}");
        }
    }
}

/// Checks that a response passes the clients' product check.
fn check_product(replay: &Replay, position: usize) {
    let response = &replay.replies[position];
    assert_eq!((response.status, response.header("x-elastic-product")), (200, "Elasticsearch"));
    let product = response.json();
    assert_eq!(product["tagline"], "You Know, for Search");
    assert!(product["version"]["number"].as_str().unwrap().starts_with("8."), "{product}");
}

pub async fn es_filebeat(api: &Api) {
    let replay = Capture::new("es-filebeat", &["filebeat-7.17.29"]).replay_any(api).await;
    let statuses: Vec<u16> = replay.replies.iter().map(|reply| reply.status).collect();
    let templates = [404, 200, 404, 200, 404, 404, 200];
    assert_eq!(statuses, [&[200; 4][..], &templates, &[200; 3]].concat());
    for position in [0, 2, 11] {
        check_product(&replay, position);
    }
    assert_eq!(replay.replies[1].json()["license"]["status"], "active");
    assert_eq!(replay.replies[3].json()["features"]["ilm"]["enabled"], true);
    for position in [5, 7, 10] {
        assert_eq!(replay.replies[position].json()["acknowledged"], true, "{position}");
    }
    check_bulk_responses(&replay, 12, "application/json");
    replay.check_entries().await;
}

pub async fn es_fluentbit(api: &Api) {
    let capture = Capture::new("es-fluentbit", &["logstash-2026.11.25"]);
    replay_bulk(capture, api, "application/json").await;
}

pub async fn es_fluentbit_default(api: &Api) {
    let capture = Capture::new("es-fluentbit-default", &["fluent-bit"]);
    replay_bulk(capture, api, "application/json").await;
}

pub async fn es_fluentbit_gzip(api: &Api) {
    let capture = Capture::new("es-fluentbit-gzip", &["logs-app-default"]).with_ids();
    replay_bulk(capture, api, "application/json").await;
}

pub async fn es_fluentbit_opensearch(api: &Api) {
    let capture = Capture::new("es-fluentbit-opensearch", &["logs"]);
    replay_bulk(capture, api, "application/json").await;
}

pub async fn es_go(api: &Api) {
    let capture = Capture::new("es-go", &["gopher"]);
    replay_bulk(capture, api, "application/json").await;
}

pub async fn es_node_pino_elasticsearch(api: &Api) {
    let capture = Capture::new("es-node-pino-elasticsearch", &["logs-app"]);
    replay_bulk(capture, api, "application/vnd.elasticsearch+json;compatible-with=8").await;
}

pub async fn es_node_pino_elasticsearch_ecs(api: &Api) {
    let capture = Capture::new("es-node-pino-elasticsearch-ecs", &["logs-app"]);
    replay_bulk(capture, api, "application/vnd.elasticsearch+json;compatible-with=8").await;
}

pub async fn es_python_elasticsearch7(api: &Api) {
    let capture =
        Capture::new("es-python-elasticsearch7", &["checkout", "logs-app-default"]).with_ids();
    let replay = capture.replay(api, 200).await;
    check_product(&replay, 0);
    check_bulk_responses(&replay, 1, "application/json");
    replay.check_entries().await;
}

pub async fn es_python_elasticsearch9(api: &Api) {
    let capture = Capture::new("es-python-elasticsearch9", &["checkout", "logs-app-default"]);
    replay_bulk(capture, api, "application/vnd.elasticsearch+json;compatible-with=9").await;
}

pub async fn es_python_logging_handler(api: &Api) {
    let replay =
        Capture::new("es-python-logging-handler", &["logs-2026.11.25"]).replay(api, 200).await;
    check_product(&replay, 0);
    check_product(&replay, 1);
    check_bulk_responses(&replay, 2, "application/json");
    replay.check_entries().await;
}

pub async fn es_python_opensearch(api: &Api) {
    let capture =
        Capture::new("es-python-opensearch", &["checkout", "logs-app-default"]).with_ids();
    replay_bulk(capture, api, "application/json").await;
}

pub async fn es_rsyslog(api: &Api) {
    let capture = Capture::new("es-rsyslog", &["mysqld", "nginx", "shopapp"]);
    replay_bulk(capture, api, "application/json").await;
}

pub async fn es_syslog_ng(api: &Api) {
    let capture = Capture::new("es-syslog-ng", &["mysqld", "nginx", "shopapp"]);
    replay_bulk(capture, api, "application/json").await;
}
