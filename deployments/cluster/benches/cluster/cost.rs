//! `make bench-cost`: the CPU time that an entry costs in each part of the running cluster, from nginx
//! to the index. Requests have one entry each.

use std::time::Duration;

use acceptance::Api;
use cluster::{base_url, compose, docker, round_trip};

use crate::entries::{Rng, entry};
use crate::load::{Body, Load, Target};
use crate::process::Processes;
use crate::report::{Report, Sample};
use crate::{CONNECTIONS, STEADY_RATE, number};

/// The parts that an entry passes.
const PARTS: [&str; 7] = ["nginx", "ingest", "redis", "kafka", "consumer", "mysql", "opensearch"];

pub(crate) async fn measure() {
    let Some(url) = base_url("the cost of an entry") else { return };
    let processes = Processes(PARTS.map(|part| (part, processes_of(part))).into());
    let api = Api::new(&url);
    let target = Target { url, processes: Processes(Vec::new()) };
    let body = Body::new(entry(&mut Rng::new(1)).as_bytes(), "application/json");
    let seconds = Duration::from_secs(number("SECONDS_EACH", 15) as u64);
    let mut report = Report::default();
    for round in 1..=number("ROUNDS", 5) {
        let started = processes.start();
        let load = Load { connections: CONNECTIONS, rate: Some(STEADY_RATE), seconds };
        let sample = load.post(&target, "/logs", &body, 201);
        // The entries before this one have been indexed once it is found.
        round_trip(&api).await;
        let (_, mut cpu) = started.stop(sample.rate * seconds.as_secs_f64());
        cpu.insert("all parts", cpu.values().sum());
        let sample = Sample { cpu, ..sample };
        println!("round {round}: {sample}");
        report.add("cost", sample);
    }
    report.print(&[]);
    report.save("cost.json");
}

/// The processes in the containers of a service.
fn processes_of(service: &str) -> Vec<u32> {
    let containers = String::from_utf8(compose(&["ps", "-q", service]).stdout).unwrap();
    let pids = containers.lines().flat_map(|container| {
        let listed = docker(&["top", container, "-eo", "pid"]);
        listed.lines().skip(1).map(|pid| pid.trim().parse().unwrap()).collect::<Vec<u32>>()
    });
    pids.collect()
}
