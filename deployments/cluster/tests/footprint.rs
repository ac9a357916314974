//! The footprint of each function: image size, memory of an idle replica, and startup time.
//! `make test-cluster` runs these tests.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "test code: a panic fails the test, and measurements are printed"
)]

use std::time::{Duration, Instant};

use cluster::{Cluster, base_url, docker, functions, replicas, wait_until};

/// An idle replica must use less memory than this (20 MB).
const MAX_RESIDENT_KIB: u64 = 20_000_000 / 1024;

/// An image must not be larger than this.
const MAX_IMAGE_BYTES: u64 = 40_000_000;

/// The resident memory of the only process in a container.
fn resident_kib(container: &str) -> u64 {
    let processes = docker(&["top", container, "-eo", "pid,rss"]);
    let process = processes.lines().nth(1).unwrap();
    process.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn an_idle_replica_of_each_function_uses_less_than_20_mb() {
    if base_url(module_path!()).is_none() {
        return;
    }
    for function in functions() {
        let replica = &replicas(&function)[0];
        docker(&["restart", replica]);
        wait_until("the replica is healthy", async || {
            docker(&["inspect", "-f", "{{.State.Health.Status}}", replica]).trim() == "healthy"
        })
        .await;
        let resident = resident_kib(replica);
        println!("{function}: {resident} KiB resident");
        assert!(resident < MAX_RESIDENT_KIB, "{function}: {resident} KiB");
    }
}

#[test]
fn the_image_of_each_function_is_at_most_40_mb() {
    if base_url(module_path!()).is_none() {
        return;
    }
    for function in functions() {
        let image = docker(&["inspect", "-f", "{{.Image}}", &replicas(&function)[0]]);
        let bytes = docker(&["image", "inspect", "-f", "{{.Size}}", image.trim()]);
        let bytes: u64 = bytes.trim().parse().unwrap();
        println!("{function}: {:.1} MB", bytes as f64 / 1e6);
        assert!(bytes <= MAX_IMAGE_BYTES, "{function}: {bytes}");
    }
}

/// The time depends on the machine, so it is printed but not asserted. The test
/// runs on Linux only, because images contain Linux binaries.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_binary_of_each_image_starts_and_responds_to_ping() {
    if base_url(module_path!()).is_none() {
        return;
    }
    let cluster = Cluster::fresh().await.with("RATE_LIMIT_ENABLED", "true");
    let file = std::env::temp_dir().join(cluster.name());
    for function in functions() {
        let image_file = format!("{}:/function", replicas(&function)[0]);
        docker(&["cp", &image_file, file.to_str().unwrap()]);
        let mut times = Vec::new();
        for _ in 0..10 {
            let started = Instant::now();
            let server = cluster.start_binary(&function, &file);
            let ping = reqwest::get(format!("{}/ping", server.url)).await.unwrap();
            times.push(started.elapsed());
            assert_eq!(ping.status(), 200, "{function}");
        }
        times.sort();
        let [median, worst] = [times[5], times[9]].map(|time: Duration| time.as_millis());
        println!("{function}: /ping answered {median} ms after exec, {worst} ms at worst");
    }
    std::fs::remove_file(&file).unwrap();
    cluster.remove().await;
}
