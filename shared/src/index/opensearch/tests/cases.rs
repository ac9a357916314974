//! Texts and attributes that OpenSearch could easily treat differently.

use super::server::{Filled, is_required};
use crate::error::Error;
use crate::index::Index;
use crate::log_entry::{Arrival, LogEntry, Timestamp};
use crate::query::{
    Attribute, AttributeTest, Bound, Condition, FuzzyRun, Prefix, Range, Scope, Subject, Words,
};
use crate::search::{SearchQuery, Sort};
use crate::testing::{EntryBuilder, entries, entry};
use crate::text;

fn fuzzy_words(scope: Scope, words: &str, max_edits: u8) -> Condition {
    let normalized = text::word_text(words);
    let runs = text::runs(&normalized);
    let runs = runs.map(|run| FuzzyRun { text: run.folded().into_owned(), max_edits }).collect();
    Condition::Words(Words { scope, runs })
}

fn words(words: &str) -> Condition {
    fuzzy_words(Scope::Message, words, 0)
}

fn fragment(text: &str) -> Condition {
    Condition::Fragment(text::fragment(text))
}

fn attribute(path: &str, test: AttributeTest) -> Condition {
    Condition::Attribute(Attribute { path: path.to_owned(), test })
}

fn at_least(path: &str, value: f64) -> Condition {
    let lower = Some(Bound { value, is_inclusive: true });
    attribute(path, AttributeTest::Numbers(Range { lower, upper: None }))
}

/// Asserts that the index finds the same entries as an evaluation in memory, and whether there are
/// any.
fn assert_agrees(filled: &Filled, condition: &Condition, has_hits: bool) {
    let subjects = filled.entries.iter();
    let hits = subjects.filter(|entry| condition.matches(&Subject::new(entry)));
    let expected: Vec<_> = hits.map(|entry| entry.id).collect();
    assert_eq!(filled.found(condition), expected, "{condition:?}");
    assert_eq!(!expected.is_empty(), has_hits, "{condition:?}");
}

/// An index with messages in many scripts, and the message that consists of ideographs.
struct Scripts {
    filled: Filled,
    ideographs: String,
}

impl Scripts {
    fn new() -> Self {
        let ideographs: String = ('\u{4e00}'..).take(400).collect();
        let long_message =
            format!("{} needle {}", "filler-text ".repeat(50_000), "用户".repeat(70_000));
        let messages = [
            &ideographs,
            &long_message,
            "İstanbul'da",
            "ΟΔΟΣ",
            "ＡＢＣ１２",
            "cafe\u{301} re\u{301}sume\u{301}",
            "pass\u{200b}word so\u{ad}ft",
            "🚀👩\u{200d}🚀 !=",
            "",
            "... --- ...",
            "if (a != b)",
            "\u{1b}[32mDEBUG\u{1b}[0m 5ms",
            "nul\0nul \u{10ffff}",
            "tab\there\r\nline",
            "say \"hi\" \\ * ? ~",
            "ᏣᎳᎩ ꮳꮃꭹ",
        ];
        let filled = Filled::new("", entries(messages));
        Self { filled, ideographs }
    }
}

#[test]
fn words_of_all_scripts_are_found() {
    if !is_required() {
        return;
    }
    let Scripts { filled, ideographs } = Scripts::new();
    for text in [
        &ideographs,
        &ideographs[300..330],
        "İSTANBUL",
        "istanbul",
        "i\u{307}stanbul",
        "οδος",
        "οδοσ",
        "abc12",
        "12",
        "café",
        "cafe\u{301}",
        "résumé",
        "password",
        "pass",
        "soft",
        "DEBUG",
        "32mdebug",
        "needle",
        "用户用户",
        "nul nul",
        "tab here line",
        "say hi",
        "ꮳꮃꭹ",
        "ᏣᎳᎩ",
    ] {
        let has_hits = !["istanbul", "pass", "32mdebug"].contains(&text);
        assert_agrees(&filled, &words(text), has_hits);
    }
}

#[test]
fn fragments_of_all_scripts_are_found() {
    if !is_required() {
        return;
    }
    let Scripts { filled, ideographs } = Scripts::new();
    for (text, has_hits) in [
        (ideographs.as_str(), true),
        (&ideographs[3..9], true),
        ("İs", true),
        ("is", false),
        ("i", true),
        ("δος", true),
        ("bc1", true),
        ("ｃ", true),
        ("é r", true),
        ("e\u{301} r", true),
        ("e", true),
        ("asswor", true),
        ("s\u{200b}s", true),
        ("ftx", false),
        ("🚀", true),
        ("\u{1f680}\u{1f469}", true),
        ("👩\u{200d}🚀 !", true),
        ("!=", true),
        ("a != b", true),
        ("!= c", false),
        ("mDEBUG", true),
        ("DEBUG 5", true),
        ("\u{1b}[32m", true),
        ("l\0n", true),
        ("\u{10ffff}", true),
        ("b h", true),
        ("e  l", true),
        ("\"hi\" \\ * ?", true),
        ("*", true),
        ("?", true),
        ("~", true),
        ("\\", true),
        ("ꮳ", true),
        ("ᎳᎩ ᏣᎳ", true),
        ("户用户用", true),
        ("needle 用", true),
        ("-- .", true),
        ("zzzz", false),
        ("\u{fffe}", false),
    ] {
        assert_agrees(&filled, &fragment(text), has_hits);
        assert_agrees(&filled, &Condition::Not(Box::new(fragment(text))), true);
    }
    let prefix =
        |text: &str| Condition::Prefix(Prefix { scope: Scope::Entry, text: text.to_owned() });
    for (stem, has_hits) in
        [("needl", true), ("ab", true), ("i\u{307}", true), ("", true), ("|", false)]
    {
        assert_agrees(&filled, &prefix(stem), has_hits);
    }
}

#[test]
fn exact_words_come_before_fuzzy_ones() {
    if !is_required() {
        return;
    }
    let exact =
        "a long message in which the word time-out stands among many others that say little";
    let filled = Filled::new("", entries([exact, "times outs time1 outs", "out time", "tmie out"]));
    let condition = fuzzy_words(Scope::Entry, "time out", 1);
    let filter = fragment("t");
    for condition in [condition.clone(), Condition::All(vec![filter, condition])] {
        let query = SearchQuery { sort: Sort::Relevance, ..SearchQuery::new(condition, 10) };
        let hits = filled.run(filled.index.search(&query)).unwrap();
        assert_eq!(hits.total, 4);
        assert_eq!(hits.entries[0].message, exact);
    }
}

#[test]
fn the_largest_queries_are_accepted() {
    if !is_required() {
        return;
    }
    let many: Vec<String> = (0..256).map(|n| format!("word{}", n % 26)).collect();
    let ideographs: String = ('\u{4e00}'..).take(1024).collect();
    let filled = Filled::new("", entries([many.join(" "), ideographs.clone()]));
    let words = fuzzy_words(Scope::Entry, &many.join(" "), 1);
    let fragments = vec![fragment(&ideographs); 63];
    let all = Condition::All([fragments, vec![words.clone()]].concat());
    let mut nested = words.clone();
    for _ in 0..16 {
        nested = Condition::Any(vec![Condition::Not(Box::new(nested)), fragment("zzzz")]);
    }
    let single = |n: usize| fuzzy_words(Scope::Entry, &many[n * 4..][..4].join(" "), 2);
    let separate = Condition::All((0..64).map(single).collect());
    for condition in [words, all, nested, separate] {
        let subject = |entry: &&LogEntry| condition.matches(&Subject::new(entry));
        let expected = filled.entries.iter().filter(subject).count() as u64;
        for sort in Sort::ALL {
            let query = SearchQuery { sort, ..SearchQuery::new(condition.clone(), 10) };
            assert_eq!(filled.run(filled.index.search(&query)).unwrap().total, expected);
        }
    }
}

#[test]
fn attributes_are_compared_exactly() {
    if !is_required() {
        return;
    }
    let many: Vec<String> = (0..1000).map(|n| format!(r#""k{n}":{n}"#)).collect();
    let entries = [
        r#"{"a":1,"a":"2","b":{"c":[-0.0,"x"]}}"#.to_owned(),
        r#"{"a.b":1,"a":{"b":2},"":3,"a=b":"c"}"#.to_owned(),
        format!("{{{}}}", many.join(",")),
        format!(r#"{{"long":"{}"}}"#, "v".repeat(100_000)),
    ];
    let arrival = Arrival::new(Timestamp::now());
    let entries = (0..).zip(entries).map(|(position, json)| {
        EntryBuilder::new("m").arrival(&arrival, position).attributes(json).build()
    });
    let filled = Filled::new("&attributes=1000", entries.collect());
    let any_of = |text: &str| AttributeTest::AnyOf(vec![text.to_owned()]);
    for (condition, has_hits) in [
        (attribute("a", any_of("2")), true),
        (attribute("a", any_of("1")), false),
        (attribute("a", any_of("b=c")), false),
        (attribute("a=b", any_of("c")), true),
        (attribute("a.b", any_of("1")), true),
        (attribute("", any_of("3")), true),
        (attribute("b", AttributeTest::Exists), true),
        (attribute("b.c", AttributeTest::Exists), true),
        (attribute("b.", AttributeTest::Exists), false),
        (attribute("k99", AttributeTest::Exists), true),
        (attribute("k999", any_of("999")), true),
        (attribute("long", AttributeTest::Prefix("v".repeat(4000))), true),
        (attribute("long", AttributeTest::Prefix("v".repeat(5000))), false),
        (at_least("b.c", 0.0), true),
        (at_least("b.c", 0.1), false),
        (at_least("a", 1.0), false),
        (at_least("a.b", 2.0), true),
        (at_least("", 3.0), true),
        (at_least("k100", 100.0), true),
        (at_least("missing", 0.0), false),
    ] {
        assert_agrees(&filled, &condition, has_hits);
    }
}

#[test]
fn a_range_on_an_attribute_beyond_the_limit_is_rejected() {
    if !is_required() {
        return;
    }
    let too_long = "p".repeat(500);
    let with = |json: String| EntryBuilder::new("m").attributes(json).build();
    let entries = vec![
        with(r#"{"a":1,"b":{"c":2},"flag":true}"#.to_owned()),
        with(r#"{"d":3,"a":"x"}"#.to_owned()),
        with(r#"{"e":4}"#.to_owned()),
        with(format!(r#"{{"{too_long}":5}}"#)),
    ];
    let filled = Filled::new("&attributes=2", entries.clone());
    let rejected = |condition: &Condition| match filled.search(condition) {
        Err(error @ Error::Rejected { .. }) => Some(format!("{error}")),
        other => other.map(|_| None).unwrap(),
    };
    for (path, is_rejected) in [
        ("a", false),
        ("b.c", false),
        ("d", true),
        ("e", true),
        ("missing", false),
        (&too_long, true),
    ] {
        let condition = at_least(path, 0.0);
        let Some(reason) = rejected(&condition) else {
            assert!(!is_rejected, "{path}");
            assert_agrees(&filled, &condition, path != "missing");
            continue;
        };
        assert!(is_rejected, "{path}: {reason}");
        let expected = format!("do not support ranges and statistics on {path};");
        assert!(reason.contains(&expected), "{reason}");
        let equality = attribute(path, AttributeTest::Exists);
        assert_agrees(&filled, &equality, true);
    }
    // No entry has the attribute in this time range.
    let past = Condition::Timestamp(crate::query::TimeRange {
        from: None,
        to: Some(Timestamp::parse("1980-01-01T00:00:00Z").unwrap()),
    });
    assert_eq!(rejected(&past.and(at_least("e", 0.0))), None);
    let roomy = Filled::new("", entries);
    assert_agrees(&roomy, &at_least("e", 0.0), true);
    assert_agrees(&roomy, &at_least("flag", 0.0), false);
    assert!(roomy.search(&at_least(&too_long, 0.0)).is_err());
}

#[test]
fn processes_share_the_columns_of_a_day() {
    if !is_required() {
        return;
    }
    let filled = Filled::new("&attributes=10", vec![entry("first")]);
    let url = filled.url.clone();
    let adds = (0..8).map(|process| {
        let url = url.clone();
        async move {
            let index = super::super::OpenSearchIndex::open(&url).unwrap();
            let with = |n: usize| {
                let json = format!(r#"{{"own{process}":1,"k{}":{n},"k{n}":0}}"#, n + process);
                EntryBuilder::new("m").attributes(json).build()
            };
            index.add(&(0..5).map(with).collect::<Vec<LogEntry>>()).await
        }
    });
    for added in filled.run(futures_util::future::join_all(adds)) {
        assert_eq!(added.unwrap(), []);
    }
    filled.wait_for_total(41);
    let paths = (0..8).map(|n| format!("own{n}")).chain((0..12).map(|n| format!("k{n}")));
    let (mut with_columns, mut without) = (0, 0);
    for path in paths {
        let exists = filled.found(&attribute(&path, AttributeTest::Exists));
        match filled.search(&at_least(&path, 0.0)) {
            Ok(hits) => {
                assert_eq!(hits.total, exists.len() as u64, "{path}");
                with_columns += 1;
            }
            Err(error) => {
                assert!(matches!(error, Error::Rejected { .. }), "{error}");
                without += 1;
            }
        }
    }
    assert_eq!((with_columns, without), (10, 10));
}

#[test]
fn columns_are_recreated_after_their_index_was_deleted() {
    if !is_required() {
        return;
    }
    let with = |json: &str| EntryBuilder::new("m").attributes(json).build();
    let mut filled = Filled::new("", vec![with(r#"{"a":1}"#)]);
    filled.delete_indexes();
    let recreated = with(r#"{"a":2}"#);
    assert_eq!(filled.run(filled.index.add(std::slice::from_ref(&recreated))).unwrap(), []);
    filled.entries = vec![recreated];
    filled.wait_for_total(1);
    assert_agrees(&filled, &at_least("a", 2.0), true);
}

#[test]
fn an_earlier_releases_index_does_not_make_searches_fail() {
    if !is_required() {
        return;
    }
    let filled = Filled::new("", Vec::new());
    filled.create_index_of_earlier_release("2026.01.02");
    let old = EntryBuilder::new("payment failed").attributes(r#"{"a":1}"#);
    let old = old.id("019b7cce-6400-7000-8000-000000000000".parse().unwrap()).build();
    assert_eq!(filled.run(filled.index.add(&[old.clone(), entry("payment")])).unwrap(), []);
    filled.wait_for_total(2);
    let service = Condition::Keyword(
        crate::query::Keyword::ServiceName,
        crate::query::KeywordTest::AnyOf(vec![old.service_name.as_str().to_owned()]),
    );
    for (condition, total) in [
        (service, 2),
        (Condition::Id(old.id), 1),
        (words("payment"), 1),
        (words("payment-failed"), 0),
        (fuzzy_words(Scope::Entry, "paymnet", 2), 1),
        (fragment("ayment"), 1),
        (fragment("a"), 1),
        (Condition::Not(Box::new(fragment("payme"))), 1),
        (attribute("a", AttributeTest::Exists), 0),
        (at_least("a", 0.0), 0),
    ] {
        assert_eq!(filled.search(&condition).unwrap().total, total, "{condition:?}");
    }
    let query = SearchQuery { sort: Sort::Relevance, ..SearchQuery::new(words("payment"), 10) };
    assert_eq!(filled.run(filled.index.search(&query)).unwrap().total, 1);
    let hits = filled.search(&Condition::Id(old.id)).unwrap();
    assert_eq!(hits.entries, [old]);
}
