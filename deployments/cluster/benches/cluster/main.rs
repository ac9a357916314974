//! `make bench-cluster` measures the functions as processes on this machine, with the real services,
//! next to floors that are measured in the same run: bare handlers that read the same body, and
//! records of a hundred entries on the same Kafka. Workloads take turns, in several rounds. oha
//! generates the load. Results are medians and the range of the rounds; only ratios are comparable
//! between machines. `WORKLOADS="post get"` selects workloads by the beginning of their names, and
//! `ROUNDS` and `SECONDS_EACH` shorten a run. `STORED` is the number of entries that are stored
//! beforehand. With the argument `disk`, it measures the disk space of entries instead, and with
//! `cost` the CPU time of an entry in a running cluster.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "benchmark code: a panic fails the run, and measurements are printed"
)]

#[path = "../drain/backlog.rs"]
#[expect(dead_code, reason = "only the queue's records are used here")]
mod backlog;
mod cost;
mod disk;
mod drain;
#[path = "../../../standalone/benches/bench/entries.rs"]
mod entries;
mod floor;
#[path = "../../../standalone/benches/bench/folder.rs"]
mod folder;
mod freshness;
mod load;
mod median;
mod process;
mod report;
#[path = "../../../standalone/benches/bench/results.rs"]
mod results;
mod setup;

use std::time::Duration;

use load::Load;
use report::Metric::{Cpu, Rate};
use report::{Ratio, Report, Sample};
use setup::Setup;

/// The number of concurrent connections.
const CONNECTIONS: usize = 64;

/// The requests per second of the workloads named rate.
const STEADY_RATE: usize = 2000;

/// Entries in a batch.
const BATCH_ENTRIES: usize = entries::BATCH_ENTRIES;

/// The workloads of a round, in this order.
const WORKLOADS: &[&str] = &[
    "floor-post",
    "post",
    "post-limited",
    "refused",
    "floor-rate",
    "floor-kafka",
    "rate",
    "half",
    "batch",
    "batch-gzip",
    "floor-get",
    "get",
    "searchable",
    "drain",
];

/// What is compared with its floor.
const RATIOS: &[Ratio] = &[
    Ratio { of: ("post", Rate), to: ("floor-post", Rate) },
    Ratio { of: ("post-limited", Rate), to: ("post", Rate) },
    Ratio { of: ("refused", Rate), to: ("floor-post", Rate) },
    Ratio { of: ("rate", Cpu("ingest")), to: ("floor-rate", Cpu("floor")) },
    Ratio { of: ("rate", Cpu("kafka")), to: ("floor-kafka", Cpu("kafka")) },
    Ratio { of: ("get", Rate), to: ("floor-get", Rate) },
];

fn main() {
    if std::env::args().any(|argument| argument == "--serve-floor") {
        return runtime().block_on(floor::serve());
    }
    let is_given = |name: &str| std::env::args().any(|argument| argument == name);
    if is_given("disk") {
        runtime().block_on(disk::measure());
    } else if is_given("cost") {
        runtime().block_on(cost::measure());
    } else {
        runtime().block_on(measure());
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

async fn measure() {
    let rounds = number("ROUNDS", 5);
    let seconds = Duration::from_secs(number("SECONDS_EACH", 5) as u64);
    let setup = Setup::start().await;
    let mut report = Report::default();
    for round in 1..=rounds {
        for name in WORKLOADS.iter().filter(|name| is_selected(name)) {
            let sample = run(name, &setup, &report, seconds).await;
            println!("round {round} {name}: {sample}");
            report.add(name, sample);
        }
    }
    report.print(RATIOS);
    report.save("cluster.json");
    setup.remove().await;
}

async fn run(name: &str, setup: &Setup, report: &Report, seconds: Duration) -> Sample {
    let Setup { floor, ingest, limited, refusing, get, .. } = setup;
    let flat_out = Load { connections: CONNECTIONS, rate: None, seconds };
    let steady = |rate| Load { rate: Some(rate), ..flat_out };
    let entry = &setup.entry;
    match name {
        "floor-post" => flat_out.post(floor, "/logs", entry, 201),
        "post" => flat_out.post(ingest, "/logs", entry, 201),
        "post-limited" => flat_out.post(limited, "/logs", entry, 201),
        "refused" => flat_out.post(refusing, "/logs", entry, 429),
        "floor-rate" => steady(STEADY_RATE).post(floor, "/logs", entry, 201),
        "floor-kafka" => setup.publish_hundreds(STEADY_RATE, seconds).await,
        "rate" => steady(STEADY_RATE).post(ingest, "/logs", entry, 201),
        "half" => {
            let highest = report.median_rate("post").unwrap_or(2.0 * STEADY_RATE as f64);
            steady((highest / 2.0) as usize).post(ingest, "/logs", entry, 201)
        }
        "batch" => {
            let load = Load { connections: 4, ..flat_out };
            load.post(ingest, "/logs/ndjson", &setup.batch, 201).per_entry(BATCH_ENTRIES)
        }
        "batch-gzip" => {
            let load = Load { connections: 4, ..flat_out };
            load.post(ingest, "/logs/ndjson", &setup.gzip, 201).per_entry(BATCH_ENTRIES)
        }
        "floor-get" => flat_out.get(floor, &setup.path),
        "get" => flat_out.get(get, &setup.path),
        "searchable" => freshness::measure(setup, seconds).await,
        "drain" => drain::measure(setup).await,
        _ => unreachable!("{name} is not a workload"),
    }
}

fn is_selected(name: &str) -> bool {
    let Ok(selected) = std::env::var("WORKLOADS") else { return true };
    selected.split_whitespace().any(|prefix| name.starts_with(prefix))
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |number| number.parse().unwrap())
}
