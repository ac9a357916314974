//! What processes report: their CPU time, and how far a consumer is. Also the machine.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use acceptance::{Server, metrics};

/// How often a consumer's progress is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Processes whose CPU time is measured, by name. Several can work under the same name.
#[derive(Clone)]
pub(crate) struct Processes(pub(crate) Vec<(&'static str, Vec<u32>)>);

/// CPU times at the start of a measurement.
pub(crate) struct Started<'a> {
    processes: &'a Processes,
    seconds: Vec<f64>,
    at: Instant,
}

impl Processes {
    pub(crate) fn start(&self) -> Started<'_> {
        Started { processes: self, seconds: self.seconds(), at: Instant::now() }
    }

    fn seconds(&self) -> Vec<f64> {
        self.0.iter().map(|(_, pids)| pids.iter().copied().map(cpu_seconds).sum()).collect()
    }
}

impl Started<'_> {
    /// The elapsed time in seconds, and each process's CPU time since the start, divided by `count`, in
    /// microseconds.
    pub(crate) fn stop(self, count: f64) -> (f64, BTreeMap<&'static str, f64>) {
        let elapsed = self.at.elapsed().as_secs_f64();
        let now = self.processes.seconds();
        let names = self.processes.0.iter().map(|(name, _)| *name);
        let used = now.iter().zip(self.seconds).map(|(now, before)| (now - before) * 1e6 / count);
        (elapsed, names.zip(used).collect())
    }
}

/// The CPU time of a process across all cores.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // User and system time are the 14th and 15th fields, in 1/100 s. The second field is the name.
    let (_, after_name) = stat.rsplit_once(") ").unwrap();
    let times = after_name.split(' ').skip(11).take(2);
    times.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// The processor of this machine.
pub(crate) fn machine() -> String {
    let cores = std::thread::available_parallelism().unwrap();
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split(": ").nth(1)).unwrap_or("an unknown processor");
    format!("{cores} cores of {model}")
}

/// The number of entries that a consumer has written to both sinks.
pub(crate) async fn entries_written(consumer: &Server) -> usize {
    let metrics = reqwest::get(format!("{}/metrics", consumer.url)).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    metrics::total(&metrics, "consumer_entries_total") as usize
}

/// Waits until a consumer has written this many entries since it started.
pub(crate) async fn wait_until_written(consumer: &Server, entries: usize) {
    while entries_written(consumer).await < entries {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Publishes a backlog of this many entries while the consumer is paused. Returns the entries per
/// second from when the consumer continues until it has written all of them.
pub(crate) async fn drain_rate(
    consumer: &Server,
    entries: usize,
    publish: impl Future<Output = ()>,
) -> f64 {
    let before = entries_written(consumer).await;
    consumer.pause();
    publish.await;
    let started = Instant::now();
    consumer.resume();
    wait_until_written(consumer, before + entries).await;
    entries as f64 / started.elapsed().as_secs_f64()
}
