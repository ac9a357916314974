//! The results of all rounds.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde_json::{Value, json};

use crate::median::median;
use crate::process::machine;
use crate::results::save;

/// What a run of a workload showed.
pub(crate) struct Sample {
    /// Requests or entries per second.
    pub(crate) rate: f64,
    /// p50, p95, p99 and p99.9 in milliseconds.
    pub(crate) latencies: Option<[f64; 4]>,
    /// CPU time of each process, in microseconds per request or entry.
    pub(crate) cpu: BTreeMap<&'static str, f64>,
}

impl Sample {
    /// The same, by entry instead of by request.
    pub(crate) fn per_entry(self, entries: usize) -> Self {
        let cpu = self.cpu.into_iter().map(|(name, micros)| (name, micros / entries as f64));
        Self { rate: self.rate * entries as f64, cpu: cpu.collect(), ..self }
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0}/s", self.rate)?;
        if let Some([p50, p95, p99, p999]) = self.latencies {
            write!(f, ", p50 {p50:.1} p95 {p95:.1} p99 {p99:.1} p99.9 {p999:.1} ms")?;
        }
        self.cpu.iter().try_for_each(|(name, micros)| write!(f, ", {name} {micros:.1} µs"))
    }
}

/// A number of a sample.
#[derive(Clone, Copy)]
pub(crate) enum Metric {
    Rate,
    /// The CPU time of a process.
    Cpu(&'static str),
}

impl Metric {
    fn of(self, sample: &Sample) -> f64 {
        match self {
            Self::Rate => sample.rate,
            Self::Cpu(process) => sample.cpu[process],
        }
    }
}

/// A metric of a workload, compared with one of another workload in the same round.
pub(crate) struct Ratio {
    pub(crate) of: (&'static str, Metric),
    pub(crate) to: (&'static str, Metric),
}

/// The samples of each workload.
#[derive(Default)]
pub(crate) struct Report(BTreeMap<&'static str, Vec<Sample>>);

impl Report {
    pub(crate) fn add(&mut self, name: &'static str, sample: Sample) {
        self.0.entry(name).or_default().push(sample);
    }

    pub(crate) fn median_rate(&self, name: &str) -> Option<f64> {
        Some(median(self.0.get(name)?.iter().map(|sample| sample.rate)))
    }

    pub(crate) fn print(&self, ratios: &[Ratio]) {
        println!("\n{}", machine());
        for (name, samples) in &self.0 {
            println!("{name}: {}", summary(samples));
        }
        for Ratio { of: (name, of), to: (floor, to) } in ratios {
            let (Some(samples), Some(floors)) = (self.0.get(name), self.0.get(floor)) else {
                continue;
            };
            let rounds = samples.iter().zip(floors);
            let ratios = rounds.map(|(sample, floor)| of.of(sample) / to.of(floor));
            let (least, most) = range(ratios.clone());
            let metric = match of {
                Metric::Rate => "rate".to_owned(),
                Metric::Cpu(process) => format!("CPU of {process}"),
            };
            println!("{name} / {floor}, {metric}: {:.2} ({least:.2} to {most:.2})", median(ratios));
        }
    }

    /// Writes the samples of all rounds to a file with this name.
    pub(crate) fn save(&self, file: &str) {
        let samples = self.0.iter().map(|(name, samples)| {
            let samples = samples.iter().map(|sample| {
                json!({"rate": sample.rate, "latencies_ms": sample.latencies, "cpu_micros": sample.cpu})
            });
            ((*name).to_owned(), samples.collect())
        });
        let samples: serde_json::Map<String, Value> = samples.collect();
        save(file, &json!({"machine": machine(), "workloads": samples}));
    }
}

fn summary(samples: &[Sample]) -> String {
    let rates = samples.iter().map(|sample| sample.rate);
    let (least, most) = range(rates.clone());
    let mut text = format!("{:.0}/s ({least:.0} to {most:.0})", median(rates));
    if samples.iter().all(|sample| sample.latencies.is_some()) {
        for (position, name) in ["p50", "p95", "p99", "p99.9"].into_iter().enumerate() {
            let values = samples.iter().filter_map(|sample| Some(sample.latencies?[position]));
            write!(text, ", {name} {:.1} ms", median(values)).unwrap();
        }
    }
    for name in samples[0].cpu.keys() {
        let values = samples.iter().filter_map(|sample| sample.cpu.get(name).copied());
        let (least, most) = range(values.clone());
        let median = median(values);
        write!(text, ", {name} {median:.1} µs ({least:.1} to {most:.1})").unwrap();
    }
    text
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(least, most), value| (value.min(least), value.max(most)))
}
