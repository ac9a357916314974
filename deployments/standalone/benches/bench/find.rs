//! Measures how reliably search finds parts of real log lines. Samples parts of the messages, and
//! compares the total of each search with that of a scan of all entries.

use std::path::Path;
use std::time::{Duration, Instant};

use acceptance::Api;
use serde_json::Value;
use shared::query::{Subject, parse};
use shared::search::SearchHits;
use shared::{Arrival, LogEntry, NewLogEntry, Timestamp};

use crate::entries::{BATCH_ENTRIES, Rng};
use crate::folder;
use crate::samples::{Kind, index};

const SAMPLES: usize = 1000;

/// The number of generated entries with messages in Chinese characters.
const CHINESE_ENTRIES: usize = 2000;

/// The maximum number of wrong results that are printed for each kind of sample.
const MAX_SHOWN_RESULTS: usize = 5;

/// Measures searches for the entries in the folder's `.ndjson` files, and for generated entries in
/// Chinese characters.
pub(crate) async fn find(url: &str, folder: &Path) {
    let arrival = Arrival::new(Timestamp::now());
    let mut rng = Rng::new(7);
    let ideographs: Vec<String> = (0..CHINESE_ENTRIES).map(|_| ideographs(&mut rng)).collect();
    let lines = folder::read(folder).into_iter().flatten().chain(ideographs);
    let entries: Vec<LogEntry> = (0..)
        .zip(lines)
        .map(|(number, line)| {
            let new = NewLogEntry::from_json(line.as_bytes()).expect("failed to parse an entry");
            new.arrive(&arrival, number).expect("an entry is invalid")
        })
        .collect();
    let api = Api::new(url);
    send(&api, &entries).await;

    let subjects: Vec<Subject<'_>> = entries.iter().map(Subject::new).collect();
    for kind in Kind::ALL {
        measure(&api, &entries, &subjects, kind, &mut rng).await;
    }
}

/// An entry with a message of 8 to 30 of the first 2,000 Chinese characters in Unicode.
fn ideographs(rng: &mut Rng) -> String {
    let length = 8 + index(rng, 23);
    let character = |_| char::from_u32(0x4e00 + index(rng, 2000) as u32);
    let message: String = (0..length).filter_map(character).collect();
    format!(r#"{{"service_name":"ideographs","message":"{message}"}}"#)
}

async fn send(api: &Api, entries: &[LogEntry]) {
    for batch in entries.chunks(BATCH_ENTRIES) {
        let lines: Vec<Vec<u8>> = batch.iter().map(LogEntry::to_json).collect();
        let response = api.post("/logs/batch", "application/x-ndjson", lines.join(&b'\n')).await;
        assert_eq!(response.status(), 201, "a batch was not accepted");
    }
    let last = entries.last().expect("there are no entries").id.to_string();
    let deadline = Instant::now() + Duration::from_mins(1);
    while search(api, &format!("id:{last}")).await == 0 {
        assert!(Instant::now() < deadline, "the entries are not searchable after a minute");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Searches for samples of one kind. Prints how many were found and how many totals equal those of
/// the scan. A sample is found if its entry matches in the scan and the search has hits.
async fn measure(
    api: &Api,
    entries: &[LogEntry],
    subjects: &[Subject<'_>],
    kind: Kind,
    rng: &mut Rng,
) {
    let (mut samples, mut found, mut exact, mut shown) = (0, 0, 0, 0);
    let mut times = Vec::new();
    for _ in 0..SAMPLES * 20 {
        let position = index(rng, entries.len());
        let Some(query) = kind.sample(&entries[position].message, rng) else { continue };
        samples += 1;
        let started = Instant::now();
        let hits = search(api, &query).await;
        times.push(started.elapsed());
        let condition = parse(&query, false, Timestamp::now());
        let matching: Vec<usize> = match &condition {
            Ok(condition) => {
                let all = subjects.iter().enumerate();
                all.filter(|(_, subject)| condition.matches(subject)).map(|(at, _)| at).collect()
            }
            Err(_) => Vec::new(),
        };
        let total = SearchHits::MAX_TOTAL.min(matching.len() as u64);
        exact += usize::from(hits == total);
        let is_found = matching.contains(&position) && hits > 0;
        found += usize::from(is_found);
        if (!is_found || hits != total) && shown < MAX_SHOWN_RESULTS {
            shown += 1;
            println!("  {query:?}: {hits} hits, {total} expected, {:?}", condition.err());
        }
        if samples == SAMPLES {
            break;
        }
    }
    times.sort_unstable();
    let quantile =
        |percent: usize| times.get(times.len() * percent / 100).copied().unwrap_or_default();
    println!(
        "{}: {found} of {samples} found, {exact} totals exact, p50 {:.1?}, p95 {:.1?}",
        kind.name(),
        quantile(50),
        quantile(95),
    );
}

async fn search(api: &Api, query: &str) -> u64 {
    let response = api.http.get(api.url("/logs/search")).query(&[("q", query), ("limit", "1")]);
    let response = response.send().await.expect("the server did not respond");
    let page: Value = response.json().await.expect("the response is not JSON");
    page["total"].as_u64().unwrap_or_default()
}
