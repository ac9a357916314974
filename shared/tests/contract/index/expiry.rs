//! Days of a class are dropped as a whole.

use std::collections::BTreeSet;

use shared::index::Index;
use shared::log_entry::Day;
use shared::retention::Class;
use shared::search::SearchQuery;
use shared::testing::EntryBuilder;
use shared::{Arrival, LogEntry};

use super::{Fixture, add, at, opensearch, tantivy, text, wait_for_total};

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [
        the_days_of_each_class_are_listed,
        only_the_days_of_the_class_before_the_first_are_dropped,
        an_entry_of_a_dropped_day_can_be_added_again,
        columns_of_another_class_remain,
    ]
}

const DAYS: [&str; 3] = ["2024-06-14", "2024-06-15", "2024-06-16"];

fn debug() -> Class {
    Class::new("level:debug").unwrap()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn entry(day: &str, class: &Class) -> LogEntry {
    let arrival = Arrival::new(at(&format!("{day}T12:00:00Z")));
    let attributes = format!(r#"{{"class":"{class}","size":7}}"#);
    let entry = EntryBuilder::new(format!("entry of {day}")).arrival(&arrival, 0);
    LogEntry { retention: class.clone(), ..entry.attributes(attributes).build() }
}

/// Adds an entry of each class and day.
async fn add_one_of_each(index: &dyn Index) -> Vec<LogEntry> {
    let classes = [Class::DEFAULT, debug()];
    let of_day = |day| classes.iter().map(move |class| entry(day, class));
    let entries: Vec<LogEntry> = DAYS.into_iter().flat_map(of_day).collect();
    add(index, &entries).await;
    entries
}

/// The days and classes of the entries that the query finds.
async fn found(index: &dyn Index, query: &str) -> BTreeSet<(Day, Class)> {
    let query = SearchQuery { limit: 100, ..text(query) };
    let hits = index.search(&query).await.unwrap();
    hits.entries.into_iter().map(|hit| (Day::of(hit.id), hit.retention)).collect()
}

async fn the_days_of_each_class_are_listed(fixture: Fixture) {
    let index = fixture.open().await;
    let entries = add_one_of_each(&*index).await;
    let all: BTreeSet<Day> = DAYS.into_iter().map(day).collect();
    for class in [Class::DEFAULT, debug()] {
        assert_eq!(index.days(&class).await.unwrap(), all, "{class}");
    }
    assert!(index.days(&Class::new("level:info").unwrap()).await.unwrap().is_empty());
    let expected = entries.iter().map(|entry| (Day::of(entry.id), entry.retention.clone()));
    assert_eq!(found(&*index, "entry").await, expected.collect());
}

async fn only_the_days_of_the_class_before_the_first_are_dropped(fixture: Fixture) {
    let index = fixture.open().await;
    add_one_of_each(&*index).await;
    for _ in 0..2 {
        index.drop_before(&debug(), day(DAYS[2])).await.unwrap();
        let expected = [
            (day(DAYS[0]), Class::DEFAULT),
            (day(DAYS[1]), Class::DEFAULT),
            (day(DAYS[2]), Class::DEFAULT),
            (day(DAYS[2]), debug()),
        ];
        assert_eq!(found(&*index, "entry").await, expected.into());
        assert_eq!(index.days(&debug()).await.unwrap(), [day(DAYS[2])].into());
        assert_eq!(index.days(&Class::DEFAULT).await.unwrap().len(), 3);
    }
    index.drop_before(&Class::DEFAULT, day("2024-07-01")).await.unwrap();
    assert_eq!(found(&*index, "entry").await, [(day(DAYS[2]), debug())].into());
    let reopened = fixture.open().await;
    assert_eq!(found(&*reopened, "entry").await, [(day(DAYS[2]), debug())].into());
}

async fn an_entry_of_a_dropped_day_can_be_added_again(fixture: Fixture) {
    let index = fixture.open().await;
    let entries = add_one_of_each(&*index).await;
    index.drop_before(&Class::DEFAULT, day(DAYS[1])).await.unwrap();
    assert_eq!(index.add(&entries).await.unwrap(), []);
    wait_for_total(&*index, 6).await;
    assert_eq!(found(&*index, "entry").await.len(), 6);
}

async fn columns_of_another_class_remain(fixture: Fixture) {
    let index = fixture.open().await;
    add_one_of_each(&*index).await;
    index.drop_before(&Class::DEFAULT, day("2024-07-01")).await.unwrap();
    let found = found(&*index, "size:>5").await;
    assert_eq!(found, DAYS.into_iter().map(|one| (day(one), debug())).collect());
}
