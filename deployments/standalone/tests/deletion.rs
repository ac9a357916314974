//! Deletes entries by query while others come in and the server is killed: exactly the entries that
//! match are gone, also after they are sent again and after the index is rebuilt. `DELETE_ENTRIES` is
//! the number of entries in the store (default 20,000), of which a tenth is deleted.
#![allow(clippy::unwrap_used, reason = "test code: a panic fails the test")]

mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::deletion::{Deletion, JOB_TIMEOUT, Job, arrive, entries};
use acceptance::{Api, Server};
use tempfile::TempDir;
use tokio::time::sleep;

fn start(data_dir: &Path) -> (Api, Server) {
    let settings = [("RATE_LIMIT_ENABLED", "false"), ("DELETE_ENABLED", "true")];
    let server = support::start(data_dir, &settings);
    (Api::new(&server.url), server)
}

/// Kills the server each time the job has made progress, until it has finished. Returns the last
/// server, and the number of times that the server was killed.
async fn crash_until_finished(
    (mut api, mut server): (Api, Server),
    data_dir: &Path,
    mut job: Job,
    deletion: &mut Deletion,
) -> (Api, Server, usize) {
    let mut crashes = 0;
    while job.next_step(&api).await {
        deletion.keep(arrive(&api, deletion.service()).await);
        server.kill();
        (api, server) = start(data_dir);
        crashes += usize::from(job.is_running(&api).await);
    }
    (api, server, crashes)
}

async fn reindex(api: &Api, data_dir: &Path) {
    let generation = |number: &str| data_dir.join("index").join(number).exists();
    let mut command = Command::new(env!("CARGO_BIN_EXE_logpulse"));
    command.env_clear().env("DATA_DIR", data_dir).arg("reindex");
    assert!(command.output().unwrap().status.success());
    let started = Instant::now();
    while !generation("2") || generation("1") {
        assert!(started.elapsed() < JOB_TIMEOUT, "the rebuild did not complete");
        assert_eq!(api.get("/readyz").await.status(), 200);
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exactly_the_entries_that_match_are_gone_despite_crashes_redelivery_and_rebuilds() {
    let data_dir = TempDir::new().unwrap();
    let (api, server) = start(data_dir.path());
    let mut deletion = Deletion::post(&api, entries(20_000)).await;

    let job = deletion.start(&api).await;
    let (api, _server, crashes) =
        crash_until_finished((api, server), data_dir.path(), job, &mut deletion).await;
    assert!(crashes > 0, "the server was not killed during the deletion");
    deletion.assert_gone(&api).await;

    deletion.post_again(&api).await;
    deletion.assert_gone(&api).await;
    reindex(&api, data_dir.path()).await;
    deletion.assert_gone(&api).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_are_deleted_during_a_rebuild_are_not_in_the_new_index() {
    let data_dir = TempDir::new().unwrap();
    let (api, _server) = start(data_dir.path());
    let deletion = Deletion::post(&api, 10_000).await;

    let job = deletion.start(&api).await;
    tokio::join!(job.finish(&api), reindex(&api, data_dir.path()));

    deletion.assert_gone(&api).await;
}
