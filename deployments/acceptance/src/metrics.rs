//! Checks the output of `/metrics`.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

/// Lints metrics with `promtool check metrics`. Does nothing if promtool is not installed, unless
/// `PROMTOOL=required` is set.
pub fn lint(metrics: &str) {
    let mut command = Command::new("promtool");
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let promtool = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let Ok(mut promtool) = promtool else {
        let required = std::env::var("PROMTOOL").is_ok_and(|value| value == "required");
        assert!(!required, "promtool is not installed (Debian package prometheus)");
        return;
    };
    promtool.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let findings = [output.stdout, output.stderr].concat();
    assert!(
        output.status.success() && findings.is_empty(),
        "{}",
        String::from_utf8_lossy(&findings)
    );
}

/// Returns the sum of all series of a counter.
#[must_use]
pub fn total(metrics: &str, counter: &str) -> u64 {
    let is_of_counter = |series: &str| series.split('{').next() == Some(counter);
    let samples = metrics.lines().filter_map(|line| line.rsplit_once(' '));
    let samples = samples.filter(|(series, _)| is_of_counter(series));
    samples.map(|(_, value)| value.parse::<u64>().unwrap()).sum()
}

/// Returns the series of all counters, each as its name and labels.
#[must_use]
pub fn counters(metrics: &str) -> BTreeSet<String> {
    let series = metrics.lines().filter(|line| !line.starts_with('#'));
    let series = series.filter_map(|line| line.rsplit_once(' ')).map(|(series, _)| series);
    let is_counter = |series: &&str| series.split('{').next().unwrap().ends_with("_total");
    series.filter(is_counter).map(str::to_owned).collect()
}
