//! OTLP: the SDKs of four languages, the OpenTelemetry Collector and Fluent Bit.

use serde_json::{Value, json};

use super::{Capture, Replay};
use crate::Api;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// The service of records without a service name in their resource.
const UNKNOWN: &[&str] = &["unknown_service"];

/// How often each expected entry occurs in the captures of the OpenTelemetry SDK for Node.
const NODE_COUNTS: [usize; 8] = [300, 300, 300, 300, 300, 300, 1, 1];

/// Replays a capture and checks that each response is an empty success response in the request's
/// format.
async fn replay(
    api: &Api,
    folder: &'static str,
    services: &'static [&'static str],
    format: &str,
) -> Replay {
    let replay = Capture::new(folder, services).replay(api, 200).await;
    for reply in &replay.replies {
        assert_eq!(reply.header("content-type"), format, "{folder}: {reply:?}");
        match format {
            JSON => assert_eq!(reply.json(), json!({}), "{folder}"),
            _ => assert_eq!(reply.body, b"", "{folder}"),
        }
    }
    replay
}

pub async fn otlp_fluentbit(api: &Api) {
    let replay = replay(api, "otlp-fluentbit", UNKNOWN, PROTOBUF).await;
    replay.check_entries().await;
}

pub async fn otlp_fluentbit_gzip(api: &Api) {
    let replay = replay(api, "otlp-fluentbit-gzip", UNKNOWN, PROTOBUF).await;
    replay.check_entries().await;
}

pub async fn otlp_go(api: &Api) {
    let replay = replay(api, "otlp-go", &["gopher"], PROTOBUF).await;
    replay.check_entries().await;
}

pub async fn otlp_node_json_gzip(api: &Api) {
    let replay = replay(api, "otlp-node-json-gzip", &["storefront"], JSON).await;
    replay.check_counts(&NODE_COUNTS).await;
}

pub async fn otlp_node_json_none(api: &Api) {
    let replay = replay(api, "otlp-node-json-none", &["storefront"], JSON).await;
    replay.check_entries().await;
}

pub async fn otlp_node_pino_protobuf(api: &Api) {
    let replay = replay(api, "otlp-node-pino-protobuf", &["storefront"], PROTOBUF).await;
    replay.check_entries().await;
}

pub async fn otlp_node_proto_gzip(api: &Api) {
    let replay = replay(api, "otlp-node-proto-gzip", &["storefront"], PROTOBUF).await;
    replay.check_counts(&NODE_COUNTS).await;
}

pub async fn otlp_node_proto_none(api: &Api) {
    let replay = replay(api, "otlp-node-proto-none", &["storefront"], PROTOBUF).await;
    replay.check_entries().await;
}

pub async fn otlp_otelcol_big(api: &Api) {
    let replay = replay(api, "otlp-otelcol-big", &["shop-file"], PROTOBUF).await;
    let entries = replay.entries(20_000).await;
    let mut numbers: Vec<u64> = entries.iter().map(request_number).collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..20_000));
}

/// Returns the number in the message of an entry, and checks the other values.
fn request_number(entry: &Value) -> u64 {
    let message = entry["message"].as_str().unwrap();
    let words: Vec<&str> = message.split(' ').collect();
    let [_, "INFO", "request", number, "handled", "in", _, "ms", ..] = words[..] else {
        panic!("{entry}")
    };
    let scope =
        "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/filelogreceiver";
    let attributes = json!({"log.file.name": "big.log", "scope": {"name": scope}});
    assert_eq!(entry["attributes"], attributes);
    assert_eq!((&entry["level"], &entry["service_name"]), (&json!("INFO"), &json!("shop-file")));
    // The record has no time, so its observed time is used.
    assert!(entry["timestamp"].as_str().unwrap().starts_with("2026-11-25T18:54:23."), "{entry}");
    number.parse().unwrap()
}

pub async fn otlp_otelcol_gzip_multiline(api: &Api) {
    let replay = replay(api, "otlp-otelcol-gzip-multiline", &["shop-file"], PROTOBUF).await;
    replay.check_entries().await;
}

pub async fn otlp_otelcol_json_zstd(api: &Api) {
    let replay = replay(api, "otlp-otelcol-json-zstd", &["shop-file"], JSON).await;
    replay.check_entries().await;
}

pub async fn otlp_otelcol_uncompressed_with_bearer_token(api: &Api) {
    let replay = replay(api, "otlp-otelcol-none-bearer", &["shop-file"], PROTOBUF).await;
    replay.check_entries().await;
}

pub async fn otlp_otelcol_snappy(api: &Api) {
    let replay = replay(api, "otlp-otelcol-snappy", &["shop-file"], PROTOBUF).await;
    replay.check_entries().await;
}

pub async fn otlp_python(api: &Api) {
    let replay = replay(api, "otlp-python", &["checkout"], PROTOBUF).await;
    replay.check_entries().await;
}

pub async fn otlp_python_gzip(api: &Api) {
    let replay = replay(api, "otlp-python-gzip", &["checkout"], PROTOBUF).await;
    replay.check_counts(&[298, 4, 300, 299, 296, 1, 2, 1, 1]).await;
}

pub async fn otlp_rust_json_zstd(api: &Api) {
    let replay = replay(api, "otlp-rust-json-zstd", &["rusty"], JSON).await;
    replay.check_entries().await;
}

pub async fn otlp_rust_proto_gzip(api: &Api) {
    let replay = replay(api, "otlp-rust-proto-gzip", &["rusty"], PROTOBUF).await;
    replay.check_entries().await;
}
