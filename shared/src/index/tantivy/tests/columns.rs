//! Which attributes support ranges.

use tempfile::TempDir;

use super::search;
use crate::error::Error;
use crate::index::tantivy::Inner;
use crate::log_entry::{Arrival, LogEntry, Timestamp};
use crate::query::{self, Condition};
use crate::search::SearchQuery;
use crate::testing::EntryBuilder;

fn entry(position: u32, day: &str, attributes: &str) -> LogEntry {
    let time = Timestamp::parse(&format!("{day}T12:00:00Z")).unwrap();
    let arrival = Arrival::of_request(day, time);
    EntryBuilder::new("message").arrival(&arrival, position).attributes(attributes).build()
}

fn parse(text: &str) -> Condition {
    query::parse(text, false, Timestamp::now()).unwrap()
}

fn total(index: &Inner, query: &str) -> Result<u64, Error> {
    search(index, &SearchQuery::new(parse(query), 1)).map(|hits| hits.total)
}

fn is_rejected(index: &Inner, query: &str) -> bool {
    match total(index, query) {
        Err(error @ Error::Rejected { .. }) => {
            let text = error.to_string();
            assert!(
                text.contains("arrived on 2024-06-1") && text.contains("statistics on b;"),
                "{text}"
            );
            true
        }
        _ => false,
    }
}

#[test]
fn ranges_of_attributes_beyond_the_maximum_are_rejected() {
    let directory = TempDir::new().unwrap();
    let index = Inner::open(directory.path(), 1).unwrap();
    index.writer.add(&[entry(0, "2024-06-10", r#"{"a":1,"b":2,"c":true}"#)]).unwrap();
    index.writer.add(&[entry(1, "2024-06-10", r#"{"a":3}"#)]).unwrap();

    assert_eq!(total(&index, "@a:>=1").unwrap(), 2);
    assert_eq!(total(&index, "@b:2").unwrap(), 1);
    assert_eq!(total(&index, "@b:*").unwrap(), 1);
    assert!(is_rejected(&index, "@b:>1"));
    assert!(is_rejected(&index, "a OR NOT @b:<=x"));
    assert_eq!(total(&index, "@unknown:>1").unwrap(), 0);
}

#[test]
fn each_day_has_its_own_columns() {
    let directory = TempDir::new().unwrap();
    let index = Inner::open(directory.path(), 1).unwrap();
    let entries = [
        entry(0, "2024-06-10", r#"{"a":1}"#),
        entry(0, "2024-06-11", r#"{"b":1}"#),
        entry(1, "2024-06-11", r#"{"b":2}"#),
    ];
    index.writer.add(&entries).unwrap();
    assert_eq!(total(&index, "@a:>=1").unwrap(), 1);
    assert_eq!(total(&index, "@b:>=1").unwrap(), 2);

    index.writer.add(&[entry(1, "2024-06-10", r#"{"b":1}"#)]).unwrap();
    assert_eq!(total(&index, "@a:>=1").unwrap(), 1);
    assert!(is_rejected(&index, "@b:>=1"));
}

#[test]
fn the_error_names_the_days_without_a_column() {
    let directory = TempDir::new().unwrap();
    let index = Inner::open(directory.path(), 1).unwrap();
    let days = ["2024-06-10", "2024-06-11", "2024-06-12", "2024-06-14"];
    let entries = days.map(|day| entry(0, day, r#"{"a":1,"b":2}"#));
    index.writer.add(&entries).unwrap();
    for (query, days) in [
        ("@b:>1", "2024-06-10, 2024-06-11 and 2 more days"),
        ("@b:>1 timestamp:>=2024-06-12", "2024-06-12, 2024-06-14"),
        ("@b:>1 -timestamp:2024-06-11 timestamp:<2024-06-13", "2024-06-10, 2024-06-12"),
    ] {
        let error = total(&index, query).unwrap_err().to_string();
        assert!(error.contains(&format!("arrived on {days} do not")), "{query}: {error}");
    }
    assert_eq!(total(&index, "@b:>1 timestamp:2024-06-13").unwrap(), 0);
}

#[test]
fn the_columns_of_a_day_survive_a_higher_maximum() {
    let directory = TempDir::new().unwrap();
    let first = entry(0, "2024-06-10", r#"{"a":1,"b":2}"#);
    Inner::open(directory.path(), 1).unwrap().writer.add(&[first]).unwrap();

    let index = Inner::open(directory.path(), 10).unwrap();
    let added = [entry(1, "2024-06-10", r#"{"a":5,"b":5}"#), entry(0, "2024-06-11", r#"{"b":5}"#)];
    index.writer.add(&added).unwrap();
    assert_eq!(total(&index, "@a:>=5").unwrap(), 1);
    assert!(matches!(total(&index, "@b:>=5"), Err(Error::Rejected { .. })));
}

#[test]
fn a_failed_batch_leaves_no_column_behind() {
    let directory = TempDir::new().unwrap();
    let (path, moved) = (directory.path().join("index"), directory.path().join("moved"));
    let index = Inner::open(&path, 1).unwrap();
    index.writer.add(&[entry(0, "2024-06-09", "{}")]).unwrap();

    std::fs::rename(&path, &moved).unwrap();
    assert!(index.writer.add(&[entry(0, "2024-06-10", r#"{"lost":1}"#)]).is_err());
    std::fs::rename(&moved, &path).unwrap();

    index.writer.add(&[entry(1, "2024-06-10", r#"{"kept":1}"#)]).unwrap();
    assert_eq!(total(&index, "@kept:>=1").unwrap(), 1);
}
