//! Which entries a query matches.

use serde_json::json;
use shared::search::SearchQuery;
use shared::{Arrival, Level, Timestamp};

use super::{Fixture, add, at, by_relevance, fuzzy, messages, opensearch, tantivy, text};
use crate::entries::{arrived, entry, from_json, series};

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [
        entries_match_words_of_message_service_and_level,
        every_word_is_required,
        a_query_may_have_512_distinct_words,
        a_word_with_punctuation_matches_as_a_phrase,
        matching_ignores_case,
        a_text_without_words_matches_nothing,
        service_and_level_filters_match_exactly,
        several_services_or_levels_match_any_of_them,
        from_is_inclusive_and_to_is_exclusive,
    ]
}

async fn entries_match_words_of_message_service_and_level(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let json = json!({"service": "payment-service", "level": "error", "message": "card declined"});
    add(index, &[from_json(&json), entry("all is well")]).await;
    for words in ["declined", "card declined", "payment", "payment-service", "ERROR", "error card"]
    {
        assert_eq!(messages(index, &text(words)).await, ["card declined"], "{words}");
    }
}

async fn every_word_is_required(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    add(index, &[entry("alpha beta"), entry("alpha gamma")]).await;
    assert_eq!(messages(index, &text("beta alpha")).await, ["alpha beta"]);
    assert_eq!(messages(index, &text(" alpha\t-  gamma\n")).await, ["alpha gamma"]);
    assert!(messages(index, &text("beta gamma")).await.is_empty());
    assert!(messages(index, &text("alp")).await.is_empty());
}

async fn a_query_may_have_512_distinct_words(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let join = |words: &mut dyn Iterator<Item = char>, between: &str| {
        words.map(String::from).collect::<Vec<_>>().join(between)
    };
    let letters = || ('\u{4e00}'..).take(512);
    let all = join(&mut letters(), " ");
    let adjacent = join(&mut letters(), ".");
    let pairs = all.replacen(' ', "-", usize::MAX).chars().collect::<Vec<_>>();
    let pairs: String = pairs.chunks(4).flat_map(|pair| pair[..3].iter().chain(&[' '])).collect();
    add(index, &[entry(&all), entry("one")]).await;
    for words in [&all, &adjacent, &pairs] {
        for query in
            [text(words), fuzzy(words), by_relevance(text(words)), by_relevance(fuzzy(words))]
        {
            let query = SearchQuery {
                service_names: vec!["checkout".to_owned().try_into().unwrap()],
                levels: vec![Level::default()],
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

async fn a_word_with_punctuation_matches_as_a_phrase(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let addressed = "from 10.251.73.220:50010 to 10.0.0.1, blk_38865049064139660";
    let json = json!({"service": "side", "level": "by", "message": "side ends with payment"});
    add(index, &[entry(addressed), entry("10 251 and 73 220"), from_json(&json)]).await;
    for word in ["10.251.73.220:50010", "blk_38865049064139660", "251.73", "(10.0.0.1)"] {
        assert_eq!(messages(index, &text(word)).await, [addressed], "{word}");
    }
    assert!(messages(index, &text("220.251")).await.is_empty());
    // A phrase does not span fields.
    for word in ["payment-side", "side-by"] {
        assert!(messages(index, &text(word)).await.is_empty(), "{word}");
    }
}

async fn matching_ignores_case(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    add(index, &[entry("Überlauf in PacketResponder")]).await;
    for words in ["packetresponder", "PACKETRESPONDER", "überlauf", "ÜBERLAUF"] {
        assert_eq!(messages(index, &text(words)).await.len(), 1, "{words}");
    }
}

async fn a_text_without_words_matches_nothing(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    add(index, &[entry("- ! ... one")]).await;
    for words in ["", " ", "-", "... !"] {
        assert!(messages(index, &text(words)).await.is_empty(), "{words:?}");
        assert!(messages(index, &fuzzy(words)).await.is_empty(), "{words:?}");
    }
}

async fn service_and_level_filters_match_exactly(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let arrival = Arrival::new(Timestamp::now());
    let arrive = |position: u32, service: &str, level: &str, message: &str| {
        let json = json!({"service": service, "level": level, "message": message});
        arrived(&json, &arrival, position)
    };
    let long = "é".repeat(255);
    let entries = [
        arrive(0, "pay", "INFO", "one"),
        arrive(1, "pay", "audit trail", "two"),
        arrive(2, "Pay", "INFO", "three"),
        arrive(3, &long, &"x".repeat(32), "four"),
    ];
    add(index, &entries).await;
    let filter = |service: &str, level: Option<&str>| SearchQuery {
        service_names: vec![service.to_owned().try_into().unwrap()],
        levels: level.map(Level::parse).into_iter().collect(),
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

async fn several_services_or_levels_match_any_of_them(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let arrival = Arrival::new(Timestamp::now());
    let entries = [("a", "ERROR"), ("b", "WARN"), ("c", "ERROR"), ("a", "INFO"), ("b", "ERROR")];
    let entries = (0..).zip(entries).map(|(position, (service, level))| {
        let message = format!("{service} {level}");
        let json = json!({"service": service, "level": level, "message": message});
        arrived(&json, &arrival, position)
    });
    add(index, &entries.collect::<Vec<_>>()).await;
    let find = |services: &[&str], levels: &[&str]| SearchQuery {
        service_names: services.iter().map(|&name| name.to_owned().try_into().unwrap()).collect(),
        levels: levels.iter().map(|level| Level::parse(level)).collect(),
        text: None,
        ..text("")
    };
    for (services, levels, expected) in [
        (&["a", "b"][..], &[][..], &["a ERROR", "b WARN", "a INFO", "b ERROR"][..]),
        (&[], &["INFO", "WARN"], &["b WARN", "a INFO"]),
        (&["b", "a", "b"], &["ERROR", "ERROR"], &["a ERROR", "b ERROR"]),
        (&["a", "x"], &["WARN", "INFO"], &["a INFO"]),
        (&["x", "y"], &["ERROR"], &[]),
    ] {
        let query = find(services, levels);
        assert_eq!(messages(index, &query).await, expected, "{services:?} {levels:?}");
        let relevant = by_relevance(SearchQuery { text: Some("error".to_owned()), ..query });
        let expected: Vec<&&str> = expected.iter().filter(|hit| hit.contains("ERROR")).collect();
        assert_eq!(messages(index, &relevant).await.len(), expected.len(), "{relevant:?}");
    }
}

async fn from_is_inclusive_and_to_is_exclusive(fixture: Fixture) {
    let index = fixture.open().await;
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
