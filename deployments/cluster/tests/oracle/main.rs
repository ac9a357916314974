//! The oracle: whatever fails, every acknowledged entry is in both sinks exactly once and unaltered.
//! `ORACLE_SECONDS` says how long each run is under load (60), `ORACLE_RUNS` which (`kill,kafka`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops where something is wrong, and the table is printed"
)]

mod cuts;
mod faults;
mod load;
mod memory;
mod reads;
mod scene;
mod sinks;
mod verdict;

use std::env::var;
use std::time::Duration;

use cluster::left_out;

use faults::Fault;
use load::Tally;
use scene::Scene;
use verdict::{Complaints, compare, judge};

const HEAD: [&str; 12] = [
    "run", "s", "posted", "acked", "4xx", "unknown", "stored", "indexed", "double", "dead",
    "peak MiB", "felt",
];

/// What there must be each second, be a service away or not: less is no load.
const LEAST_ACKNOWLEDGED: u64 = 200;

/// A line of the table.
type Line = Vec<String>;

#[tokio::test(flavor = "multi_thread")]
async fn every_acknowledged_entry_is_in_both_sinks_once_and_unaltered_whatever_fails() {
    if left_out(module_path!()) {
        return;
    }
    let seconds = var("ORACLE_SECONDS").map_or(60, |seconds| seconds.parse().unwrap());
    let runs = var("ORACLE_RUNS").unwrap_or_else(|_| Fault::ALL.map(Fault::name).join(","));
    let mut table = vec![HEAD.map(str::to_owned).to_vec()];
    let mut complaints = String::new();
    for name in runs.split(',') {
        let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name);
        let fault = fault.unwrap_or_else(|| panic!("ORACLE_RUNS: there is no run {name}"));
        println!("run {name}");
        let (line, wrong) = run(fault, Duration::from_secs(seconds)).await;
        print!("{wrong}");
        table.push(line);
        complaints.push_str(&wrong);
    }
    print(&table);
    assert!(complaints.is_empty(), "\n{complaints}");
}

async fn run(fault: Fault, length: Duration) -> (Line, String) {
    let mut complaints = Complaints::default();
    let mut scene = Scene::set(fault.cluster().await, fault.consumers(), length).await;
    let felt = fault.strike(&mut scene, &mut complaints).await;
    if felt < fault.least_felt(length) {
        complaints.add("fault that was not felt", felt.to_string());
    }
    let seconds = scene.end_load().await;
    let tally = scene.known.tally();
    if tally.acknowledged < LEAST_ACKNOWLEDGED * seconds || tally.refused == 0 {
        complaints.add("run without load", format!("{tally:?}"));
    }
    let [stored, indexed, double] = compare_sinks(&scene, &mut complaints).await;
    let dead_letters = scene.cluster.dead_letters("list");
    for letter in dead_letters.lines() {
        complaints.add("dead letters", letter);
    }
    for grown in scene.memory.grown() {
        complaints.add("processes that grew", grown);
    }

    let Tally { acknowledged, refused, unknown } = tally;
    let posted = acknowledged + refused + unknown;
    let dead_letters = dead_letters.lines().count() as u64;
    let peak = scene.memory.peak_mib();
    let numbers = [seconds, posted, acknowledged, refused, unknown, stored, indexed, double];
    let numbers = numbers.into_iter().chain([dead_letters, peak, felt]);
    let mut line = vec![fault.name().to_owned()];
    line.extend(numbers.map(|number| number.to_string()));
    let wrong = complaints.of(&format!("{} ({})", fault.name(), scene.cluster.name()));
    if complaints.is_empty() {
        scene.clear().await;
    }
    (line, wrong)
}

/// How many entries are in the store, in the index, and too often.
async fn compare_sinks(scene: &Scene, complaints: &mut Complaints) -> [u64; 3] {
    if let Err(stalled) = sinks::drained(&scene.cluster).await {
        complaints.add("stall", stalled);
    }
    let stored = sinks::stored(&scene.cluster).await;
    let documents = sinks::documents(&scene.cluster).await;
    let indexed = scene.api.every_entry(&scene.known.service).await;
    let double = judge(&scene.known, "store", &stored, complaints)
        + judge(&scene.known, "index", &indexed, complaints);
    compare(&stored, &indexed, complaints);
    if documents != indexed.len() as u64 {
        let example = format!("{documents}, but {} by search", indexed.len());
        complaints.add("wrong number of documents", example);
    }
    [stored.len() as u64, indexed.len() as u64, double as u64]
}

fn print(table: &[Line]) {
    for line in table {
        let cells: Vec<String> = line.iter().map(|cell| format!("{cell:>10}")).collect();
        println!("{}", cells.join(" "));
    }
}
