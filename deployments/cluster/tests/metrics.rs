//! The metrics of each function. The tests need no services, because functions serve metrics even
//! while their services are down.
#![allow(clippy::unwrap_used, reason = "test code: a panic fails the test")]

use acceptance::metrics::lint;
use acceptance::{Api, Server};
use cluster::{bare_function, functions};

/// URLs of services that are down, and a free port.
const SETTINGS: [(&str, &str); 5] = [
    ("QUEUE_URL", "kafka://127.0.0.1:1/logs"),
    ("STORE_URL", "mysql://user:password@127.0.0.1:1/logs"),
    ("INDEX_URL", "http://127.0.0.1:1"),
    ("CACHE_URL", "redis://127.0.0.1:1"),
    ("SYSLOG_PORT", "0"),
];

#[tokio::test]
async fn the_metrics_of_each_function_pass_promtool() {
    let logs = std::env::temp_dir();
    for function in functions() {
        let log = logs.join(format!("logpulse-metrics-{function}-{}.log", std::process::id()));
        let server = Server::start_function(bare_function(&function).envs(SETTINGS), &log);
        let api = Api::new(&server.url);
        assert_eq!(api.get("/ping").await.status(), 200, "{function}");
        let metrics = api.get("/metrics").await.text().await.unwrap();
        assert!(metrics.contains("process_resident_memory_bytes "), "{function}: {metrics}");
        lint(&metrics);
        std::fs::remove_file(log).unwrap();
    }
}
