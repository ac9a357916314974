//! Random entries and conditions, built from a small vocabulary so that they often match.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use shared::pattern::PatternId;
use shared::query::{
    Attribute, AttributeTest, Bound, Condition, FuzzyRun, Keyword, KeywordTest, Prefix, Range,
    Scope, TimeRange, Words,
};
use shared::testing::EntryBuilder;
use shared::{Arrival, LogEntry, Timestamp, text};

const TEXTS: &[&str] = &[
    "a",
    "b",
    "ab",
    "timeout",
    "tiemout",
    "TIMEOUT",
    "time",
    "out",
    "OOMKilled",
    "oom",
    "killed",
    "14T12",
    "T12",
    "1a1",
    "643B0FF09D44C745DF4E",
    "10.0.0.1",
    "10.0.0.15",
    "user_id=42",
    "!=",
    "::",
    "|",
    "_",
    "-",
    "\"",
    "\\",
    "*",
    "?",
    "用户支付失败",
    "支付",
    "付",
    "한국어",
    "ภาษาไทย",
    "İstanbul",
    "i\u{307}",
    "ΟΔΟΣ",
    "ος",
    "οσ",
    "ＡＢＣ",
    "abc",
    "é",
    "e\u{301}",
    "e",
    "x\u{200b}y",
    "xy",
    "so\u{ad}ft",
    "🚀",
    "👩\u{200d}🚀",
    "🇩🇪",
    "\u{1b}[32m",
    "\u{1b}[0m",
    "\u{1b}",
    "Ꭰꮳ",
    "ꭰᏣ",
    "ß",
    "ẞ",
    "ss",
    "ﷺ",
    "ｶﾞ",
    "ガ",
    "\u{a8}",
    "\0",
    "\t",
    "\u{85}",
    "½",
    "①",
    "ﬁ",
    "ĳ",
    "\u{345}",
    "Ω",
    "\u{2126}",
    "ǅ",
    "ᾳ",
];

const SEPARATORS: &[&str] = &["", " ", " ", "  ", "-", ".", "/", "\n"];

pub(super) const PATHS: &[&str] = &["", "n", "n.m", "a", "a.b", "a=b", "a\\", "a.", ".", "é \"*\""];

pub(super) const TIMES: &[&str] =
    &["1970-01-01T00:00:00Z", "2026-11-26T12:00:00.000001Z", "2026-11-26T12:00:00.000002Z"];

const LEVELS: &[&str] = &["TRACE", "INFO", "ERROR", "AUDIT"];

const NUMBERS: &[f64] = &[-1.5, -0.0, 0.0, 1.0, 2.0, 42.0, 1e300];

fn text_of(count: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = String> {
    let long = Just("x".repeat(1030));
    let word = prop_oneof![80 => select(TEXTS).prop_map(str::to_owned), 1 => long];
    vec((word, select(SEPARATORS)), count).prop_map(|words| {
        words.into_iter().flat_map(|(word, separator)| [word, separator.to_owned()]).collect()
    })
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        text_of(0..3).prop_map(Value::from),
        select(NUMBERS).prop_map(Value::from),
        (-2i64..50).prop_map(Value::from),
        select(vec![json!(true), json!(null), json!("42"), json!("true"), json!(u64::MAX)]),
        Just(json!("v".repeat(300))),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => scalar(),
        1 => vec(scalar(), 0..3).prop_map(Value::from),
        1 => (select(PATHS), scalar()).prop_map(|(key, value)| json!({key: value})),
    ]
}

fn attributes() -> impl Strategy<Value = Option<String>> {
    option::of(vec((select(PATHS), value()), 0..4)).prop_map(|members| {
        let members = members?.into_iter().map(|(key, value)| format!("{}:{value}", json!(key)));
        Some(format!("{{{}}}", members.collect::<Vec<String>>().join(",")))
    })
}

fn nonempty(count: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    text_of(count).prop_filter("empty", |text| !text.is_empty())
}

fn short() -> impl Strategy<Value = String> {
    nonempty(1..4).prop_map(|text| text.chars().take(100).collect())
}

/// Entries that all arrive at the same time.
pub(super) fn entries(count: usize) -> impl Strategy<Value = Vec<LogEntry>> {
    let service = prop_oneof![3 => select(vec!["pay", "pay-api", "Pay"]).prop_map(str::to_owned), 1 => short()];
    let entry = (
        text_of(0..7),
        service,
        select(LEVELS),
        select(TIMES),
        attributes(),
        option::of((short(), select(vec!["7", "00f0"]))),
    );
    vec(entry, count).prop_map(|entries| {
        let arrival = Arrival::new(Timestamp::now());
        let entries = (0..).zip(entries).map(|(position, entry)| {
            let (message, service, level, time, attributes, trace) = entry;
            let mut builder = EntryBuilder::new(message)
                .arrival(&arrival, position)
                .service(service)
                .level(level)
                .timestamp(Timestamp::parse(time).unwrap());
            if let Some(attributes) = attributes {
                builder = builder.attributes(attributes);
            }
            if let Some((trace_id, span_id)) = trace {
                builder = builder.trace(trace_id, span_id);
            }
            builder.build()
        });
        entries.collect()
    })
}

fn scope() -> impl Strategy<Value = Scope> {
    select(vec![Scope::Entry, Scope::Message])
}

fn words() -> impl Strategy<Value = Condition> {
    (scope(), nonempty(1..3), any::<bool>()).prop_filter_map(
        "no words",
        |(scope, text, is_fuzzy)| {
            let normalized = text::word_text(&text);
            let runs = text::runs(&normalized).map(|run| {
                let text = run.folded().into_owned();
                let max_edits = match text.chars().count() {
                    3..=5 if is_fuzzy => 1,
                    6..=32 if is_fuzzy => 2,
                    _ => 0,
                };
                FuzzyRun { text, max_edits }
            });
            let runs: Vec<FuzzyRun> = runs.collect();
            (!runs.is_empty()).then_some(Condition::Words(Words { scope, runs }))
        },
    )
}

fn prefix() -> impl Strategy<Value = Condition> {
    (scope(), nonempty(1..2), 1..4usize).prop_map(|(scope, text, length)| {
        let text = text::fragment(&text).chars().take(length).collect();
        Condition::Prefix(Prefix { scope, text })
    })
}

/// Fragments that may begin and end anywhere in the text.
fn fragment() -> impl Strategy<Value = Condition> {
    (nonempty(1..4), 0..6usize, 1..12usize).prop_filter_map("empty", |(text, start, length)| {
        let part: String = text.chars().skip(start).take(length).collect();
        let fragment = text::fragment(&part);
        (!fragment.is_empty()).then_some(Condition::Fragment(fragment))
    })
}

fn keyword() -> impl Strategy<Value = Condition> {
    let value = prop_oneof![
        select(vec!["pay", "pay-api", "INFO", "ERROR", "7", "00f0"]).prop_map(str::to_owned),
        short(),
    ];
    let test = prop_oneof![
        vec(value.clone(), 0..3).prop_map(KeywordTest::AnyOf),
        value.prop_map(|stem| KeywordTest::Prefix(stem.chars().take(2).collect())),
        Just(KeywordTest::Exists),
    ];
    let field =
        select(vec![Keyword::ServiceName, Keyword::Level, Keyword::TraceId, Keyword::SpanId]);
    (field, test).prop_map(|(field, test)| Condition::Keyword(field, test))
}

fn range<T: Clone + std::fmt::Debug>(
    value: impl Strategy<Value = T> + Clone,
) -> impl Strategy<Value = Range<T>> {
    let bound = option::of((value, any::<bool>()))
        .prop_map(|bound| bound.map(|(value, is_inclusive)| Bound { value, is_inclusive }));
    (bound.clone(), bound).prop_map(|(lower, upper)| Range { lower, upper })
}

fn attribute() -> impl Strategy<Value = Condition> {
    let value = prop_oneof![
        scalar().prop_map(|value| value.as_str().map_or(value.to_string(), str::to_owned)),
        select(vec!["42", "true", "0", "-0", "1", "null", ""]).prop_map(str::to_owned),
    ]
    .boxed();
    let test = prop_oneof![
        vec(value.clone(), 0..3).prop_map(AttributeTest::AnyOf),
        value.clone().prop_map(|text| AttributeTest::Prefix(text.chars().take(2).collect())),
        Just(AttributeTest::Exists),
        range(select(NUMBERS)).prop_map(AttributeTest::Numbers),
        range(value).prop_map(AttributeTest::Strings),
    ];
    let path = prop_oneof![
        select(PATHS).prop_map(str::to_owned),
        (select(PATHS), select(PATHS)).prop_map(|(outer, inner)| format!("{outer}.{inner}")),
    ];
    (path, test).prop_map(|(path, test)| Condition::Attribute(Attribute { path, test }))
}

fn time() -> impl Strategy<Value = Condition> {
    let time = option::of(select(TIMES).prop_map(|time| Timestamp::parse(time).unwrap()));
    (time.clone(), time).prop_map(|(from, to)| Condition::Timestamp(TimeRange { from, to }))
}

/// Conditions on these entries.
pub(super) fn conditions(entries: &[LogEntry]) -> impl Strategy<Value = Condition> + use<> {
    let ids: Vec<_> = entries.iter().map(|entry| entry.id).collect();
    let patterns: Vec<_> =
        entries.iter().map(|entry| PatternId::of_message(&entry.message)).collect();
    let leaf = prop_oneof![
        4 => words(),
        2 => prefix(),
        4 => fragment(),
        1 => keyword(),
        1 => select(ids.clone()).prop_map(Condition::Id),
        1 => select(ids).prop_map(|id| Condition::ArrivedBefore(id.time())),
        1 => vec(select(patterns), 0..3).prop_map(Condition::Patterns),
        1 => time(),
        4 => attribute(),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Condition::All),
            vec(inner.clone(), 0..4).prop_map(Condition::Any),
            inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    })
}
