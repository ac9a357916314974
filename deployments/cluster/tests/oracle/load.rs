//! The load: writers post entries that follow from their number alone, and keep what became of each.
//! Nothing is ever sent twice.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance::{Api, unique};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

const WRITERS: u64 = 8;

/// How often a writer sends. Every third request is a batch: some 1,200 entries a second in all.
const PACE: Duration = Duration::from_millis(120);
const BATCH: u64 = 50;

/// One entry of so many is bad.
const BAD: u64 = 37;

/// One entry of so many is long.
const LONG: u64 = 101;

const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// What the client was told about an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has this id.
    Acknowledged(String),
    /// It was refused with a 4xx, or as a line of a batch.
    Refused,
    /// 503, 504, or no answer: it may be there once.
    Unknown,
}

/// How many entries had each outcome.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) acknowledged: u64,
    pub(crate) refused: u64,
    pub(crate) unknown: u64,
}

/// What was sent, and what the client knows about it.
pub(crate) struct Known {
    /// The service of every entry.
    pub(crate) service: String,
    next: AtomicU64,
    outcomes: Mutex<Vec<(u64, Outcome)>>,
    stopped: AtomicBool,
}

impl Known {
    pub(crate) fn new(service: String) -> Self {
        let (next, stopped) = (AtomicU64::new(0), AtomicBool::new(false));
        Self { service, next, outcomes: Mutex::default(), stopped }
    }

    /// The message of an entry; no other entry has it.
    pub(crate) fn message(&self, number: u64) -> String {
        let long =
            if number.is_multiple_of(LONG) { "all of it ".repeat(400) } else { String::new() };
        format!("{} {number}: \"naïve\" \\ 日本\n\t{long}\u{0}end", self.service)
    }

    /// The entry with this number as it must be kept, but for its id.
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

    /// The entry with this number as it is sent.
    fn sent(&self, number: u64) -> Value {
        let mut entry = self.entry(number);
        if is_bad(number) {
            entry["timestamp"] = json!("yesterday");
        }
        entry
    }

    /// The ids that were acknowledged so far, each with its entry's number.
    pub(crate) fn acknowledged(&self) -> Vec<(u64, String)> {
        let mut acknowledged = Vec::new();
        for (number, outcome) in self.outcomes.lock().unwrap().iter() {
            if let Outcome::Acknowledged(id) = outcome {
                acknowledged.push((*number, id.clone()));
            }
        }
        acknowledged
    }

    /// What became of how many entries so far.
    pub(crate) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (_, outcome) in self.outcomes.lock().unwrap().iter() {
            match outcome {
                Outcome::Acknowledged(_) => tally.acknowledged += 1,
                Outcome::Refused => tally.refused += 1,
                Outcome::Unknown => tally.unknown += 1,
            }
        }
        tally
    }

    /// The outcome of every entry that was sent.
    pub(crate) fn outcomes(&self) -> Vec<(u64, Outcome)> {
        let outcomes = self.outcomes.lock().unwrap().clone();
        assert_eq!(outcomes.len() as u64, self.next.load(Ordering::Relaxed), "each has an outcome");
        outcomes
    }

    /// Numbers that nobody else sends.
    pub(crate) fn take(&self, count: u64) -> Range<u64> {
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        first..first + count
    }

    /// Keeps what became of them.
    pub(crate) fn keep(&self, numbers: Range<u64>, outcomes: Vec<Outcome>) {
        self.outcomes.lock().unwrap().extend(numbers.zip(outcomes));
    }
}

/// Whether the entry with this number is sent with a timestamp that is none.
pub(crate) fn is_bad(number: u64) -> bool {
    number.is_multiple_of(BAD)
}

/// Writers at work.
pub(crate) struct Load {
    pub(crate) known: Arc<Known>,
    writers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Writers that send to each `ingest` in turn.
    pub(crate) fn start(ingests: &[Api]) -> Self {
        let known = Arc::new(Known::new(unique("oracle")));
        let writer = |first| tokio::spawn(write(ingests.to_vec(), Arc::clone(&known), first));
        let writers = (0..WRITERS).map(writer).collect();
        Self { known, writers }
    }

    /// Waits until every request is answered.
    pub(crate) async fn stop(self) -> Arc<Known> {
        self.known.stopped.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.unwrap();
        }
        self.known
    }
}

async fn write(ingests: Vec<Api>, known: Arc<Known>, first_turn: u64) {
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for turn in first_turn.. {
        ticks.tick().await;
        if known.stopped.load(Ordering::Relaxed) {
            return;
        }
        let api = &ingests[usize::try_from(turn).unwrap() % ingests.len()];
        let numbers = known.take(if turn.is_multiple_of(3) { BATCH } else { 1 });
        let outcomes = post(api, &known, numbers.clone()).await;
        known.keep(numbers, outcomes);
    }
}

/// Sends the entries, and answers what becomes of each.
async fn post(api: &Api, known: &Known, numbers: Range<u64>) -> Vec<Outcome> {
    let count = usize::try_from(numbers.end - numbers.start).unwrap();
    let mut entries: Vec<Value> = numbers.map(|number| known.sent(number)).collect();
    let (path, body) = match count {
        1 => ("/logs", entries.remove(0)),
        _ => ("/logs/batch?ids=true", Value::from(entries)),
    };
    let Ok(answer) = api.try_post(path, "application/json", body.to_string()).await else {
        return vec![Outcome::Unknown; count];
    };
    match answer.status() {
        StatusCode::CREATED => saved(answer, count).await,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            vec![Outcome::Unknown; count]
        }
        status if status.is_client_error() => vec![Outcome::Refused; count],
        status => panic!("ingest answered {status}: {:?}", answer.text().await),
    }
}

async fn saved(answer: Response, count: usize) -> Vec<Outcome> {
    let Ok(saved) = answer.json::<Value>().await else { return vec![Outcome::Unknown; count] };
    let ids = saved["ids"].as_array().cloned().unwrap_or_else(|| vec![saved["id"].clone()]);
    assert_eq!(ids.len(), count, "an id or null a line");
    let outcome = |id: &Value| match id.as_str() {
        Some(id) => Outcome::Acknowledged(id.to_owned()),
        None => Outcome::Refused,
    };
    ids.iter().map(outcome).collect()
}
