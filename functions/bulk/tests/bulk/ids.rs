use shared::log_entry::Arrival;
use shared::{LogEntry, Timestamp};

use crate::support::Bulk;

/// Saves a document twice, and returns both entries.
async fn save_twice(action: &str, document: &str) -> [LogEntry; 2] {
    let bulk = Bulk::open().await;
    let lines = format!("{action}\n{document}\n");
    let first = bulk.save(&lines).await;
    let second = bulk.save(&lines).await;
    [first, second].map(|mut entries| entries.remove(0))
}

#[tokio::test]
async fn a_document_with_an_id_that_is_sent_again_is_the_same_entry() {
    let now = Timestamp::now();
    for document in [
        format!(r#"{{"@timestamp":"{now}","message":"m"}}"#),
        r#"{"@timestamp":"2001-01-01T00:00:00Z","message":"m"}"#.to_owned(),
        r#"{"message":"m"}"#.to_owned(),
    ] {
        let [first, second] =
            save_twice(r#"{"create":{"_index":"a","_id":"17"}}"#, &document).await;
        assert_eq!(first.id, second.id, "{document}");
        assert_eq!(first.attributes.unwrap().as_str(), r#"{"index":"a","_id":"17"}"#);
        if document.contains(&now.to_string()) {
            assert_eq!(first.id.time().as_micros(), now.as_micros() / 1000 * 1000);
        }
    }
}

#[tokio::test]
async fn a_document_without_a_time_gets_the_time_of_its_arrival() {
    let started = Timestamp::now().as_micros() / 1000 * 1000;
    let [first, _] = save_twice(r#"{"create":{"_id":"17"}}"#, r#"{"message":"m"}"#).await;
    assert!((started..=Timestamp::now().as_micros()).contains(&first.timestamp.as_micros()));
}

#[tokio::test]
async fn a_document_without_an_id_that_is_sent_again_is_another_entry() {
    let [first, second] = save_twice(r#"{"create":{}}"#, r#"{"message":"m"}"#).await;
    assert_ne!(first.id, second.id);
}

#[tokio::test]
async fn the_same_id_with_another_index_or_time_is_another_entry() {
    let bulk = Bulk::open().await;
    let mut ids = Vec::new();
    for (index, time) in [("a", 1), ("b", 1), ("a", 2)] {
        let action = format!(r#"{{"index":{{"_index":"{index}","_id":"17"}}}}"#);
        let document = format!(r#"{{"@timestamp":"2001-01-01T00:00:0{time}Z","message":"m"}}"#);
        ids.extend(
            bulk.save(&format!("{action}\n{document}\n")).await.iter().map(|entry| entry.id),
        );
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

#[tokio::test]
async fn an_id_that_logpulse_could_have_assigned_is_kept() {
    let id = Arrival::new(Timestamp::now()).derive_id(&["any"], None);
    let action = format!(r#"{{"index":{{"_id":"{id}"}}}}"#);
    let [first, second] = save_twice(&action, r#"{"message":"m"}"#).await;
    assert_eq!((first.id, second.id), (id, id));
    assert_eq!(first.attributes, None);
}
