//! Aggregations: a table of cases with expected results, and random ones that are compared with a
//! recount.

mod cases;
mod recount;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use shared::aggregation::{
    Aggregates, Aggregation, Field, Histogram, Measure, Series, Statistic, Top,
};
use shared::index::Index;
use shared::query::Condition;
use shared::testing::EntryBuilder;
use shared::{LogEntry, Timestamp};

use self::cases::{CASES, entries as case_entries};
use self::recount::recount;
use super::generators::{PATHS, TIMES, conditions, entries};
use super::{Fixture, add, at, condition, opensearch, tantivy};

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [
        each_case_has_the_expected_results,
        random_aggregations_equal_a_recount,
        percentiles_are_close,
        the_percentile_of_one_number_is_that_number,
        an_outlier_does_not_change_other_percentiles,
        a_sum_beyond_floats_has_no_value,
        up_to_a_thousand_values_the_number_is_exact,
        many_values_are_counted,
        entries_in_several_batches_are_aggregated_together,
        an_empty_index_has_empty_results,
        an_attribute_without_columns_is_rejected,
        attributes_with_columns_are_listed,
        values_are_counted_in_a_sample,
    ]
}

async fn aggregate(index: &dyn Index, aggregation: &Aggregation) -> Aggregates {
    index.snapshot().await.unwrap().aggregate(aggregation).await.unwrap()
}

async fn each_case_has_the_expected_results(fixture: Fixture) {
    let index = fixture.open().await;
    let entries = case_entries();
    for batch in entries.chunks(40) {
        add(&*index, batch).await;
    }
    assert!(CASES.len() >= 40);
    let mut failures = Vec::new();
    for (query, what, expected) in CASES {
        let aggregation = cases::aggregation(query, what);
        let found = cases::text(&aggregate(&*index, &aggregation).await);
        let recounted = cases::text(&recount(&entries, &aggregation));
        if found != *expected || recounted != *expected {
            failures.push(format!(
                "{query} / {what}:\n  expected {expected}\n  found    {found}\n  recount  {recounted}"
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

const ENTRIES: usize = 200;
const AGGREGATIONS: usize = 150;

async fn random_aggregations_equal_a_recount(fixture: Fixture) {
    let index = fixture.open().await;
    let mut runner = TestRunner::new(Config::default());
    let entries = entries(ENTRIES).new_tree(&mut runner).unwrap().current();
    for batch in entries.chunks(70) {
        add(&*index, batch).await;
    }
    let aggregations = aggregations(&entries);
    for _ in 0..AGGREGATIONS {
        let aggregation = aggregations.new_tree(&mut runner).unwrap().current();
        let found = aggregate(&*index, &aggregation).await;
        let recounted = recount(&entries, &aggregation);
        let context = format!("{aggregation:#?}\nfound {found:#?}\nrecounted {recounted:#?}");
        assert_eq!(found.total, recounted.total, "{context}");
        assert_eq!(found.time, recounted.time, "{context}");
        assert_eq!(found.top, recounted.top, "{context}");
        assert!(are_close(&found.series, &recounted.series), "{context}");
    }
}

fn aggregations(entries: &[LogEntry]) -> impl Strategy<Value = Aggregation> + use<> {
    let field = prop_oneof![
        Just(Field::ServiceName),
        Just(Field::Level),
        Just(Field::Pattern),
        select(PATHS).prop_map(|path| Field::Attribute(path.to_owned())),
    ];
    let top = (field.clone(), 1..20_usize).prop_map(|(field, limit)| Top { field, limit });
    let number = (
        select(vec![Statistic::Sum, Statistic::Average, Statistic::Minimum, Statistic::Maximum]),
        select(PATHS),
    );
    let measure = prop_oneof![
        Just(Measure::Count),
        field.prop_map(Measure::Distinct),
        number.prop_map(|(statistic, path)| Measure::Numbers(statistic, path.to_owned())),
    ];
    let boundaries = proptest::collection::btree_set(boundary(), 2..6);
    let groups = (proptest::collection::vec(conditions(entries), 0..3), any::<bool>());
    let histogram = (boundaries, groups, measure, 0..4_usize).prop_map(
        |(boundaries, (groups, has_other), measure, newest)| Histogram {
            boundaries: boundaries.into_iter().collect(),
            groups,
            has_other,
            measure,
            newest,
        },
    );
    let condition = prop_oneof![1 => Just(Condition::everything()), 2 => conditions(entries)];
    let tops = proptest::collection::vec(top, 0..3);
    (condition, any::<bool>(), tops, option::of(histogram)).prop_map(
        |(condition, has_time, top, histogram)| Aggregation {
            has_time,
            top,
            histogram,
            ..Aggregation::of(condition)
        },
    )
}

/// A time at or next to that of an entry.
fn boundary() -> impl Strategy<Value = Timestamp> {
    (select(TIMES), -1..3_i64)
        .prop_map(|(time, offset)| Timestamp::saturating_from_micros(at(time).as_micros() + offset))
}

/// Whether the series are equal, apart from the order in which numbers were added.
fn are_close(found: &[Series], expected: &[Series]) -> bool {
    let is_close = |(found, expected): (&Option<f64>, &Option<f64>)| match (found, expected) {
        (Some(found), Some(expected)) => {
            found.total_cmp(expected).is_eq() || (found - expected).abs() <= expected.abs() * 1e-9
        }
        (found, expected) => found == expected,
    };
    found.len() == expected.len()
        && found.iter().zip(expected).all(|(found, expected)| {
            found.values.len() == expected.values.len()
                && found.time == expected.time
                && found.newest == expected.newest
                && is_close((&found.total, &expected.total))
                && found.values.iter().zip(&expected.values).all(is_close)
        })
}

async fn percentiles_are_close(fixture: Fixture) {
    let index = fixture.open().await;
    let entries: Vec<LogEntry> = (1..=1000)
        .map(|ms| EntryBuilder::new("m").attributes(format!(r#"{{"ms":{ms}}}"#)).build())
        .collect();
    add(&*index, &entries).await;
    for percent in [1, 50, 95, 99] {
        let measure = Measure::Numbers(Statistic::Percentile(percent), "ms".to_owned());
        let found = measured(&*index, measure).await.0.unwrap();
        let exact = f64::from(percent) * 10.0;
        assert!((found - exact).abs() <= 2.0 + 0.02 * exact, "p{percent}: {found}");
    }
}

/// The measure of all entries, and whether it is an estimate.
async fn measured(index: &dyn Index, measure: Measure) -> (Option<f64>, bool) {
    let histogram = Histogram {
        boundaries: Vec::new(),
        groups: Vec::new(),
        has_other: false,
        measure: measure.clone(),
        newest: 0,
    };
    let all = Aggregation::of(Condition::everything());
    let aggregation = Aggregation { histogram: Some(histogram), ..all };
    let found = aggregate(index, &aggregation).await.series.remove(0);
    (found.total, found.is_approximate(&measure))
}

async fn the_percentile_of_one_number_is_that_number(fixture: Fixture) {
    let index = fixture.open().await;
    add(&*index, &[EntryBuilder::new("m").attributes(r#"{"ms":100}"#).build()]).await;
    for percent in [1, 50, 99] {
        let percentile =
            |path: &str| Measure::Numbers(Statistic::Percentile(percent), path.to_owned());
        assert_eq!(measured(&*index, percentile("ms")).await, (Some(100.0), true));
        assert_eq!(measured(&*index, percentile("none")).await, (None, false));
    }
}

async fn an_outlier_does_not_change_other_percentiles(fixture: Fixture) {
    let index = fixture.open().await;
    let with = |ms: f64| EntryBuilder::new("m").attributes(format!(r#"{{"ms":{ms:e}}}"#)).build();
    let mut entries: Vec<LogEntry> = (0..1000_u32).map(|n| with(f64::from(n))).collect();
    entries.extend([1e300, -1e300].map(with));
    add(&*index, &entries).await;
    for percent in [5, 50, 95] {
        let measure = Measure::Numbers(Statistic::Percentile(percent), "ms".to_owned());
        let found = measured(&*index, measure).await.0.unwrap();
        assert!((found - f64::from(percent) * 10.0).abs() <= 20.0, "p{percent}: {found}");
    }
}

async fn a_sum_beyond_floats_has_no_value(fixture: Fixture) {
    let index = fixture.open().await;
    let large = || EntryBuilder::new("m").attributes(r#"{"n":1e308}"#).build();
    add(&*index, &[large(), large()]).await;
    for (statistic, expected) in
        [(Statistic::Sum, None), (Statistic::Average, None), (Statistic::Maximum, Some(1e308))]
    {
        let measure = Measure::Numbers(statistic, "n".to_owned());
        assert_eq!(measured(&*index, measure).await, (expected, false), "{statistic:?}");
    }
}

async fn up_to_a_thousand_values_the_number_is_exact(fixture: Fixture) {
    let index = fixture.open().await;
    let user = |n: u32| EntryBuilder::new("m").attributes(format!(r#"{{"user":"u{n:04}"}}"#));
    let measure = Measure::Distinct(Field::Attribute("user".to_owned()));
    for (range, expected) in [(0..900, (Some(900.0), false)), (900..1000, (Some(1000.0), false))] {
        let entries: Vec<LogEntry> = range.map(|n| user(n).build()).collect();
        add(&*index, &entries).await;
        assert_eq!(measured(&*index, measure.clone()).await, expected);
    }
}

async fn many_values_are_counted(fixture: Fixture) {
    let index = fixture.open().await;
    let user = |n: u32| EntryBuilder::new("m").attributes(format!(r#"{{"user":"u{n:04}"}}"#));
    let entries: Vec<LogEntry> =
        (0..1500).chain(0..500).chain(0..100).map(|n| user(n).build()).collect();
    add(&*index, &entries).await;
    let user = Field::Attribute("user".to_owned());
    let aggregation = Aggregation {
        top: vec![Top { field: user.clone(), limit: 3 }],
        histogram: Some(Histogram {
            boundaries: Vec::new(),
            groups: Vec::new(),
            has_other: false,
            measure: Measure::Distinct(user),
            newest: 0,
        }),
        ..Aggregation::of(Condition::everything())
    };
    let found = aggregate(&*index, &aggregation).await;
    let top = &found.top[0];
    let first: Vec<(&str, u64)> =
        top.values.iter().map(|(value, count)| (value.as_str(), *count)).collect();
    assert_eq!(first, [("u0000", 3), ("u0001", 3), ("u0002", 3)]);
    assert_eq!((top.other, top.entries), (2091, 2100));
    assert!(top.distinct.abs_diff(1500) <= 50, "{}", top.distinct);
    let measure = aggregation.histogram.unwrap().measure;
    assert!(found.series[0].is_approximate(&measure));
    let distinct = found.series[0].total.unwrap();
    assert!((distinct - 1500.0).abs() <= 75.0, "{distinct}");
}

async fn entries_in_several_batches_are_aggregated_together(fixture: Fixture) {
    let index = fixture.open().await;
    // Days of arrival are different indexes in OpenSearch.
    for (day, count) in [("2024-06-10", 2), ("2024-06-11", 3)] {
        let arrival = shared::Arrival::new(at(&format!("{day}T12:00:00Z")));
        let entries: Vec<LogEntry> = (0..count)
            .map(|position| {
                let attributes = format!(r#"{{"n":{position}}}"#);
                EntryBuilder::new("m").arrival(&arrival, position).attributes(attributes).build()
            })
            .collect();
        add(&*index, &entries).await;
    }
    let field = Field::Attribute("n".to_owned());
    let aggregation = Aggregation {
        top: vec![Top { field, limit: 10 }],
        ..Aggregation::of(Condition::everything())
    };
    let found = aggregate(&*index, &aggregation).await;
    let expected = [("0", 2), ("1", 2), ("2", 1)].map(|(text, count)| (text.to_owned(), count));
    assert_eq!(found.top[0].values, expected);
    assert_eq!(found.total, 5);
}

async fn an_empty_index_has_empty_results(fixture: Fixture) {
    let index = fixture.open().await;
    let aggregation = cases::aggregation("", "30m distinct:user by level");
    let found = aggregate(&*index, &aggregation).await;
    assert_eq!(found, recount(&[], &aggregation));
}

async fn an_attribute_without_columns_is_rejected(mut fixture: Fixture) {
    fixture.url.query_pairs_mut().append_pair("attributes", "1");
    let index = fixture.open().await;
    let with = |json: &str| EntryBuilder::new("m").attributes(json).build();
    add(&*index, &[with(r#"{"first":1}"#)]).await;
    add(&*index, &[with(r#"{"second":2}"#)]).await;
    let snapshot = index.snapshot().await.unwrap();
    for (path, is_valid) in [("first", true), ("second", false), ("third", true)] {
        let top = Top { field: Field::Attribute(path.to_owned()), limit: 1 };
        for condition in [Condition::everything(), condition("m", false)] {
            let aggregation = Aggregation { top: vec![top.clone()], ..Aggregation::of(condition) };
            let found = snapshot.aggregate(&aggregation).await;
            assert_eq!(found.is_ok(), is_valid, "{path}: {found:?}");
        }
    }
    let none = condition("nothing", false);
    let top = Top { field: Field::Attribute("second".to_owned()), limit: 1 };
    let aggregation = Aggregation { top: vec![top], ..Aggregation::of(none) };
    assert_eq!(snapshot.aggregate(&aggregation).await.unwrap().total, 0);
}

async fn attributes_with_columns_are_listed(fixture: Fixture) {
    let index = fixture.open().await;
    let snapshot = index.snapshot().await.unwrap();
    assert_eq!(snapshot.attributes().await.unwrap(), [""; 0]);
    let json = r#"{"b":1,"a":{"c.d":"x","é":[true]},"":null,"long":"LONG"}"#;
    let json = json.replace("LONG", &"x".repeat(300));
    add(&*index, &[EntryBuilder::new("m").attributes(json).build()]).await;
    let snapshot = index.snapshot().await.unwrap();
    assert_eq!(snapshot.attributes().await.unwrap(), ["", "a.c.d", "a.é", "b"]);
}

async fn values_are_counted_in_a_sample(fixture: Fixture) {
    let index = fixture.open().await;
    let entry = |n: u32| {
        let level = if n.is_multiple_of(4) { "ERROR" } else { "INFO" };
        let attributes = if n.is_multiple_of(2) { r#"{"a":1,"b":"x"}"# } else { r#"{"b":true}"# };
        EntryBuilder::new("m").level(level).attributes(attributes).build()
    };
    let entries: Vec<LogEntry> = (0..2000).map(entry).collect();
    add(&*index, &entries).await;
    let top = |field| Top { field, limit: 2 };
    let attribute = |path: &str| top(Field::Attribute(path.to_owned()));
    let aggregation = Aggregation {
        top: vec![top(Field::Level), attribute("a"), attribute("b"), attribute("none")],
        sample: Some(500),
        ..Aggregation::of(Condition::everything())
    };
    let found = aggregate(&*index, &aggregation).await;
    assert_eq!(found.total, 2000);
    assert!((400..=600).contains(&found.examined), "{}", found.examined);
    let [level, a, b, none] = [0, 1, 2, 3].map(|n: usize| found.top[n].clone());
    assert_eq!(level.entries, found.examined);
    assert_eq!((a.kinds.strings, a.kinds.numbers, a.kinds.booleans), (false, true, false));
    assert_eq!((b.kinds.strings, b.kinds.numbers, b.kinds.booleans), (true, false, true));
    assert_eq!((none.entries, none.distinct), (0, 0));
    for (values, text, percent) in [(level, "INFO", 75), (a, "1", 50), (b, "true", 50)] {
        let (_, count) = values.values.iter().find(|(value, _)| value == text).unwrap();
        let expected = found.examined * percent / 100;
        assert!(count.abs_diff(expected) < 80, "{text}: {count} of {}", found.examined);
    }
    let all = Aggregation { sample: Some(2000), ..aggregation };
    assert_eq!(aggregate(&*index, &all).await.examined, 2000);
}
