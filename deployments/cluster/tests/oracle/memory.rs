//! The memory of every process of a run: looked at all the time, for processes come and go.

use std::collections::BTreeMap;
use std::fs::read_to_string;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::Server;
use tokio::task::JoinHandle;
use tokio::time::sleep;

const PACE: Duration = Duration::from_secs(2);

/// What a process may have more than when it was first looked at, in MiB.
const BOUND_MIB: u64 = 256;

struct Process {
    name: String,
    first_mib: Option<u64>,
    peak_mib: u64,
}

type Processes = Arc<Mutex<BTreeMap<u32, Process>>>;

/// Looks at processes until it is dropped.
pub(crate) struct Memory {
    processes: Processes,
    watching: JoinHandle<()>,
}

impl Memory {
    pub(crate) fn watch() -> Self {
        let processes = Processes::default();
        let watched = Arc::clone(&processes);
        let watching = tokio::spawn(async move {
            loop {
                sleep(PACE).await;
                look(&mut watched.lock().unwrap());
            }
        });
        Self { processes, watching }
    }

    /// A process from now on.
    pub(crate) fn of(&self, name: &str, server: &Server) {
        let process = Process { name: name.to_owned(), first_mib: None, peak_mib: 0 };
        self.processes.lock().unwrap().insert(server.child.id(), process);
    }

    /// The most that any process had, in MiB.
    pub(crate) fn peak_mib(&self) -> u64 {
        let processes = self.processes.lock().unwrap();
        processes.values().map(|process| process.peak_mib).max().unwrap_or(0)
    }

    /// Those that grew beyond the bound.
    pub(crate) fn grown(&self) -> Vec<String> {
        let processes = self.processes.lock().unwrap();
        let grown = processes.values().filter_map(|Process { name, first_mib, peak_mib }| {
            let first_mib = (*first_mib)?;
            let grown = *peak_mib > first_mib + BOUND_MIB;
            grown.then(|| format!("{name} grew from {first_mib} to {peak_mib} MiB"))
        });
        grown.collect()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn look(processes: &mut BTreeMap<u32, Process>) {
    for (id, process) in processes {
        // The peak so far, so that nothing between two looks is missed. Who has ended has none.
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
