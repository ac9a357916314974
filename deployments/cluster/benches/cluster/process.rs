//! The CPU time of processes, and the machine that they run on.

use std::time::Instant;

/// Processes whose CPU time is measured, by name.
#[derive(Clone)]
pub(crate) struct Processes(pub(crate) Vec<(&'static str, u32)>);

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
        self.0.iter().map(|(_, pid)| cpu_seconds(*pid)).collect()
    }
}

impl Started<'_> {
    /// The elapsed time, and each process's CPU time since the start, in seconds.
    pub(crate) fn stop(self) -> (f64, Vec<(&'static str, f64)>) {
        let elapsed = self.at.elapsed().as_secs_f64();
        let now = self.processes.seconds();
        let names = self.processes.0.iter().map(|(name, _)| *name);
        let used = now.iter().zip(self.seconds).map(|(now, before)| now - before);
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
