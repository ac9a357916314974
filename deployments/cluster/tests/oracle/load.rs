//! The load: writers post numbered entries and record the outcome of each. An entry's content is
//! derived from its number. No entry is sent twice.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::Api;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

const WRITERS: u64 = 8;

/// How often a writer sends a request. Every third request is a batch: about 1,200 entries/s in
/// total.
const SEND_INTERVAL: Duration = Duration::from_millis(120);
const BATCH_ENTRIES: u64 = 50;

/// One in this many entries is invalid.
const INVALID_EVERY: u64 = 37;

/// One in this many entries is long.
const LONG_EVERY: u64 = 101;

const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// The outcome of posting an entry, as far as the client knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Accepted with this id.
    Acknowledged(String),
    /// Rejected, either by a 4xx response or as a line of a batch.
    Rejected,
    /// No usable response, or a 503 or 504; the entry may have been accepted.
    Unknown,
}

/// The number of entries with each outcome.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) acknowledged: u64,
    pub(crate) rejected: u64,
    pub(crate) unknown: u64,
}

/// All entries that were sent, and their outcomes.
pub(crate) struct Ledger {
    /// The service name of all entries.
    pub(crate) service: String,
    next: AtomicU64,
    outcomes: Mutex<Vec<(u64, Outcome)>>,
    stopped: AtomicBool,
}

impl Ledger {
    pub(crate) fn new(service: String) -> Self {
        let (next, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { service, next, outcomes: Mutex::default(), stopped }
    }

    /// The unique message of an entry.
    pub(crate) fn message(&self, number: u64) -> String {
        let long = if number.is_multiple_of(LONG_EVERY) {
            "long text ".repeat(400)
        } else {
            String::new()
        };
        format!("{} {number}: \"naïve\" \\ 日本\n\t{long}\u{0}end", self.service)
    }

    /// The entry with this number as it must be stored, without its id.
    pub(crate) fn entry(&self, number: u64) -> Value {
        let level = LEVELS[usize::try_from(number).unwrap() % LEVELS.len()];
        let (minute, second, micros) = (number / 60 % 60, number % 60, number * 7919 % 1_000_000);
        let mut entry = json!({
            "service_name": self.service,
            "level": level,
            "timestamp": format!("2024-06-14T12:{minute:02}:{second:02}.{micros:06}Z"),
            "message": self.message(number),
            "attributes": {"number": number, "host": {"name": "wéb", "tags": [1, null, "x"]}},
        });
        if number.is_multiple_of(2) {
            entry["trace_id"] = json!(format!("{number:032x}"));
            entry["span_id"] = json!(format!("{number:016x}"));
        }
        entry
    }

    /// The entry with this number as it is posted.
    fn posted_entry(&self, number: u64) -> Value {
        let mut entry = self.entry(number);
        if is_invalid(number) {
            entry["timestamp"] = json!("yesterday");
        }
        entry
    }

    /// The entries acknowledged so far: their numbers and ids.
    pub(crate) fn acknowledged(&self) -> Vec<(u64, String)> {
        let mut acknowledged = Vec::new();
        for (number, outcome) in self.outcomes.lock().unwrap().iter() {
            if let Outcome::Acknowledged(id) = outcome {
                acknowledged.push((*number, id.clone()));
            }
        }
        acknowledged
    }

    /// Counts the outcomes so far.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (_, outcome) in self.outcomes.lock().unwrap().iter() {
            match outcome {
                Outcome::Acknowledged(_) => tally.acknowledged += 1,
                Outcome::Rejected => tally.rejected += 1,
                Outcome::Unknown => tally.unknown += 1,
            }
        }
        tally
    }

    /// The outcomes of all entries.
    pub(crate) fn outcomes(&self) -> Vec<(u64, Outcome)> {
        let outcomes = self.outcomes.lock().unwrap().clone();
        assert_eq!(
            outcomes.len() as u64,
            self.next.load(Ordering::Relaxed),
            "some entries have no outcome"
        );
        outcomes
    }

    /// Reserves the next `count` numbers for one writer.
    pub(crate) fn reserve(&self, count: u64) -> Range<u64> {
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        first..first + count
    }

    /// Records the outcomes of the entries with these numbers.
    pub(crate) fn record(&self, numbers: Range<u64>, outcomes: Vec<Outcome>) {
        self.outcomes.lock().unwrap().extend(numbers.zip(outcomes));
    }
}

/// Whether the entry with this number is posted with an invalid timestamp.
pub(crate) fn is_invalid(number: u64) -> bool {
    number.is_multiple_of(INVALID_EVERY)
}

/// Running writers.
pub(crate) struct Load {
    ledger: Arc<Ledger>,
    writers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts writers that post to the `ingest` processes in turn.
    pub(crate) fn start(ingests: &[Api], ledger: Arc<Ledger>) -> Self {
        let writer = |first| tokio::spawn(write(ingests.to_vec(), Arc::clone(&ledger), first));
        let writers = (0..WRITERS).map(writer).collect();
        Self { ledger, writers }
    }

    /// Stops the writers and waits for their requests to finish.
    pub(crate) async fn stop(self) {
        self.ledger.stopped.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.unwrap();
        }
    }
}

async fn write(ingests: Vec<Api>, ledger: Arc<Ledger>, first_turn: u64) {
    let mut ticks = interval(SEND_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for turn in first_turn.. {
        ticks.tick().await;
        if ledger.stopped.load(Ordering::Relaxed) {
            return;
        }
        let api = &ingests[usize::try_from(turn).unwrap() % ingests.len()];
        let numbers = ledger.reserve(if turn.is_multiple_of(3) { BATCH_ENTRIES } else { 1 });
        let outcomes = post(api, &ledger, numbers.clone()).await;
        ledger.record(numbers, outcomes);
    }
}

/// Posts the entries; returns the outcome of each.
async fn post(api: &Api, ledger: &Ledger, numbers: Range<u64>) -> Vec<Outcome> {
    let count = usize::try_from(numbers.end - numbers.start).unwrap();
    let mut entries: Vec<Value> = numbers.map(|number| ledger.posted_entry(number)).collect();
    let (path, body) = match count {
        1 => ("/logs", entries.remove(0)),
        _ => ("/logs/batch?ids=true", Value::from(entries)),
    };
    let Ok(response) = api.try_post(path, "application/json", body.to_string()).await else {
        return vec![Outcome::Unknown; count];
    };
    match response.status() {
        StatusCode::CREATED => outcomes_of(response, count).await,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            vec![Outcome::Unknown; count]
        }
        status if status.is_client_error() => vec![Outcome::Rejected; count],
        status => panic!("ingest returned {status}: {:?}", response.text().await),
    }
}

/// Returns the outcome of each entry in a request that was accepted.
async fn outcomes_of(response: Response, count: usize) -> Vec<Outcome> {
    let Ok(saved) = response.json::<Value>().await else { return vec![Outcome::Unknown; count] };
    let ids = saved["ids"].as_array().cloned().unwrap_or_else(|| vec![saved["id"].clone()]);
    assert_eq!(ids.len(), count, "each line should have an id or null");
    let outcome = |id: &Value| match id.as_str() {
        Some(id) => Outcome::Acknowledged(id.to_owned()),
        None => Outcome::Rejected,
    };
    ids.iter().map(outcome).collect()
}
