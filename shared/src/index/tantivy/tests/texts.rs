//! Unusual texts: the index finds the same entries as `Condition::matches`.

use tempfile::TempDir;

use super::search;
use crate::config::DEFAULT_INDEX_ATTRIBUTES_MAX;
use crate::index::tantivy::Inner;
use crate::log_entry::{LogEntry, Timestamp};
use crate::query::{self, Condition, Subject};
use crate::search::SearchQuery;
use crate::testing::{EntryBuilder, entries};

fn index(entries: &[LogEntry]) -> (TempDir, Inner) {
    let directory = TempDir::new().unwrap();
    let index = Inner::open(directory.path(), DEFAULT_INDEX_ATTRIBUTES_MAX).unwrap();
    index.writer.add(entries).unwrap();
    (directory, index)
}

fn parse(text: &str) -> Condition {
    query::parse(text, false, Timestamp::now()).unwrap()
}

/// The positions of the entries that the query finds. They must be those that match it in memory.
fn found(index: &Inner, entries: &[LogEntry], query: &str) -> Vec<usize> {
    let condition = parse(query);
    let hits = search(index, &SearchQuery::new(condition.clone(), 100)).unwrap();
    let is_hit = |entry: &LogEntry| hits.entries.iter().any(|hit| hit.id == entry.id);
    let positions = |test: &dyn Fn(&LogEntry) -> bool| -> Vec<usize> {
        (0..entries.len()).filter(|position| test(&entries[*position])).collect()
    };
    let found = positions(&is_hit);
    assert_eq!(found, positions(&|entry| condition.matches(&Subject::new(entry))), "{query}");
    assert_eq!(hits.total, found.len() as u64, "{query}");
    found
}

#[test]
fn unusual_messages_are_found() {
    let ideographs: String = ('\u{4e00}'..).take(400).collect();
    let added = entries([
        ideographs.as_str(),
        "İstanbul ΟΔΟΣ",
        "ＥＲＲＯＲ Zu\u{308}rich zero\u{200b}width",
        "a != b 🚀 x->y",
        "\u{1b}[31mre\u{1b}[0md alert",
        "",
        "... ---",
        "nul\0byte",
    ]);
    let (_directory, index) = index(&added);
    for (query, expected) in [
        ("\"一丁\"", &[0][..]),
        ("丌", &[0]),
        ("\"丐丑丒专\"", &[0]),
        (&ideographs[..600], &[0]),
        ("istanbul", &[]),
        ("\"i\u{307}stan\"", &[1]),
        ("İSTANBUL", &[1]),
        ("οδος", &[1]),
        ("\"ΟΔΟς\"", &[1]),
        ("error", &[2]),
        ("\"or zür\"", &[2]),
        ("zerowidth", &[2]),
        ("\"!=\"", &[3]),
        ("\"🚀\"", &[3]),
        ("\">\"", &[3]),
        ("red", &[4]),
        ("\"red alert\"", &[4]),
        ("\"[31m\"", &[4]),
        ("\"...\"", &[6]),
        ("\"-\"", &[3, 6]),
        ("\"nul byte\"", &[7]),
        ("-\"a\"", &[0, 2, 5, 6, 7]),
        ("-\"red alert\"", &[0, 1, 2, 3, 5, 6, 7]),
        ("-\"alert red\" OR red", &[0, 1, 2, 3, 4, 5, 6, 7]),
    ] {
        assert_eq!(found(&index, &added, query), expected, "{query}");
    }
}

#[test]
fn a_megabyte_message_is_found_by_any_part() {
    let numbers: Vec<String> = (0..150_000).map(|number| number.to_string()).collect();
    let added = entries([numbers.join(" "), "short".to_owned()]);
    let (_directory, index) = index(&added);
    for query in ["149999", "\"0 1 2\"", "\"49998 149999\"", "\"7500\" 75001", "75000-75001"] {
        assert_eq!(found(&index, &added, query), [0], "{query}");
    }
    assert!(found(&index, &added, "75001-75000").is_empty());
}

#[test]
fn unusual_attributes_are_found() {
    let many: Vec<String> = (0..1100).map(|n| format!(r#""key{n}":{n}"#)).collect();
    let added: Vec<LogEntry> = [
        r#"{"a":1,"a":2,"b":{"c":[1,2,{"d":"x=y"}]}}"#.to_owned(),
        r#"{"a=1":"x","":"empty","é":null,"deep":{"er":{}}}"#.to_owned(),
        format!("{{{}}}", many.join(",")),
    ]
    .into_iter()
    .zip(0..)
    .map(|(json, position)| {
        let id = entries((0..=position).map(|_| ""))[position].id;
        EntryBuilder::new("message").id(id).attributes(json).build()
    })
    .collect();
    let (_directory, index) = index(&added);
    for (query, expected) in [
        ("@key7:7", &[2][..]),
        ("@key10:>9", &[2]),
        ("@key7:*", &[2]),
        ("@a:2", &[0]),
        ("@a:*", &[0]),
        ("@b:*", &[0]),
        ("@b.c:2", &[0]),
        ("@b.c:>=2", &[0]),
        ("@b.c.d:\"x=y\"", &[0]),
        ("@é:null", &[1]),
        ("@deep:*", &[]),
    ] {
        assert_eq!(found(&index, &added, query), expected, "{query}");
    }
}

#[test]
fn parts_of_words_are_found_after_a_merge_has_deleted_the_list_of_words() {
    let added = entries(["OOMKilled by timeouts", "out of memory"]);
    let (directory, index) = index(&added);
    for file in directory.path().read_dir().unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "words") {
            std::fs::remove_file(path).unwrap();
        }
    }
    for (query, positions) in [
        ("\"kill\"", &[0][..]),
        ("\"illed by time\"", &[0]),
        ("\"out\"", &[0, 1]),
        ("\"xout\"", &[]),
    ] {
        assert_eq!(found(&index, &added, query), positions, "{query}");
    }
}
