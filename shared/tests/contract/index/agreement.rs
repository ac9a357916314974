//! Random queries find exactly the entries that match in a scan. `PROPTEST_CASES` is the number of
//! queries.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};
use shared::LogEntry;
use shared::index::Index;
use shared::query::{Condition, Subject};
use shared::search::{SearchQuery, Sort};

use super::generators::{conditions, entries};
use super::{Fixture, add, opensearch, tantivy};

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [random_queries_find_exactly_the_matching_entries,]
}

const ENTRIES: usize = 300;
const CASES: u32 = 1000;

async fn random_queries_find_exactly_the_matching_entries(fixture: Fixture) {
    let index = fixture.open().await;
    let mut runner = TestRunner::new(Config::default());
    let entries = entries(ENTRIES).new_tree(&mut runner).unwrap().current();
    for batch in entries.chunks(100) {
        add(&*index, batch).await;
    }
    let conditions = conditions(&entries);
    let cases = std::env::var("PROPTEST_CASES").map_or(CASES, |cases| cases.parse().unwrap());
    let mut distinguishing = 0;
    for sort in Sort::ALL.into_iter().cycle().take(cases as usize) {
        let mut tree = conditions.new_tree(&mut runner).unwrap();
        let matching = matching(&entries, &tree.current(), sort).len();
        distinguishing += u32::from((1..ENTRIES).contains(&matching));
        if disagreement(&*index, &entries, &tree.current(), sort).await.is_some() {
            let (condition, disagreement) = simplest(&*index, &entries, &mut tree, sort).await;
            panic!("{condition:?}, {sort:?}: {disagreement}");
        }
    }
    assert!(
        distinguishing > cases / 4,
        "only {distinguishing} queries match some but not all entries"
    );
}

/// The matching entries: newest first for [`Sort::Newest`], otherwise oldest first.
fn matching<'e>(entries: &'e [LogEntry], condition: &Condition, sort: Sort) -> Vec<&'e LogEntry> {
    let matching = entries.iter().filter(|entry| condition.matches(&Subject::new(entry)));
    let mut matching: Vec<&LogEntry> = matching.collect();
    matching.sort_by_key(|entry| (entry.timestamp, entry.id));
    if sort == Sort::Newest {
        matching.reverse();
    }
    matching
}

/// How the hits differ from the matching entries, if they do.
async fn disagreement(
    index: &dyn Index,
    entries: &[LogEntry],
    condition: &Condition,
    sort: Sort,
) -> Option<String> {
    let query = SearchQuery { sort, ..SearchQuery::new(condition.clone(), ENTRIES) };
    let mut hits = index.search(&query).await.unwrap();
    if sort == Sort::Relevance {
        hits.entries.sort_by_key(|entry| (entry.timestamp, entry.id));
    }
    let matching = matching(entries, condition, sort);
    let agree = hits.total == matching.len() as u64
        && hits.total_is_exact
        && hits.entries.iter().map(|hit| hit.id).eq(matching.iter().map(|entry| entry.id));
    let difference = || {
        let ids = |entries: &[&LogEntry]| entries.iter().map(|entry| entry.id).collect();
        let found: BTreeSet<_> = ids(&hits.entries.iter().collect::<Vec<_>>());
        let expected: BTreeSet<_> = ids(&matching);
        let wrong: Vec<String> = entries
            .iter()
            .filter(|entry| found.contains(&entry.id) != expected.contains(&entry.id))
            .map(|entry| String::from_utf8_lossy(&entry.to_json()).into_owned())
            .collect();
        format!(
            "total {} instead of {}; wrongly found or missing: {wrong:#?}",
            hits.total,
            matching.len()
        )
    };
    (!agree).then(difference)
}

/// The simplest condition found for which the index and the scan still disagree, and how they
/// differ.
async fn simplest(
    index: &dyn Index,
    entries: &[LogEntry],
    tree: &mut impl ValueTree<Value = Condition>,
    sort: Sort,
) -> (Condition, String) {
    let mut simplest = None;
    loop {
        let condition = tree.current();
        let can_continue = match disagreement(index, entries, &condition, sort).await {
            Some(disagreement) => {
                simplest = Some((condition, disagreement));
                tree.simplify()
            }
            None => tree.complicate(),
        };
        if !can_continue {
            break simplest.unwrap();
        }
    }
}
