//! Samples the memory of a run's processes, which may start and exit at any time.

use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::Server;
use tokio::task::JoinHandle;
use tokio::time::sleep;

/// How often memory is sampled.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(2);

/// How much a process may grow after its first sample, in MiB.
const MAX_GROWTH_MIB: u64 = 256;

struct Process {
    name: String,
    first_mib: Option<u64>,
    peak_mib: u64,
}

type Processes = Arc<Mutex<BTreeMap<u32, Process>>>;

/// Samples the memory of processes until it is dropped.
pub(crate) struct MemoryMonitor {
    processes: Processes,
    sampler: JoinHandle<()>,
}

impl MemoryMonitor {
    pub(crate) fn start() -> Self {
        let processes = Processes::default();
        let shared = Arc::clone(&processes);
        let sampler = tokio::spawn(async move {
            loop {
                sleep(SAMPLE_INTERVAL).await;
                sample(&mut shared.lock().unwrap());
            }
        });
        Self { processes, sampler }
    }

    /// Starts sampling a process.
    pub(crate) fn add(&self, name: &str, server: &Server) {
        let process = Process { name: name.to_owned(), first_mib: None, peak_mib: 0 };
        self.processes.lock().unwrap().insert(server.child.id(), process);
    }

    /// The highest peak of all processes, in MiB.
    pub(crate) fn peak_mib(&self) -> u64 {
        let processes = self.processes.lock().unwrap();
        processes.values().map(|process| process.peak_mib).max().unwrap_or(0)
    }

    /// Describes the processes that grew by more than [`MAX_GROWTH_MIB`].
    pub(crate) fn excessive_growth(&self) -> Vec<String> {
        let processes = self.processes.lock().unwrap();
        let growth = processes.values().filter_map(|Process { name, first_mib, peak_mib }| {
            let first_mib = (*first_mib)?;
            let is_excessive = *peak_mib > first_mib + MAX_GROWTH_MIB;
            is_excessive.then(|| format!("{name} grew from {first_mib} to {peak_mib} MiB"))
        });
        growth.collect()
    }
}

impl Drop for MemoryMonitor {
    fn drop(&mut self) {
        self.sampler.abort();
    }
}

fn sample(processes: &mut BTreeMap<u32, Process>) {
    for (id, process) in processes {
        // The kernel tracks the peak, so no peak between two samples is missed. `None` means that
        // the process has exited.
        let Some(mib) = peak_mib(*id) else { continue };
        process.first_mib.get_or_insert(mib);
        process.peak_mib = mib;
    }
}

fn peak_mib(process: u32) -> Option<u64> {
    let status = read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}
