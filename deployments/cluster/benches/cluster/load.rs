//! Load by oha (<https://github.com/hatoo/oha>).

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::NamedTempFile;

use crate::process::Processes;
use crate::report::Sample;

/// A server under load, and the processes that work for it.
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) processes: Processes,
}

/// A request body.
pub(crate) struct Body {
    file: NamedTempFile,
    content_type: &'static str,
    encoding: Option<&'static str>,
}

impl Body {
    pub(crate) fn new(bytes: &[u8], content_type: &'static str) -> Self {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        Self { file, content_type, encoding: None }
    }

    /// Lets oha post the body.
    pub(crate) fn add_to(&self, oha: &mut Command) {
        oha.args(["-m", "POST", "-T", self.content_type, "-D"]).arg(self.file.path());
        if let Some(encoding) = self.encoding {
            oha.args(["-H", &format!("Content-Encoding: {encoding}")]);
        }
    }

    /// The same, compressed.
    pub(crate) fn encoded(self, encoding: &'static str) -> Self {
        Self { encoding: Some(encoding), ..self }
    }
}

/// How requests are sent.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    /// Requests per second; as many as possible without it.
    pub(crate) rate: Option<usize>,
    pub(crate) seconds: Duration,
}

impl Load {
    /// Posts the body again and again. Panics unless all responses have the status.
    pub(crate) fn post(self, target: &Target, path: &str, body: &Body, status: u16) -> Sample {
        let mut oha = self.command();
        body.add_to(&mut oha);
        run(oha, target, path, status)
    }

    pub(crate) fn get(self, target: &Target, path: &str) -> Sample {
        run(self.command(), target, path, 200)
    }

    /// The command without a URL.
    pub(crate) fn command(self) -> Command {
        let mut oha = Command::new("oha");
        oha.args(["--no-tui", "--output-format", "json", "--wait-ongoing-requests-after-deadline"]);
        oha.args(["-c", &self.connections.to_string()]);
        oha.args(["-z", &format!("{}s", self.seconds.as_secs())]);
        if let Some(rate) = self.rate {
            oha.args(["-q", &rate.to_string(), "--latency-correction"]);
        }
        oha
    }
}

fn run(mut oha: Command, target: &Target, path: &str, status: u16) -> Sample {
    let started = target.processes.start();
    let output = oha.arg(format!("{}{path}", target.url)).output();
    let output = output.unwrap_or_else(|error| panic!("cargo install --locked oha ({error})"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_statuses(&result, status);
    let requests = result["statusCodeDistribution"][status.to_string()].as_f64().unwrap();
    let (_, cpu) = started.stop(requests);
    let percentile = |name: &str| result["latencyPercentiles"][name].as_f64().unwrap() * 1000.0;
    Sample {
        rate: requests / result["summary"]["total"].as_f64().unwrap(),
        latencies: Some(["p50", "p95", "p99", "p99.9"].map(percentile)),
        cpu,
    }
}

/// Asserts that no request failed and that all have the status, except for the few that find a token
/// in an almost empty bucket.
fn assert_statuses(result: &Value, expected: u16) {
    let statuses = result["statusCodeDistribution"].as_object().unwrap();
    let count = |statuses: &mut dyn Iterator<Item = (&String, &Value)>| -> f64 {
        statuses.map(|(_, count)| count.as_f64().unwrap()).sum()
    };
    let others = count(&mut statuses.iter().filter(|(status, _)| **status != expected.to_string()));
    let all = count(&mut statuses.iter());
    let tolerated = if expected == 429 { all / 100.0 } else { 0.0 };
    assert!(others <= tolerated, "expected {expected}: {}", result["statusCodeDistribution"]);
    let errors = result["errorDistribution"].as_object().unwrap();
    // Requests that are in flight at the end are cancelled.
    assert!(errors.keys().all(|error| error.contains("deadline")), "{errors:?}");
}
