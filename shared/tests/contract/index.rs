//! The contract of the index: what every adapter finds, and in which order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use shared::index::{self, Index};
use shared::log_entry::Attributes;
use shared::search::{SearchHits, SearchQuery, Sort};
use shared::{Arrival, Level, LogEntry, Timestamp};
use tempfile::TempDir;
use url::Url;

use crate::entries::{arrived, entry, from_json, series};

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [
        an_index_that_was_opened_is_ready,
        an_empty_slice_is_taken,
        an_entry_is_found_by_words_of_its_message_service_and_level,
        every_word_is_required,
        as_many_words_as_a_query_has_room_for_are_looked_for,
        a_word_with_punctuation_matches_its_parts_side_by_side,
        letters_match_in_any_case,
        a_text_without_words_finds_nothing,
        service_and_level_filter_exactly,
        from_is_included_and_to_is_not,
        newest_and_oldest_order_by_timestamp_then_id,
        pages_yield_each_entry_once_while_others_arrive,
        the_last_page_has_no_cursor,
        a_page_of_large_entries_is_shorter_and_the_next_goes_on,
        the_total_counts_every_page_and_stops_at_ten_thousand,
        an_entry_added_twice_is_found_once_and_the_first_stays,
        the_first_of_two_with_one_id_in_a_batch_stays,
        a_fuzzy_word_may_differ_by_its_length,
        a_fuzzy_word_with_punctuation_needs_all_its_parts,
        exact_hits_come_first_by_relevance,
        relevance_has_no_cursor_and_ties_come_newest_first,
        a_huge_word_is_taken_and_the_rest_of_its_entry_is_found,
        whatever_ingest_accepts_is_taken_and_found,
        a_batch_of_large_entries_is_taken,
        entries_come_back_as_they_were_added,
        a_batch_whose_caller_went_away_does_not_break_the_next,
    ]
}

/// A second by the contract, and what a busy machine may add to it.
const VISIBLE_WITHIN: Duration = Duration::from_secs(5);

/// An index that nobody used before.
struct Fresh {
    url: Url,
    /// Cleans up behind the test.
    _place: Place,
}

#[expect(dead_code, reason = "it is kept to be dropped")]
enum Place {
    Directory(TempDir),
    OpenSearch(crate::opensearch::Prefix),
}

fn tantivy() -> Fresh {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("tantivy://{}/index", directory.path().display());
    Fresh { url: url.parse().unwrap(), _place: Place::Directory(directory) }
}

fn opensearch() -> Fresh {
    let prefix = crate::opensearch::Prefix::fresh();
    Fresh { url: prefix.url(), _place: Place::OpenSearch(prefix) }
}

impl Fresh {
    async fn open(&self) -> Arc<dyn Index> {
        index::open(&self.url).await.unwrap()
    }
}

/// Adds entries that are all new, and waits until they are found.
async fn add(index: &dyn Index, entries: &[LogEntry]) {
    let before = total(index).await;
    assert_eq!(index.add(entries).await.unwrap(), []);
    // One more than the maximum stands for all that are more.
    found(index, (before + entries.len() as u64).min(SearchHits::MAX_TOTAL + 1)).await;
}

/// Waits until so many entries are found.
async fn found(index: &dyn Index, count: u64) {
    let deadline = Instant::now() + VISIBLE_WITHIN;
    while total(index).await < count {
        assert!(Instant::now() < deadline, "entries are found within a second");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn total(index: &dyn Index) -> u64 {
    let everything = SearchQuery { limit: 1, ..SearchQuery::default() };
    let hits = index.search(&everything).await.unwrap();
    hits.total + u64::from(!hits.total_is_exact)
}

async fn messages(index: &dyn Index, query: &SearchQuery) -> Vec<String> {
    let hits = index.search(query).await.unwrap();
    hits.entries.into_iter().map(|hit| hit.message).collect()
}

/// A query for a text, answered the oldest first.
fn text(text: &str) -> SearchQuery {
    SearchQuery {
        text: Some(text.to_owned()),
        sort: Sort::Oldest,
        limit: 100,
        ..SearchQuery::default()
    }
}

fn fuzzy(words: &str) -> SearchQuery {
    SearchQuery { fuzzy: true, ..text(words) }
}

fn by_relevance(query: SearchQuery) -> SearchQuery {
    SearchQuery { sort: Sort::Relevance, ..query }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

async fn an_index_that_was_opened_is_ready(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    assert!(index.ready().await.is_ok());
    add(index, &[entry("one")]).await;
    assert!(index.ready().await.is_ok());
}

async fn an_empty_slice_is_taken(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    assert_eq!(index.add(&[]).await.unwrap(), []);
    assert_eq!(total(index).await, 0);
}

async fn an_entry_is_found_by_words_of_its_message_service_and_level(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let json = json!({"service": "payment-service", "level": "error", "message": "card declined"});
    add(index, &[from_json(&json), entry("all is well")]).await;
    for words in ["declined", "card declined", "payment", "payment-service", "ERROR", "error card"]
    {
        assert_eq!(messages(index, &text(words)).await, ["card declined"], "{words}");
    }
}

async fn every_word_is_required(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    add(index, &[entry("alpha beta"), entry("alpha gamma")]).await;
    assert_eq!(messages(index, &text("beta alpha")).await, ["alpha beta"]);
    assert_eq!(messages(index, &text(" alpha\t-  gamma\n")).await, ["alpha gamma"]);
    assert!(messages(index, &text("beta gamma")).await.is_empty());
    assert!(messages(index, &text("alp")).await.is_empty());
}

async fn as_many_words_as_a_query_has_room_for_are_looked_for(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let of = |words: &mut dyn Iterator<Item = char>, between: &str| {
        words.map(String::from).collect::<Vec<_>>().join(between)
    };
    let letters = || ('\u{4e00}'..).take(512);
    let all = of(&mut letters(), " ");
    let side_by_side = of(&mut letters(), ".");
    let pairs = all.replacen(' ', "-", usize::MAX).chars().collect::<Vec<_>>();
    let pairs: String = pairs.chunks(4).flat_map(|pair| pair[..3].iter().chain(&[' '])).collect();
    add(index, &[entry(&all), entry("one")]).await;
    for words in [&all, &side_by_side, &pairs] {
        for query in
            [text(words), fuzzy(words), by_relevance(text(words)), by_relevance(fuzzy(words))]
        {
            let query = SearchQuery {
                service_name: Some("contract".to_owned().try_into().unwrap()),
                level: Some(Level::default()),
                from: Timestamp::from_micros(0),
                to: Some(Timestamp::MAX),
                ..query
            };
            assert_eq!(messages(index, &query).await.len(), 1, "{query:?}");
        }
    }
    let too_many = format!("{all} one");
    let refused = index.search(&text(&too_many)).await;
    assert!(matches!(refused, Err(shared::Error::Rejected { .. })), "{refused:?}");
}

async fn a_word_with_punctuation_matches_its_parts_side_by_side(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let addressed = "from 10.251.73.220:50010 to 10.0.0.1, blk_38865049064139660";
    let json = json!({"service": "side", "level": "by", "message": "side ends with payment"});
    add(index, &[entry(addressed), entry("10 251 and 73 220"), from_json(&json)]).await;
    for word in ["10.251.73.220:50010", "blk_38865049064139660", "251.73", "(10.0.0.1)"] {
        assert_eq!(messages(index, &text(word)).await, [addressed], "{word}");
    }
    assert!(messages(index, &text("220.251")).await.is_empty());
    // Parts of two fields are not side by side.
    for word in ["payment-side", "side-by"] {
        assert!(messages(index, &text(word)).await.is_empty(), "{word}");
    }
}

async fn letters_match_in_any_case(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    add(index, &[entry("Überlauf in PacketResponder")]).await;
    for words in ["packetresponder", "PACKETRESPONDER", "überlauf", "ÜBERLAUF"] {
        assert_eq!(messages(index, &text(words)).await.len(), 1, "{words}");
    }
}

async fn a_text_without_words_finds_nothing(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    add(index, &[entry("- ! ... one")]).await;
    for words in ["", " ", "-", "... !"] {
        assert!(messages(index, &text(words)).await.is_empty(), "{words:?}");
        assert!(messages(index, &fuzzy(words)).await.is_empty(), "{words:?}");
    }
}

async fn service_and_level_filter_exactly(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let arrival = Arrival::new(Timestamp::now());
    let of = |position: u32, service: &str, level: &str, message: &str| {
        let json = json!({"service": service, "level": level, "message": message});
        arrived(&json, &arrival, position)
    };
    let long = "é".repeat(255);
    let entries = [
        of(0, "pay", "INFO", "one"),
        of(1, "pay", "audit trail", "two"),
        of(2, "Pay", "INFO", "three"),
        of(3, &long, &"x".repeat(32), "four"),
    ];
    add(index, &entries).await;
    let filter = |service: &str, level: Option<&str>| SearchQuery {
        service_name: Some(service.to_owned().try_into().unwrap()),
        level: level.map(Level::parse),
        text: None,
        ..text("")
    };
    assert_eq!(messages(index, &filter("pay", None)).await, ["one", "two"]);
    assert_eq!(messages(index, &filter("pay", Some("AUDIT TRAIL"))).await, ["two"]);
    assert!(messages(index, &filter("pay", Some("AUDIT"))).await.is_empty());
    let longest = filter(&long, Some(&"X".repeat(32)));
    assert_eq!(messages(index, &longest).await, ["four"]);
    let both = SearchQuery { text: Some("one".to_owned()), ..filter("pay", Some("INFO")) };
    assert_eq!(messages(index, &both).await, ["one"]);
}

async fn from_is_included_and_to_is_not(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let first = at("2024-06-14T12:00:00.000001Z");
    add(index, &series(3, first)).await;
    let between = |from: Option<&str>, to: Option<&str>| SearchQuery {
        text: None,
        from: from.map(at),
        to: to.map(at),
        ..text("")
    };
    let (one, two) = ("2024-06-14T12:00:00.000001Z", "2024-06-14T12:00:00.000002Z");
    for (query, expected) in [
        (between(Some(two), None), &["number 1", "number 2"][..]),
        (between(None, Some(two)), &["number 0"]),
        (between(Some(one), Some(two)), &["number 0"]),
        (between(Some(two), Some(two)), &[]),
        (between(Some(two), Some(one)), &[]),
        (between(Some("9999-12-31T23:59:59.999999Z"), None), &[]),
    ] {
        assert_eq!(messages(index, &query).await, expected, "{query:?}");
    }
}

async fn newest_and_oldest_order_by_timestamp_then_id(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let arrival = Arrival::new(Timestamp::now());
    let of = |position: u32, time: &str| {
        let json = json!({"service": "a", "message": format!("m{position}"), "timestamp": time});
        arrived(&json, &arrival, position)
    };
    let noon = "2024-06-14T12:00:00Z";
    let entries = [of(3, noon), of(1, "2024-06-14T12:00:00.000001Z"), of(0, noon), of(2, noon)];
    add(index, &entries[..2]).await;
    add(index, &entries[2..]).await;
    let query = SearchQuery { text: None, ..text("") };
    assert_eq!(messages(index, &query).await, ["m0", "m2", "m3", "m1"]);
    let newest = SearchQuery { sort: Sort::Newest, ..query };
    assert_eq!(messages(index, &newest).await, ["m1", "m3", "m2", "m0"]);
}

async fn pages_yield_each_entry_once_while_others_arrive(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let entries = series(250, at("2024-06-14T12:00:00Z"));
    for batch in entries.chunks(70) {
        add(index, batch).await;
    }
    for (sort, arriving) in
        [(Sort::Newest, at("2024-06-15T12:00:00Z")), (Sort::Oldest, at("2024-06-13T12:00:00Z"))]
    {
        let mut found = Vec::new();
        let mut query = SearchQuery { sort, ..text("number") };
        for number in 1.. {
            let hits = index.search(&query).await.unwrap();
            found.extend(hits.entries.into_iter().map(|hit| hit.id));
            query.cursor = hits.next_cursor;
            if query.cursor.is_none() {
                break;
            }
            // They lie before the first page, so the pages to come do not show them.
            let time = Timestamp::from_micros(arriving.as_micros() + number * 1000).unwrap();
            add(index, &series(5, time)).await;
        }
        if sort == Sort::Newest {
            found.reverse();
        }
        let expected: Vec<_> = entries.iter().map(|entry| entry.id).collect();
        assert_eq!(found[..250], expected, "{sort:?}");
        // By the time of the second walk, what arrived during the first one is behind the series.
        let behind = if sort == Sort::Newest { 0 } else { 10 };
        assert_eq!(found.len(), 250 + behind, "{sort:?}");
    }
}

async fn the_last_page_has_no_cursor(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    add(index, &series(4, at("2024-06-14T12:00:00Z"))).await;
    let mut query = SearchQuery { limit: 2, ..text("number") };
    let first = index.search(&query).await.unwrap();
    assert!(first.next_cursor.is_some());
    query.cursor = first.next_cursor;
    let last = index.search(&query).await.unwrap();
    assert_eq!((last.entries.len(), last.next_cursor), (2, None));
}

async fn the_total_counts_every_page_and_stops_at_ten_thousand(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let entries = series(10_050, at("2024-06-14T12:00:00Z"));
    add(index, &entries[..10_000]).await;
    let mut query = SearchQuery { limit: 10, ..text("number") };
    let first = index.search(&query).await.unwrap();
    assert_eq!((first.total, first.total_is_exact), (10_000, true));
    query.cursor = first.next_cursor;
    let second = index.search(&query).await.unwrap();
    assert_eq!((second.total, second.total_is_exact), (10_000, true));
    add(index, &entries[10_000..]).await;
    for sort in [Sort::Newest, Sort::Oldest, Sort::Relevance] {
        let hits =
            index.search(&SearchQuery { sort, cursor: None, ..query.clone() }).await.unwrap();
        assert_eq!((hits.total, hits.total_is_exact), (10_000, false), "{sort:?}");
        assert_eq!(hits.entries.len(), 10);
    }
}

async fn an_entry_added_twice_is_found_once_and_the_first_stays(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let entries = series(600, at("2024-06-14T12:00:00Z"));
    add(index, &entries).await;
    let mut changed = entries[299].clone();
    "changed".clone_into(&mut changed.message);
    index.add(&[changed]).await.unwrap();
    add(index, &[entry("later")]).await;
    index.add(&entries).await.unwrap();
    add(index, &[entry("last")]).await;
    assert_eq!(total(index).await, 602);
    assert_eq!(messages(index, &text("299")).await, ["number 299"]);
    assert!(messages(index, &text("changed")).await.is_empty());
}

async fn the_first_of_two_with_one_id_in_a_batch_stays(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let first = entry("first");
    let second = LogEntry { message: "second".to_owned(), ..first.clone() };
    index.add(&[first, second]).await.unwrap();
    add(index, &[entry("third")]).await;
    let query = SearchQuery { text: None, ..text("") };
    assert_eq!(messages(index, &query).await, ["first", "third"]);
}

async fn a_fuzzy_word_may_differ_by_its_length(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    add(index, &[entry("connection timeout at db"), entry("disk full")]).await;
    for (words, hits) in [
        ("timeout", 1),
        ("timeuot", 1),   // neighbours exchanged
        ("tmeout", 1),    // one missing
        ("timeoutxy", 1), // two too many
        ("tixxxut", 0),   // three wrong
        ("dsik", 1),      // four characters, one edit
        ("dsikk", 0),     // five characters, two edits
        ("DB", 1),
        ("dx", 0), // two characters are matched exactly
        ("conection timeuot", 1),
        ("timeuot disk", 0),
    ] {
        assert_eq!(messages(index, &fuzzy(words)).await.len(), hits, "{words}");
        let relevant = by_relevance(fuzzy(words));
        assert_eq!(messages(index, &relevant).await.len(), hits, "{words}");
    }
    assert!(messages(index, &text("timeuot")).await.is_empty());
}

async fn a_fuzzy_word_with_punctuation_needs_all_its_parts(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    add(index, &[entry("payment-service failed")]).await;
    assert_eq!(messages(index, &fuzzy("paymnet-servcie")).await.len(), 1);
    assert!(messages(index, &fuzzy("paymnet-unknown")).await.is_empty());
}

async fn exact_hits_come_first_by_relevance(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let exact = "a long message in which the word timeout stands among many others that say little";
    add(index, &[entry(exact), entry("timeouts timeout1"), entry("timeouts")]).await;
    let found = messages(index, &by_relevance(fuzzy("timeout"))).await;
    assert_eq!(found.len(), 3);
    assert_eq!(found[0], exact);
}

async fn relevance_has_no_cursor_and_ties_come_newest_first(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let noon = at("2024-06-14T12:00:00Z");
    add(index, &series(5, noon)).await;
    let query = SearchQuery { limit: 2, ..by_relevance(text("number")) };
    let hits = index.search(&query).await.unwrap();
    assert_eq!((hits.total, hits.next_cursor), (5, None));
    assert_eq!(messages(index, &query).await, ["number 4", "number 3"]);
}

async fn a_huge_word_is_taken_and_the_rest_of_its_entry_is_found(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let (huge, long) = ("a".repeat(1 << 20), "b".repeat(255));
    add(index, &[entry(&format!("before {huge} after {long}"))]).await;
    for words in ["before", "after", &long] {
        assert_eq!(messages(index, &text(words)).await.len(), 1, "{words}");
    }
    assert!(messages(index, &text("before-after")).await.is_empty());
    assert!(messages(index, &fuzzy(&"c".repeat(255))).await.is_empty());
}

async fn whatever_ingest_accepts_is_taken_and_found(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let huge = "x".repeat(40_000);
    let deep = format!("{}1{}", r#"{"a":"#.repeat(16), "}".repeat(16));
    let many = vec!["1"; 20_000].join(",");
    let attributes = [
        r#"{"a":1,"a":{"b":[]},"a":null}"#.to_owned(),
        format!(r#"{{"long":"{huge}","{huge}":1,"in":[{{"{huge}":"{huge}"}}]}}"#),
        r#"{"":"","a.b":1,"a":{"b":2},".":3,"..":[],"a..b":{}," ":null,"*":"_id"}"#.to_owned(),
        r#"{"n":[123456789012345678901234567890,-9223372036854775809,1e308,0.1,1e-400]}"#
            .to_owned(),
        r#"{"_id":1,"id":2,"text":3,"attributes":{"message":4},"_source":{}}"#.to_owned(),
        r#"{"nul\u0000":"\u0000","mixed":[1,"a",null,[{"b":[[true]]}]]}"#.to_owned(),
        "{}".to_owned(),
        deep,
        format!(r#"{{"many":[{many}]}}"#),
    ];
    let arrival = Arrival::new(Timestamp::now());
    let entries: Vec<LogEntry> = (0..)
        .zip(attributes)
        .map(|(position, attributes)| {
            let json = json!({
                "service": "s".repeat(255), "level": "l".repeat(32), "message": format!("taken {huge} end"),
                "trace_id": "t".repeat(128), "span_id": "é".repeat(128),
            });
            let mut entry = arrived(&json, &arrival, position);
            entry.attributes = Some(Attributes::parse(attributes).unwrap());
            entry
        })
        .collect();
    add(index, &entries).await;
    let hits = index.search(&text("taken end")).await.unwrap();
    let found: Vec<String> = hits.entries.iter().map(crate::entries::text).collect();
    let added: Vec<String> = entries.iter().map(crate::entries::text).collect();
    assert_eq!(found, added);
}

async fn a_batch_of_large_entries_is_taken(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let large = "word ".repeat(100_000);
    let messages: Vec<String> = (0..24).map(|n| format!("n{n} {large}")).collect();
    let entries = crate::entries::entries(messages.iter().map(String::as_str));
    add(index, &entries).await;
    for number in [0, 23] {
        let hits = index.search(&text(&format!("n{number}"))).await.unwrap();
        let found: Vec<String> = hits.entries.iter().map(crate::entries::text).collect();
        assert_eq!(found, [crate::entries::text(&entries[number])], "{number}");
    }
}

async fn entries_come_back_as_they_were_added(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let entries = [
        entry("nul \0, tab \t, line\r\nbreak, \u{7f}\u{fffd}\u{10ffff}"),
        entry("Grüße, 日本語, 🦀🇩🇪, عربى, e\u{301}"),
        entry(""),
        from_json(&json!({
            "service": "🦀", "level": "audit", "message": "m", "timestamp": "1970-01-01T00:00:00Z",
            "attributes": {"b": 1.10, "a": [null, {"x": "\u{0}"}]}, "trace_id": "4bf9", "span_id": "00f0",
        })),
        from_json(
            &json!({"service": "s", "message": "m", "timestamp": "9999-12-31T23:59:59.999999Z"}),
        ),
    ];
    add(index, &entries).await;
    let hits = index.search(&SearchQuery { text: None, ..text("") }).await.unwrap();
    let mut found: Vec<Vec<u8>> = hits.entries.iter().map(LogEntry::to_json).collect();
    let mut added: Vec<Vec<u8>> = entries.iter().map(LogEntry::to_json).collect();
    found.sort_unstable();
    added.sort_unstable();
    assert_eq!(found, added);
}

async fn a_batch_whose_caller_went_away_does_not_break_the_next(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let entries = series(1000, at("2024-06-14T12:00:00Z"));
    let gone = tokio::time::timeout(Duration::from_millis(1), index.add(&entries)).await;
    drop(gone);
    index.add(&entries).await.unwrap();
    found(index, 1000).await;
    add(index, &[entry("last")]).await;
    assert_eq!(total(index).await, 1001);
}

async fn a_page_of_large_entries_is_shorter_and_the_next_goes_on(fresh: Fresh) {
    let index = fresh.open().await;
    let index = index.as_ref();
    let large = "word ".repeat(180 * 1024);
    let entries: Vec<LogEntry> = (0..20).map(|n| entry(&format!("{n} {large}"))).collect();
    add(index, &entries).await;

    let mut query = text("word");
    let mut seen = Vec::new();
    loop {
        let hits = index.search(&query).await.unwrap();
        let bytes: usize = hits.entries.iter().map(|entry| entry.to_json().len()).sum();
        assert!(bytes <= SearchHits::MAX_BYTES, "{bytes}");
        seen.extend(hits.entries.iter().map(|entry| entry.id));
        query.cursor = hits.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    seen.sort_unstable();
    let mut added: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    added.sort_unstable();
    assert_eq!(seen, added);
}
