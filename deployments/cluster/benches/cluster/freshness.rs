//! The time from the acknowledgement of an entry until a search finds it, while others arrive.

use std::process::Stdio;
use std::time::Duration;

use acceptance::{Api, TIMEOUT, unique};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::load::Load;
use crate::report::Sample;
use crate::setup::Setup;

/// Entries per second that arrive meanwhile.
const ARRIVING: usize = 1000;

/// The pause between searches for an entry.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The pause between entries that are searched for. It shares no divisor with the interval of
/// refreshes.
const PROBE_INTERVAL: Duration = Duration::from_millis(73);

pub(crate) async fn measure(setup: &Setup, seconds: Duration) -> Sample {
    let load = Load { connections: 16, rate: Some(ARRIVING), seconds: seconds * 2 };
    let mut oha = load.command();
    setup.entry.add_to(&mut oha);
    oha.arg(format!("{}/logs", setup.saving.url)).stdout(Stdio::null());
    let mut oha = oha.spawn().unwrap();
    let until = Instant::now() + seconds * 2;
    let mut probes = Vec::new();
    while Instant::now() < until {
        probes.push(tokio::spawn(probe(Api::new(&setup.saving.url), Api::new(&setup.search.url))));
        sleep(PROBE_INTERVAL).await;
    }
    let mut latencies = Vec::new();
    for probe in probes {
        latencies.push(probe.await.unwrap());
    }
    assert!(oha.wait().unwrap().success());
    latencies.sort_by(f64::total_cmp);
    let quantile = |share: f64| {
        let position = ((latencies.len() - 1) as f64 * share).round() as usize;
        latencies[position]
    };
    let latencies = [0.5, 0.95, 0.99, 0.999].map(quantile);
    Sample { rate: ARRIVING as f64, latencies: Some(latencies), cpu: [].into() }
}

/// Posts an entry, and searches for it until it is found. Returns how long that took, in
/// milliseconds.
async fn probe(ingest: Api, search: Api) -> f64 {
    let service = unique("probe");
    let entry = json!({"service_name": service, "message": "probe"}).to_string();
    let saved = ingest.post("/logs", "application/json", entry).await;
    assert_eq!(saved.status(), 201);
    let acknowledged = Instant::now();
    while search.search(&[("service_name", &service)]).await["total"] != 1 {
        assert!(acknowledged.elapsed() < TIMEOUT, "the entry is not found");
        sleep(POLL_INTERVAL).await;
    }
    acknowledged.elapsed().as_secs_f64() * 1000.0
}
