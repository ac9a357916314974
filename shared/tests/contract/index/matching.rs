//! Which entries the largest queries and the filters match.

use serde_json::json;
use shared::query::{Condition, Keyword, KeywordTest, TimeRange};
use shared::search::SearchQuery;
use shared::{Arrival, Timestamp};

use super::{Fixture, add, at, by_relevance, messages, opensearch, tantivy, text};
use crate::entries::{arrived, series};

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [
        a_query_can_contain_256_distinct_words,
        a_pasted_line_that_begins_with_a_dash_is_found,
        several_services_or_levels_match_any_of_them,
        from_is_inclusive_and_to_is_exclusive,
    ]
}

async fn a_query_can_contain_256_distinct_words(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let words: Vec<String> = (100..356).map(|number| number.to_string()).collect();
    let (all, adjacent) = (words.join(" "), words.join("."));
    add(index, &[crate::entries::entry(&all), crate::entries::entry("one")]).await;
    for words in [all, adjacent] {
        for query in [text(&words), super::fuzzy(&words)] {
            let filters =
                super::condition("service:checkout level:info timestamp:>=1970-01-01", false);
            let query = SearchQuery { condition: query.condition.and(filters), ..query };
            assert_eq!(messages(index, &query).await.len(), 1, "{query:?}");
            assert_eq!(messages(index, &by_relevance(query)).await.len(), 1);
        }
    }
}

async fn a_pasted_line_that_begins_with_a_dash_is_found(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let line = "-_continuousScroll idle page";
    let lines = [line, "idle page", "continuousScroll idle page", "idle -_continuousScroll page"];
    add(index, &crate::entries::entries(lines)).await;
    for (query, expected) in [
        (line, &[line, "idle page", "idle -_continuousScroll page"][..]),
        ("-_continuousScroll page", &["idle page", "idle -_continuousScroll page"]),
        ("-_continuousScroll", &[line, "idle page", "idle -_continuousScroll page"]),
        ("page -_continuousScroll", &["idle page", "idle -_continuousScroll page"]),
    ] {
        assert_eq!(messages(index, &text(query)).await, expected, "{query}");
        let mut found = messages(index, &by_relevance(text(query))).await;
        found.sort_by_key(|message| lines.iter().position(|line| line == message));
        assert_eq!(found, expected, "{query}");
    }
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
    let any_of = |field, values: &[&str]| {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        Condition::Keyword(field, KeywordTest::AnyOf(values))
    };
    for (services, levels, expected) in [
        (&["a", "b"][..], &["ERROR", "WARN", "INFO"][..], 4),
        (&["a", "b", "c"], &["INFO", "WARN"], 2),
        (&["b", "a", "b"], &["ERROR", "ERROR"], 2),
        (&["a", "x"], &["WARN", "INFO"], 1),
        (&["x", "y"], &["ERROR"], 0),
        (&[], &["ERROR"], 0),
    ] {
        let condition = any_of(Keyword::ServiceName, services).and(any_of(Keyword::Level, levels));
        let query = SearchQuery { condition, ..text("") };
        assert_eq!(messages(index, &query).await.len(), expected, "{services:?} {levels:?}");
        let query = by_relevance(query);
        assert_eq!(messages(index, &query).await.len(), expected, "{query:?}");
    }
}

async fn from_is_inclusive_and_to_is_exclusive(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let first = at("2024-06-14T12:00:00.000001Z");
    add(index, &series(3, first)).await;
    let between = |from: Option<&str>, to: Option<&str>| {
        let range = TimeRange { from: from.map(at), to: to.map(at) };
        SearchQuery { condition: Condition::Timestamp(range), ..text("") }
    };
    let (one, two) = ("2024-06-14T12:00:00.000001Z", "2024-06-14T12:00:00.000002Z");
    for (query, expected) in [
        (between(Some(two), None), &["number 1", "number 2"][..]),
        (between(None, Some(two)), &["number 0"]),
        (between(Some(one), Some(two)), &["number 0"]),
        (between(Some(two), Some(two)), &[]),
        (between(Some(two), Some(one)), &[]),
        (between(Some("9999-12-31T23:59:59.999999Z"), None), &[]),
        (between(None, None), &["number 0", "number 1", "number 2"]),
    ] {
        assert_eq!(messages(index, &query).await, expected, "{query:?}");
    }
}
