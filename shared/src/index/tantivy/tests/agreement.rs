//! The index finds exactly the entries that meet a condition in memory, for random entries and
//! conditions.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tempfile::TempDir;

use crate::index::tantivy::{DEFAULT_ATTRIBUTES_MAX, Inner};
use crate::log_entry::{Arrival, EntryId, LogEntry, Timestamp};
use crate::query::{
    Attribute, AttributeTest, Bound, Condition, FuzzyRun, Keyword, KeywordTest, Prefix, Range,
    Scope, Subject, TimeRange, Words,
};
use crate::search::{SearchQuery, Sort};
use crate::testing::EntryBuilder;
use crate::text;

const PIECES: &[&str] = &[
    "payment",
    "Payment failed",
    "paymnet",
    "OOMKilled",
    "14T12",
    "1.5s",
    "timeout",
    "timeouts",
    "a",
    "b",
    "ab",
    "aab",
    "A",
    "7",
    " ",
    "  ",
    ".",
    "=",
    "!=",
    "-",
    "\t",
    "\n",
    "\0",
    "\u{1b}[32m",
    "\u{1b}[0m",
    "\u{1b}",
    "İ",
    "ΟΔΟΣ",
    "οδος",
    "ς",
    "ＥＲＲＯＲ",
    "ﾃﾞ",
    "ﬃ",
    "e\u{301}",
    "é",
    "e",
    "\u{301}",
    "\u{200b}",
    "\u{ad}",
    "支",
    "付",
    "支付",
    "ต่อ",
    "한국",
    "🚀",
    "👨\u{200d}👩",
    "ß",
    "SS",
    "½",
];

const KEYS: &[&str] = &["a", "b", "a.b", "a=b", "=", "", ".", "a.", "%", "ä", "\u{1}", "c"];

fn piece() -> impl Strategy<Value = &'static str> {
    prop::sample::select(PIECES)
}

fn any_text(pieces: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..pieces).prop_map(|pieces| pieces.concat())
}

fn any_key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(KEYS)
}

fn any_number() -> impl Strategy<Value = f64> {
    let special = vec![0.0, -0.0, 1.0, -1.0, 1.5, 7.0, 1e15, 9.3e18, 1.9e19, -1e300, 1e300];
    prop::sample::select(special)
}

fn any_json() -> impl Strategy<Value = String> {
    let json = |text: &str| serde_json::to_string(text).unwrap();
    let leaf = prop_oneof![
        any_number().prop_map(|number| serde_json::to_string(&number).unwrap()),
        prop::sample::select(vec!["0", "7", "-3", "18446744073709551615", "true", "null"])
            .prop_map(str::to_owned),
        any_text(3).prop_map(move |text| json(&text)),
        Just(json(&"long ".repeat(60))),
    ];
    leaf.prop_recursive(3, 8, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3)
                .prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec((any_key(), inner), 0..3).prop_map(move |members| {
                let member = |(key, value): (&str, String)| format!("{}:{value}", json(key));
                let members: Vec<String> = members.into_iter().map(member).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

prop_compose! {
    fn any_entry()(
        message in any_text(8),
        attributes in prop::option::of(prop::collection::vec((any_key(), any_json()), 0..4)),
        trace in prop::option::of(prop::sample::select(vec!["trace-1", "trace 2", "a"])),
        service in prop::sample::select(vec!["payment", "Payment", "web", "支付"]),
        level in prop::sample::select(vec!["INFO", "ERROR", "AUDIT TRAIL"]),
        micros in 0..20_i64,
    ) -> EntryBuilder {
        let time = Timestamp::from_micros(1_700_000_000_000_000 + micros).unwrap();
        let builder = EntryBuilder::new(message).service(service).level(level).timestamp(time);
        let builder = match trace {
            Some(trace) => builder.trace(trace, "span"),
            None => builder,
        };
        let Some(members) = attributes else { return builder };
        let member = |(key, value)| format!("{}:{value}", serde_json::to_string(key).unwrap());
        let members: Vec<String> = members.into_iter().map(member).collect();
        builder.attributes(format!("{{{}}}", members.join(",")))
    }
}

fn any_scope() -> impl Strategy<Value = Scope> {
    prop::sample::select(vec![Scope::Entry, Scope::Message])
}

fn any_runs() -> impl Strategy<Value = Vec<String>> {
    any_text(4).prop_filter_map("no word", |text| {
        let text = text::normalize(&text).into_owned();
        let runs: Vec<String> = text::runs(&text).map(|run| run.folded().into_owned()).collect();
        (!runs.is_empty()).then_some(runs)
    })
}

fn any_words() -> impl Strategy<Value = Condition> {
    (any_scope(), any_runs(), prop::collection::vec(0..3_u8, 8), any::<bool>()).prop_map(
        |(scope, runs, edits, fuzzy)| {
            let edits = edits.into_iter().cycle().map(|edits| if fuzzy { edits } else { 0 });
            let runs = runs.into_iter().zip(edits);
            let runs = runs.map(|(text, max_edits)| FuzzyRun { text, max_edits }).collect();
            Condition::Words(Words { scope, runs })
        },
    )
}

fn any_range<T: Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = Range<T>> {
    let bound = prop::option::of((value, any::<bool>()))
        .prop_map(|bound| bound.map(|(value, is_inclusive)| Bound { value, is_inclusive }));
    (bound.clone(), bound).prop_map(|(lower, upper)| Range { lower, upper })
}

fn any_attribute() -> impl Strategy<Value = Condition> {
    let path = prop::collection::vec(any_key(), 1..4).prop_map(|keys| keys.join("."));
    let value = prop_oneof![
        any_text(3),
        any_number().prop_map(|number| number.to_string()),
        prop::sample::select(vec!["true", "null", "18446744073709551615", "b=7"])
            .prop_map(str::to_owned),
    ];
    let test = prop_oneof![
        prop::collection::vec(value, 0..3).prop_map(AttributeTest::AnyOf),
        any_text(2).prop_map(AttributeTest::Prefix),
        Just(AttributeTest::Exists),
        any_range(prop::sample::select(vec![-1.5, -0.0, 0.0, 1.0, 7.0, 9.3e18, 1.9e19, 1e300]))
            .prop_map(AttributeTest::Numbers),
        any_range(any_text(2).boxed()).prop_map(AttributeTest::Strings),
    ];
    (path, test).prop_map(|(path, test)| Condition::Attribute(Attribute { path, test }))
}

fn any_keyword() -> impl Strategy<Value = Condition> {
    let field = prop::sample::select(vec![
        Keyword::ServiceName,
        Keyword::Level,
        Keyword::TraceId,
        Keyword::SpanId,
    ]);
    let value =
        prop::sample::select(vec!["payment", "支付", "INFO", "AUDIT", "trace-1", "span", "a"])
            .prop_map(str::to_owned);
    let test = prop_oneof![
        prop::collection::vec(value.clone(), 0..3).prop_map(KeywordTest::AnyOf),
        value.prop_map(KeywordTest::Prefix),
        Just(KeywordTest::Prefix(String::new())),
        Just(KeywordTest::Exists),
    ];
    (field, test).prop_map(|(field, test)| Condition::Keyword(field, test))
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let time = || {
        prop::option::of(
            (0..20_i64)
                .prop_map(|micros| Timestamp::from_micros(1_700_000_000_000_000 + micros).unwrap()),
        )
    };
    let fragment = any_text(4).prop_filter_map("empty", |text| {
        let fragment = text::fragment(&text);
        (!fragment.is_empty()).then_some(Condition::Fragment(fragment))
    });
    let leaf = prop_oneof![
        4 => any_words(),
        4 => fragment,
        4 => any_attribute(),
        2 => (any_scope(), any_runs()).prop_map(|(scope, mut runs)| {
            let mut stem = runs.remove(0);
            stem.truncate(stem.ceil_char_boundary(2));
            Condition::Prefix(Prefix { scope, stem })
        }),
        1 => any_keyword(),
        1 => (0..40_u32).prop_map(|position| Condition::Id(id(position))),
        1 => (time(), time()).prop_map(|(from, to)| Condition::Timestamp(TimeRange { from, to })),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Condition::Any),
            inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    })
}

fn id(position: u32) -> EntryId {
    let arrival = Arrival::of_request("request", Timestamp::parse("2024-06-14T12:00:00Z").unwrap());
    arrival.id(position)
}

/// The ids of the entries that meet the condition, sorted.
fn expected(entries: &[LogEntry], condition: &Condition, sort: Sort) -> Vec<EntryId> {
    let mut hits: Vec<&LogEntry> =
        entries.iter().filter(|entry| condition.matches(&Subject::new(entry))).collect();
    hits.sort_by_key(|entry| (entry.timestamp, entry.id));
    if sort == Sort::Newest {
        hits.reverse();
    }
    hits.into_iter().map(|entry| entry.id).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_index_finds_the_entries_that_match_in_memory(
        builders in prop::collection::vec(any_entry(), 1..40),
        conditions in prop::collection::vec(any_condition(), 60),
    ) {
        let entries: Vec<LogEntry> =
            (0..).zip(builders).map(|(position, builder)| builder.id(id(position)).build()).collect();
        let directory = TempDir::new().unwrap();
        let index = Inner::open(directory.path(), DEFAULT_ATTRIBUTES_MAX).unwrap();
        for batch in entries.chunks(20) {
            index.writer.add(batch).unwrap();
        }
        for condition in conditions {
            for sort in Sort::ALL {
                let query = SearchQuery { sort, ..SearchQuery::new(condition.clone(), 100) };
                let hits = index.search(&query).unwrap();
                let found: Vec<EntryId> = hits.entries.iter().map(|entry| entry.id).collect();
                let expected = expected(&entries, &condition, sort);
                prop_assert_eq!(hits.total, expected.len() as u64, "{:?}", &condition);
                if sort == Sort::Relevance {
                    let found: BTreeSet<EntryId> = found.into_iter().collect();
                    prop_assert_eq!(found, expected.into_iter().collect(), "{:?}", &condition);
                } else {
                    prop_assert_eq!(found, expected, "{:?}", &condition);
                }
            }
        }
    }
}
