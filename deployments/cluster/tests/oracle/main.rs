//! The oracle checks that every acknowledged entry reaches both sinks and each client of the tail
//! exactly once and unaltered, whichever fault occurs. `ORACLE_SECONDS` sets the duration of each run's load (default 60);
//! `ORACLE_RUNS` selects runs (`kill,kafka`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "test code: a panic fails the test, and the table of results is printed"
)]

mod faults;
mod load;
mod memory;
mod reads;
mod run;
mod sinks;
mod tail;
mod toxiproxy;
mod violations;

use std::env::var;
use std::time::Duration;

use cluster::skip_without_services;

use faults::Fault;
use load::Tally;
use run::Run;
use violations::{Violations, compare_sinks, compare_with_sink};

const COLUMNS: [&str; 12] = [
    "run",
    "seconds",
    "posted",
    "accepted",
    "rejected",
    "unknown",
    "stored",
    "indexed",
    "duplicates",
    "dead",
    "peak MiB",
    "effects",
];

/// The minimum average load, outages included. A run with a lower load is invalid.
const MIN_ACKNOWLEDGED_PER_SECOND: u64 = 200;

/// A row of the table.
type Row = Vec<String>;

#[tokio::test(flavor = "multi_thread")]
async fn faults_do_not_lose_duplicate_or_alter_acknowledged_entries() {
    if skip_without_services(module_path!()) {
        return;
    }
    let seconds = var("ORACLE_SECONDS").map_or(60, |seconds| seconds.parse().unwrap());
    let runs = var("ORACLE_RUNS").unwrap_or_else(|_| Fault::ALL.map(Fault::name).join(","));
    let mut table = vec![COLUMNS.map(str::to_owned).to_vec()];
    let mut violations = String::new();
    for name in runs.split(',') {
        let fault = Fault::ALL.into_iter().find(|fault| fault.name() == name);
        let fault = fault.unwrap_or_else(|| panic!("ORACLE_RUNS: unknown run {name}"));
        println!("run {name}");
        let (row, report) = run_with(fault, Duration::from_secs(seconds)).await;
        print!("{report}");
        table.push(row);
        violations.push_str(&report);
    }
    print(&table);
    assert!(violations.is_empty(), "\n{violations}");
}

async fn run_with(fault: Fault, length: Duration) -> (Row, String) {
    let mut violations = Violations::default();
    let mut run = Run::start(fault.cluster().await, fault.consumers(), length).await;
    let effects = fault.inject(&mut run, &mut violations).await;
    if effects < fault.min_effects(length) {
        violations.add("faults without an effect", effects.to_string());
    }
    let seconds = run.end_load().await;
    let tally = run.ledger.tally();
    if tally.acknowledged < MIN_ACKNOWLEDGED_PER_SECOND * seconds || tally.rejected == 0 {
        violations.add("runs with too little load", format!("{tally:?}"));
    }
    let [stored, indexed, duplicates] = check_sinks(&run, &mut violations).await;
    let dead_letters = run.cluster.dead_letters("list");
    for dead_letter in dead_letters.lines() {
        violations.add("dead letters", dead_letter);
    }
    for process in run.memory.excessive_growth() {
        violations.add("processes whose memory grew too much", process);
    }

    let Tally { acknowledged, rejected, unknown } = tally;
    let posted = acknowledged + rejected + unknown;
    let dead_letters = dead_letters.lines().count() as u64;
    let peak = run.memory.peak_mib();
    let numbers = [seconds, posted, acknowledged, rejected, unknown, stored, indexed, duplicates];
    let numbers = numbers.into_iter().chain([dead_letters, peak, effects]);
    let mut row = vec![fault.name().to_owned()];
    row.extend(numbers.map(|number| number.to_string()));
    let report = violations.report(&format!("{} ({})", fault.name(), run.cluster.name()));
    if violations.is_empty() {
        run.clean_up().await;
    }
    (row, report)
}

/// Compares both sinks with the posted entries. Returns the numbers of stored, indexed and
/// duplicate entries.
async fn check_sinks(run: &Run, violations: &mut Violations) -> [u64; 3] {
    if let Err(stalled) = sinks::wait_until_drained(&run.cluster).await {
        violations.add("stalls", stalled);
    }
    let stored = sinks::stored_entries(&run.cluster).await;
    let documents = sinks::document_count(&run.cluster).await;
    let indexed = run.api.all_entries(&run.ledger.service).await;
    let mut duplicates = compare_with_sink(&run.ledger, "store", &stored, violations)
        + compare_with_sink(&run.ledger, "index", &indexed, violations);
    compare_sinks(&stored, &indexed, violations);
    for received in run.tails.received_all(&run.ledger).await {
        duplicates += compare_with_sink(&run.ledger, "tail", &received, violations);
    }
    if documents != indexed.len() as u64 {
        let example = format!("{documents}, but search finds {}", indexed.len());
        violations.add("wrong document counts", example);
    }
    [stored.len() as u64, indexed.len() as u64, duplicates as u64]
}

fn print(table: &[Row]) {
    for row in table {
        let cells: Vec<String> = row.iter().map(|cell| format!("{cell:>10}")).collect();
        println!("{}", cells.join(" "));
    }
}
