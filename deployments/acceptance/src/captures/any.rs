//! Shippers that send JSON over plain HTTP.

use super::Capture;
use crate::Api;

pub async fn any_syslog_ng_logpulse(api: &Api) {
    let capture = Capture::new("any-syslog-ng-logpulse", &["shopapp", "nginx", "mysqld"]);
    let replay = capture.replay(api, 201).await;
    assert_eq!(replay.replies[0].json()["accepted"], 3);
    replay.check_entries().await;
}

pub async fn any_fluentbit_http_json(api: &Api) {
    check_fluentbit("any-fluentbit-http-json", api).await;
}

pub async fn any_fluentbit_http_json_lines(api: &Api) {
    check_fluentbit("any-fluentbit-http-json_lines", api).await;
}

pub async fn any_fluentbit_http_json_stream(api: &Api) {
    check_fluentbit("any-fluentbit-http-json_stream", api).await;
}

pub async fn any_fluentbit_http_msgpack(api: &Api) {
    check_fluentbit("any-fluentbit-http-msgpack", api).await;
}

pub async fn any_node_pino_http_send_json(api: &Api) {
    check("any-node-pino-http-send-json", &["storefront"], api).await;
}

pub async fn any_node_pino_http_send_ndjson(api: &Api) {
    check("any-node-pino-http-send-ndjson", &["storefront"], api).await;
}

/// Winston treats every status other than 200 as an error.
pub async fn any_node_winston_http_batch(api: &Api) {
    check("any-node-winston-http-batch", &["storefront"], api).await;
}

pub async fn any_rsyslog_omhttp(api: &Api) {
    check("any-rsyslog-omhttp", &["shopapp", "nginx", "mysqld"], api).await;
}

pub async fn any_rsyslog_omhttp_gzip(api: &Api) {
    check("any-rsyslog-omhttp-gzip", &["shopapp", "nginx", "mysqld"], api).await;
}

/// The records name no service, so they get the product in the `User-Agent` header.
async fn check_fluentbit(folder: &'static str, api: &Api) {
    check(folder, &["Fluent-Bit"], api).await;
}

/// Sends the requests to `/logs/any`, as the client would with a changed path.
async fn check(folder: &'static str, services: &'static [&'static str], api: &Api) {
    let replay = Capture::new(folder, services).sent_to("/logs/any").replay(api, 200).await;
    for reply in &replay.replies {
        assert_eq!(reply.header("content-type"), "application/json");
        assert_eq!(reply.json()["rejected"], 0, "{reply:?}");
    }
    replay.check_entries().await;
}
