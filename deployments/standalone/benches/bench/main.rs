//! `make bench` measures the performance of standalone LogPulse, and of baselines in the same run.
//! Only the ratios are comparable between machines, and only if the machines are otherwise idle.
//!
//! Arguments select parts: `make bench PARTS="burst search"`. `LOGPULSE` is the path of another
//! binary to measure. `BENCH_ENTRIES` is a folder of `.ndjson` files to send in the burst, and in the
//! part `disk`, instead of generated entries; the part `find` needs it. The part `peer` needs
//! `VICTORIA_LOGS`, the path of VictoriaLogs' binary. The part `memory` runs only if it is named, for
//! `MINUTES` (60).
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "a benchmark may panic, print, and convert numbers inexactly"
)]

mod baseline;
mod disk;
mod entries;
mod find;
mod folder;
mod load;
mod memory;
mod peer;
#[path = "../../../cluster/benches/cluster/process.rs"]
#[expect(dead_code, reason = "only single readings are used here")]
mod process;
mod results;
mod samples;

#[path = "../../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance::Server;
use entries::{BATCH_ENTRIES, Rng, batch, entry};
use load::{Connection, Request, drive, get, post_batch, post_entry};

const CONNECTIONS: usize = 8;
const BURST_ENTRIES: usize = 600_000;
const SEARCHED_ENTRIES: usize = 1_000_000;
const ENVIRONMENT: [(&str, &str); 2] = [("RATE_LIMIT_ENABLED", "false"), ("RUST_LOG", "warn")];

#[tokio::main(flavor = "current_thread")]
async fn main() {
    if std::env::args().any(|word| word == "--baseline") {
        return baseline::serve().await;
    }
    let parts: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_selected = |part: &str| parts.is_empty() || parts.iter().any(|name| name == part);
    let data_dir = tempfile::tempdir().expect("failed to create a temporary directory");
    if is_selected("start") {
        fresh_start(data_dir.path()).await;
    }
    if is_selected("single") {
        single_entries(data_dir.path()).await;
    }
    if is_selected("burst") {
        burst(data_dir.path()).await;
    }
    if is_selected("disk") {
        disk_space(&data_dir.path().join("disk")).await;
    }
    if is_selected("peer")
        && let Ok(program) = std::env::var("VICTORIA_LOGS")
    {
        peer::load(&program, &data_dir.path().join("peer"), &folder::batches(BURST_ENTRIES)).await;
    }
    if is_selected("search") {
        search(data_dir.path()).await;
    }
    if parts.iter().any(|name| name == "memory") {
        let (server, address) = start(&data_dir.path().join("memory"));
        memory::watch(&server, &address).await;
    }
    if is_selected("find")
        && let Some(folder) = folder::given()
    {
        let (server, _) = start(&data_dir.path().join("find"));
        find::find(&server.url, &folder).await;
    }
}

fn start(data_dir: &Path) -> (Server, String) {
    let server = match std::env::var("LOGPULSE") {
        Ok(path) => {
            let mut command = Command::new(path);
            command.env_clear().envs(ENVIRONMENT);
            Server::start(command.env("DATA_DIR", data_dir))
        }
        Err(_) => support::start(data_dir, &ENVIRONMENT),
    };
    let address = server.url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    (server, address)
}

fn requests(entries: usize) -> Vec<Request> {
    let bodies: Vec<Request> =
        (0..50).map(|seed| post_batch(&batch(seed, BATCH_ENTRIES))).collect();
    bodies.into_iter().cycle().take(entries / BATCH_ENTRIES).collect()
}

/// Measures the time from exec to the first response, starting with an empty data directory, and
/// the memory in use at that point.
async fn fresh_start(data_dir: &Path) {
    let started = Instant::now();
    let (server, address) = start(&data_dir.join("fresh"));
    let (status, _) = Connection::open(&address).await.send(&get("/ping")).await;
    let elapsed = started.elapsed().as_millis();
    let memory = server.memory_mib();
    println!("fresh start: /ping answered {status} after {elapsed} ms, {memory} MiB resident");
}

/// Posts one entry per request. With many connections, the rate shows how well requests share a
/// sync.
async fn single_entries(data_dir: &Path) {
    let mut rng = Rng::new(3);
    for connections in [1, 64] {
        let (_server, address) = start(&data_dir.join(format!("single-{connections}")));
        let requests = (0..200 * connections).map(|_| post_entry(&entry(&mut rng))).collect();
        let run = drive(&address, connections, requests).await;
        println!(
            "single entries, {connections} connections: {:.0}/s, p50 {:.1} ms, p99 {:.1} ms",
            run.per_second(200 * connections),
            run.quantile(0.5),
            run.quantile(0.99),
        );
    }
}

/// Measures how fast batches of 1,000 entries are acknowledged, and how fast the backlog that they
/// leave on the queue becomes searchable after a crash. The baselines are a bare handler that reads
/// and discards the same bodies, and tantivy without LogPulse.
async fn burst(data_dir: &Path) {
    let batches = folder::batches(BURST_ENTRIES);
    let lines: Vec<String> = batches.iter().flatten().cloned().collect();
    let requests: Vec<Request> =
        batches.iter().map(|lines| post_batch(lines.join("\n").as_bytes())).collect();
    let exe = std::env::current_exe().expect("failed to get the path of the current executable");
    let bare = Server::start(Command::new(exe).arg("--baseline"));
    let address = bare.url.trim_start_matches("http://").trim_end_matches('/');
    let handler = drive(address, CONNECTIONS, requests.clone()).await.per_second(lines.len());
    drop(bare);
    let tantivy = baseline::tantivy_per_second(&lines);
    println!("baselines: bare poem handler {handler:.0} entries/s, bare tantivy {tantivy:.0}/s");

    let (server, address) = start(&data_dir.join("burst"));
    let run = drive(&address, CONNECTIONS, requests).await;
    let rate = run.per_second(lines.len());
    println!(
        "batches of {BATCH_ENTRIES}: {rate:.0} entries/s acknowledged, p50 {:.0} ms, p99 {:.0} ms, peak {} MiB; \
         {:.2} of the handler, {:.2} of tantivy",
        run.quantile(0.5),
        run.quantile(0.99),
        server.peak_memory_mib(),
        rate / handler,
        rate / tantivy,
    );
    server.kill();

    let started = Instant::now();
    let (server, address) = start(&data_dir.join("burst"));
    let entries = drain(&address, "backlog-end").await;
    let rate = entries as f64 / started.elapsed().as_secs_f64();
    println!(
        "backlog: {entries} entries made searchable at {rate:.0}/s, peak {} MiB; {:.2} of tantivy",
        server.peak_memory_mib(),
        rate / tantivy,
    );
}

/// Measures the disk space of a burst.
async fn disk_space(data_dir: &Path) {
    let batches = folder::batches(BURST_ENTRIES);
    let requests = batches.iter().map(|lines| post_batch(lines.join("\n").as_bytes())).collect();
    let (count, bytes) = folder::size(&batches);
    let (server, address) = start(data_dir);
    drive(&address, CONNECTIONS, requests).await;
    drain(&address, "disk-end").await;
    disk::report(data_dir, count, bytes).await;
    let cpu = process::cpu_seconds(server.child.id()) * 1e6 / count as f64;
    println!("{cpu:.1} µs of CPU for each entry");
}

/// Waits until everything on the queue is searchable. Returns the number of entries consumed since
/// the server started.
async fn drain(address: &str, marker: &str) -> u64 {
    let mut connection = Connection::open(address).await;
    let body = format!(r#"{{"service":"{marker}","message":"m"}}"#);
    connection.send(&post_entry(&body)).await;
    let search = get(&format!("/logs/search?service_name={marker}"));
    while !connection.send(&search).await.1.contains("\"count\":1") {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (_, metrics) = connection.send(&get("/metrics")).await;
    let line = metrics.lines().find(|line| line.starts_with("consumer_entries_total"));
    line.and_then(|line| line.split(' ').nth(1)?.parse().ok())
        .expect("no `consumer_entries_total` in the metrics")
}

/// Searches one million entries while 5,000 entries/s arrive.
async fn search(data_dir: &Path) {
    let (_server, address) = start(&data_dir.join("search"));
    drive(&address, CONNECTIONS, requests(SEARCHED_ENTRIES)).await;
    drain(&address, "million").await;
    let incoming = tokio::spawn(trickle(address.clone()));
    for (name, query) in [
        ("a common word, newest first", "q=timeout"),
        ("two words, relevance", "q=invalid+password&sort=relevance"),
        ("only a level", "level=info"),
        (
            "a service and a time range",
            "service_name=hdfs&from=2024-06-03T00:00:00Z&to=2024-06-04T00:00:00Z",
        ),
        ("two misspelt words", "q=timeuot+conection&fuzzy=true"),
        ("an address", "q=10.42.7.42"),
        ("a common fragment of 12 characters", "q=%22ction+timeou%22"),
        ("a fragment of 18 characters", "q=%22.42.7.42+port+5%22"),
        ("an attribute", "q=@component:worker.7"),
        ("an attribute in a range", "q=@pid:%5B%2259900%22+TO+*%5D"),
        ("one word, excluding another", "q=block+-7"),
    ] {
        let requests = vec![get(&format!("/logs/search?{query}&limit=100")); 200];
        let run = drive(&address, 1, requests).await;
        let (p50, p95) = (run.quantile(0.5), run.quantile(0.95));
        println!("search of one million entries, {name}: p50 {p50:.1} ms, p95 {p95:.1} ms");
    }
    assert!(!incoming.is_finished(), "a request to add entries failed");
    incoming.abort();
}

/// Posts ten batches of 500 entries per second until it is aborted.
async fn trickle(address: String) {
    let mut connection = Connection::open(&address).await;
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    for seed in 1000.. {
        ticks.tick().await;
        let (status, body) = connection.send(&post_batch(&batch(seed, 500))).await;
        assert!((200..300).contains(&status), "{status}: {body}");
    }
}
