//! A LogPulse process on a free port.

use std::fs::File;
use std::io::{BufRead, BufReader, Write, copy, stderr};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};

/// A process of standalone LogPulse or of a function. Dropping this kills the process.
pub struct Server {
    /// The base URL.
    pub url: String,
    /// The process.
    pub child: Child,
}

impl Server {
    /// Starts standalone LogPulse with this command, and reads its address from the banner.
    pub fn start(command: &mut Command) -> Self {
        command.env("PORT", "0").env("LOG_FORMAT", "text").stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let address = address_after("ready on http://", &mut lines, &mut stderr());
        // Keep reading, so that the server does not block on a full pipe.
        thread::spawn(move || copy(&mut lines, &mut stderr()));
        Self { url: format!("http://{address}"), child }
    }

    /// Starts a function, and reads its address from its log, which is copied to a file.
    pub fn start_function(command: &mut Command, log: &Path) -> Self {
        command.env("PORT", "0").env("LOG_FORMAT", "json").stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut log = File::create(log).unwrap();
        let address = address_after(r#""serving","address":""#, &mut lines, &mut log);
        thread::spawn(move || copy(&mut lines, &mut log));
        Self { url: format!("http://{address}"), child }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Suspends the process until [`resume`](Self::resume).
    pub fn pause(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    /// Resumes the process after [`pause`](Self::pause).
    pub fn resume(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    /// Kills the process with SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM and returns the exit status of the process.
    #[must_use]
    pub fn terminate(mut self) -> ExitStatus {
        kill_process(self.pid(), Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }

    /// The resident memory of the process, in MiB.
    #[must_use]
    pub fn memory_mib(&self) -> u64 {
        self.status_mib("VmRSS")
    }

    /// The resident memory of the process that is not mapped from files, in MiB. The pages of files
    /// are a cache of the operating system, which takes them back when it needs memory.
    #[must_use]
    pub fn anonymous_memory_mib(&self) -> u64 {
        self.status_mib("RssAnon")
    }

    /// The peak memory of the process, in MiB.
    #[must_use]
    pub fn peak_memory_mib(&self) -> u64 {
        self.status_mib("VmHWM")
    }

    fn status_mib(&self, field: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the address that follows `prefix` in a process's output, which is copied to `log`.
fn address_after(prefix: &str, lines: &mut impl BufRead, log: &mut impl Write) -> String {
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        log.write_all(line.as_bytes()).unwrap();
        if let Some((_, after)) = line.split_once(prefix) {
            let end = after.find(|c: char| c.is_whitespace() || c == '"').unwrap();
            return after[..end].to_owned();
        }
        line.clear();
    }
    panic!("the process exited before it was ready");
}
