//! The index finds exactly the entries that match a condition in memory.

use std::cell::Cell;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::generators::{conditions, entries};
use super::server::{Filled, is_required};
use crate::query::Subject;

/// The number of entries in the index.
const ENTRIES: usize = 500;
const CONDITIONS: u32 = 1000;

#[test]
fn random_conditions_find_exactly_the_matching_entries() {
    if !is_required() {
        return;
    }
    let mut runner = TestRunner::new(Config::with_cases(cases()));
    let entries = entries(ENTRIES).new_tree(&mut runner).unwrap().current();
    let conditions = conditions(&entries);
    let filled = Filled::new("", entries);
    let subjects: Vec<Subject<'_>> = filled.entries.iter().map(Subject::new).collect();
    let distinguishing = Cell::new(0);
    let result = runner.run(&conditions, |condition| {
        let found = filled.found(&condition);
        for (entry, subject) in filled.entries.iter().zip(&subjects) {
            let is_found = found.binary_search(&entry.id).is_ok();
            if is_found != condition.matches(subject) {
                let json = String::from_utf8_lossy(&entry.to_json()).into_owned();
                return Err(TestCaseError::fail(format!("found: {is_found}, {json}")));
            }
        }
        let is_distinguishing = (1..ENTRIES).contains(&found.len());
        distinguishing.set(distinguishing.get() + u32::from(is_distinguishing));
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
    assert!(distinguishing.get() > cases() / 4, "{distinguishing:?}");
}

fn cases() -> u32 {
    let cases = std::env::var("PROPTEST_CASES").ok();
    cases.map_or(CONDITIONS, |cases| cases.parse().unwrap())
}
