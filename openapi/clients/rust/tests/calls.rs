mod support;

use chrono::Utc;
use logpulse_client::types::{BatchSaved, NewLogEntry, SearchPage, Sort};
use serde_json::{Map, Value};
use support::{SERVICE, VERSION_4, client, entry, unique_word, until};

#[tokio::test]
async fn saves_one_entry_and_gets_it() {
    let logpulse = client("LOGPULSE_URL");
    let attributes: Map<String, Value> = Map::from_iter([("order".to_owned(), 4711.into())]);
    let body =
        NewLogEntry { level: Some("error".into()), attributes: Some(attributes.clone()), ..entry("card declined") };
    let saved = logpulse.save_log().body(body).send().await.unwrap();
    assert_eq!(saved.message, "Log saved");

    let stored = logpulse.get_log().id(saved.id).prefer("wait=10").send().await.unwrap();
    assert_eq!(stored.id, saved.id);
    assert_eq!(stored.service_name.as_str(), SERVICE);
    assert_eq!(stored.level, "ERROR");
    assert_eq!(stored.message, "card declined");
    assert_eq!(stored.attributes, attributes);
    let age = Utc::now() - stored.timestamp;
    assert!(age.num_seconds().abs() < 60, "{age}");
}

#[tokio::test]
async fn saves_a_batch_and_reports_the_bad_entry() {
    let bad = NewLogEntry { id: Some(VERSION_4), ..entry("second") };
    let batch = client("LOGPULSE_URL")
        .save_logs()
        .ids(true)
        .body(vec![entry("first"), bad, entry("third")])
        .send()
        .await
        .unwrap();
    assert_eq!((batch.accepted, batch.rejected), (2, 1));
    assert_eq!(errors(&batch), [(2, "id: must be a UUIDv7")]);
    assert_eq!(accepted(&batch), [true, false, true]);
}

#[tokio::test]
async fn saves_ndjson() {
    let lines = "{\"service_name\": \"payment\", \"message\": \"first\"}\n{\"service_name\": \"payment\"}\n";
    let batch = client("LOGPULSE_URL").save_logs_ndjson().ids(true).body(lines).send().await.unwrap();
    assert_eq!((batch.accepted, batch.rejected), (1, 1));
    assert_eq!(errors(&batch), [(2, "message: is required")]);
    assert_eq!(accepted(&batch), [true, false]);
}

#[tokio::test]
async fn searches_by_words_and_two_levels() {
    let logpulse = client("LOGPULSE_URL");
    let word = unique_word();
    let entries = ["error", "warn", "info"]
        .map(|level| NewLogEntry { level: Some(level.into()), ..entry(format!("{word} {level}")) });
    save(entries.into()).await;

    let search = async || -> SearchPage {
        let levels = vec!["ERROR".parse().unwrap(), "WARN".parse().unwrap()];
        let services = vec![SERVICE.parse().unwrap()];
        let search = logpulse.search_logs().q(word.as_str()).level(levels).service_name(services).sort(Sort::Oldest);
        search.send().await.unwrap().into_inner()
    };
    let page = until(search, |page| page.total == 2).await;
    let found: Vec<_> = page.data.iter().map(|entry| format!("{}: {}", entry.level, entry.message)).collect();
    assert_eq!(found, [format!("ERROR: {word} error"), format!("WARN: {word} warn")]);
}

#[tokio::test]
async fn pages_through_all_hits() {
    let logpulse = client("LOGPULSE_URL");
    let word = unique_word();
    save((1..=5).map(|number| entry(format!("{word} {number}"))).collect()).await;
    let total = async || logpulse.search_logs().q(word.as_str()).send().await.unwrap().total;
    assert_eq!(until(total, |total| *total == 5).await, 5);

    let mut pages = Vec::new();
    let mut cursor = None;
    loop {
        let mut search = logpulse.search_logs().q(word.as_str()).sort(Sort::Oldest).limit(2);
        if let Some(cursor) = cursor.take() {
            search = search.cursor(cursor);
        }
        let page = search.send().await.unwrap().into_inner();
        pages.push(page.data.iter().map(|entry| entry.message.replace(&word, "")).collect::<String>());
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(pages, [" 1 2", " 3 4", " 5"]);
}

async fn save(entries: Vec<NewLogEntry>) {
    let batch = client("LOGPULSE_URL").save_logs().body(entries).send().await.unwrap();
    assert_eq!(batch.rejected, 0);
}

fn errors(batch: &BatchSaved) -> Vec<(u64, &str)> {
    batch.errors.iter().map(|error| (error.line.get(), error.detail.as_str())).collect()
}

/// Returns, for each entry in a batch, whether it got an id.
fn accepted(batch: &BatchSaved) -> Vec<bool> {
    batch.ids.iter().map(Option::is_some).collect()
}
