//! Days are dropped from the store and the index, and do not come back.
#![allow(clippy::unwrap_used, reason = "test code: a panic is a failed test")]

mod support;

use std::path::Path;
use std::process::Command;

use acceptance::retention::{Durations, Week};
use acceptance::{Api, Server};

fn start(data_dir: &Path, setting: &str) -> (Api, Server) {
    let server =
        support::start(data_dir, &[("RETENTION", setting), ("RATE_LIMIT_ENABLED", "false")]);
    (Api::new(&server.url), server)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_class_is_kept_as_long_as_it_should_be() {
    let folder = tempfile::tempdir().unwrap();
    let long = Durations { default: 5, debug: 3 };
    let (api, server) = start(folder.path(), &long.setting());
    let week = Week::post(&api).await;
    week.assert_kept(&api, long).await;
    server.kill();

    // Shorter durations drop what is stored, as the days that pass do.
    let short = Durations { default: 4, debug: 1 };
    let (api, server) = start(folder.path(), &short.setting());
    week.assert_kept(&api, short).await;
    week.post_again(&api).await;
    week.assert_kept(&api, short).await;
    let metrics = api.get("/metrics").await.text().await.unwrap();
    assert!(metrics.contains("consumer_expired_total 21\n"), "{metrics}");

    let mut reindex = Command::new(env!("CARGO_BIN_EXE_logpulse"));
    reindex.env_clear().env("DATA_DIR", folder.path()).arg("reindex");
    assert!(reindex.status().unwrap().success());
    server.kill();
    let (api, server) = start(folder.path(), &short.setting());
    week.assert_kept(&api, short).await;
    assert!(server.terminate().success());
}
