//! Clients of Loki.

use super::Capture;
use crate::Api;

pub async fn loki_fluentbit(api: &Api) {
    check("loki-fluentbit", &["fluentbit"], api).await;
}

pub async fn loki_fluentbit_gzip(api: &Api) {
    check("loki-fluentbit-gzip", &["fluent-bit"], api).await;
}

pub async fn loki_node_pino_loki(api: &Api) {
    check("loki-node-pino-loki", &["storefront"], api).await;
}

pub async fn loki_node_winston_loki(api: &Api) {
    check("loki-node-winston-loki", &["storefront"], api).await;
}

pub async fn loki_node_winston_loki_json(api: &Api) {
    check("loki-node-winston-loki-json", &["storefront"], api).await;
}

pub async fn loki_python_logger_handler(api: &Api) {
    check("loki-python-logger-handler", &["checkout"], api).await;
}

pub async fn loki_python_logger_handler_gzip(api: &Api) {
    check("loki-python-logger-handler-gzip", &["checkout"], api).await;
}

pub async fn loki_rsyslog_omhttp(api: &Api) {
    check("loki-rsyslog-omhttp", &["shopapp", "nginx", "mysqld"], api).await;
}

/// Replays a capture, and checks that each response is a 204 without a body, which every client
/// accepts.
async fn check(folder: &'static str, services: &'static [&'static str], api: &Api) {
    let replay = Capture::new(folder, services).replay(api, 204).await;
    for reply in &replay.replies {
        assert!(matches!(reply.header("content-length"), "" | "0"), "{folder}: {reply:?}");
        assert_eq!((reply.header("transfer-encoding"), reply.header("content-type")), ("", ""));
    }
    replay.check_entries().await;
}
