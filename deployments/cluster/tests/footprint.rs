//! What a function takes as it is in its image: space, memory and time to start.
//! `make test-cluster` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a test stops where something is wrong, and says what it measured"
)]

use std::time::{Duration, Instant};

use cluster::{Cluster, base_url, docker, replicas, wait_until};

const FUNCTIONS: [&str; 5] = ["ingest", "get", "search", "consumer", "docs"];

/// The most memory that a function may have while nothing happens: 20 MB, in KiB.
const MOST_KIB: u64 = 20_000_000 / 1024;

/// The most bytes that an image may have.
const MOST_BYTES: u64 = 40_000_000;

/// Memory of the one process in a container, in KiB.
fn resident(container: &str) -> u64 {
    let processes = docker(&["top", container, "-eo", "pid,rss"]);
    let process = processes.lines().nth(1).unwrap();
    process.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_fresh_replica_of_each_function_takes_less_than_20_mb() {
    if base_url(module_path!()).is_none() {
        return;
    }
    for function in FUNCTIONS {
        let replica = &replicas(function)[0];
        docker(&["restart", replica]);
        wait_until("the replica is healthy", async || {
            docker(&["inspect", "-f", "{{.State.Health.Status}}", replica]).trim() == "healthy"
        })
        .await;
        let resident = resident(replica);
        println!("{function}: {resident} KiB resident");
        assert!(resident < MOST_KIB, "{function}: {resident} KiB");
    }
}

#[test]
fn the_image_of_each_function_has_at_most_40_mb() {
    if base_url(module_path!()).is_none() {
        return;
    }
    for function in FUNCTIONS {
        let image = docker(&["inspect", "-f", "{{.Image}}", &replicas(function)[0]]);
        let bytes = docker(&["image", "inspect", "-f", "{{.Size}}", image.trim()]);
        let bytes: u64 = bytes.trim().parse().unwrap();
        println!("{function}: an image of {:.1} MB", bytes as f64 / 1e6);
        assert!(bytes <= MOST_BYTES, "{function}: {bytes}");
    }
}

/// How soon depends on the machine: it is told, not asserted. What is in an image is for Linux.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_function_from_its_image_answers_ping_soon_after_exec() {
    if base_url(module_path!()).is_none() {
        return;
    }
    let cluster = Cluster::fresh().await.with("RATE_LIMIT_ENABLED", "true");
    let file = std::env::temp_dir().join(cluster.name());
    for function in FUNCTIONS {
        let image_file = format!("{}:/function", replicas(function)[0]);
        docker(&["cp", &image_file, file.to_str().unwrap()]);
        let mut took = Vec::new();
        for _ in 0..10 {
            let started = Instant::now();
            let server = cluster.start_file(function, &file);
            let ping = reqwest::get(format!("{}/ping", server.url)).await.unwrap();
            took.push(started.elapsed());
            assert_eq!(ping.status(), 200, "{function}");
        }
        took.sort();
        let [median, worst] = [took[5], took[9]].map(|took: Duration| took.as_millis());
        println!("{function}: /ping answered {median} ms after exec, at worst {worst} ms");
    }
    std::fs::remove_file(&file).unwrap();
    cluster.remove().await;
}
