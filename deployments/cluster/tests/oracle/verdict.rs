//! The verdict: what the client knows of each entry against what the sinks have.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::load::{Known, Outcome, is_bad};

/// Examples that are told of each complaint.
const EXAMPLES: usize = 5;

/// What is wrong, each with how often, and examples.
#[derive(Default)]
pub(crate) struct Complaints(BTreeMap<String, (usize, Vec<String>)>);

impl Complaints {
    pub(crate) fn add(&mut self, what: impl Into<String>, example: impl Into<String>) {
        let (count, examples) = self.0.entry(what.into()).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(example.into());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A line a complaint.
    pub(crate) fn of(&self, run: &str) -> String {
        let line = |(what, (count, examples)): (&String, &(usize, Vec<String>))| {
            format!("{run}: {count} {what}: {}\n", examples.join(" | "))
        };
        self.0.iter().map(line).collect()
    }
}

/// Compares what a sink has with what the client knows; answers how many are there too often.
pub(crate) fn judge(
    known: &Known,
    sink: &str,
    found: &[Value],
    complaints: &mut Complaints,
) -> usize {
    let mut by_message: HashMap<&str, Vec<&Value>> = HashMap::new();
    for entry in found {
        by_message.entry(entry["message"].as_str().unwrap()).or_default().push(entry);
    }
    let mut duplicates = 0;
    for (number, outcome) in known.outcomes() {
        let there = by_message.remove(known.message(number).as_str()).unwrap_or_default();
        duplicates += there.len().saturating_sub(1);
        for what in wrong(known, number, &outcome, &there) {
            complaints.add(format!("{what} ({sink})"), format!("{number} {outcome:?} {there:?}"));
        }
    }
    for (message, _) in by_message {
        complaints.add(format!("that nobody sent ({sink})"), message);
    }
    duplicates
}

/// What is wrong with an entry that is there so many times.
fn wrong(known: &Known, number: u64, outcome: &Outcome, there: &[&Value]) -> Vec<&'static str> {
    let mut expected = known.entry(number);
    // If nobody was told an id, it has whatever it got.
    expected["id"] = there.first().map_or(Value::Null, |entry| entry["id"].clone());
    let mut wrong = Vec::new();
    match outcome {
        Outcome::Acknowledged(id) => {
            expected["id"] = Value::from(id.as_str());
            if is_bad(number) {
                wrong.push("bad, but acknowledged");
            }
            if there.is_empty() {
                wrong.push("acknowledged and lost");
            }
        }
        Outcome::Refused if !is_bad(number) => wrong.push("good, but refused"),
        Outcome::Refused if !there.is_empty() => wrong.push("refused, but there"),
        Outcome::Unknown if is_bad(number) && !there.is_empty() => wrong.push("bad, but there"),
        Outcome::Refused | Outcome::Unknown => {}
    }
    if there.len() > 1 {
        wrong.push("there more than once");
    }
    if there.iter().any(|entry| **entry != expected) {
        wrong.push("altered");
    }
    wrong
}

/// What is in one sink only.
pub(crate) fn compare(stored: &[Value], indexed: &[Value], complaints: &mut Complaints) {
    let ids = |entries: &[Value]| -> BTreeSet<String> {
        entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    };
    for id in ids(stored).symmetric_difference(&ids(indexed)) {
        complaints.add("in one of the sinks only", id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190163d-8694-7000-8000-000000000001";
    const GOOD: u64 = 1;
    const BAD: u64 = 37;

    fn known() -> Known {
        Known::new("service".to_owned())
    }

    fn entry(number: u64, id: &str) -> Value {
        let mut entry = known().entry(number);
        entry["id"] = Value::from(id);
        entry
    }

    fn acknowledged() -> Outcome {
        Outcome::Acknowledged(ID.to_owned())
    }

    #[test]
    fn each_thing_that_is_wrong_with_an_entry_is_noticed() {
        let (good, bad) = (entry(GOOD, ID), entry(BAD, ID));
        let mut altered = good.clone();
        altered["attributes"]["number"] = Value::from(2);
        for (number, outcome, there, expected) in [
            (GOOD, acknowledged(), vec![&good], &[][..]),
            (GOOD, acknowledged(), vec![], &["acknowledged and lost"]),
            (GOOD, acknowledged(), vec![&good, &good], &["there more than once"]),
            (GOOD, acknowledged(), vec![&altered], &["altered"]),
            (GOOD, acknowledged(), vec![&entry(GOOD, "other")], &["altered"]),
            (BAD, acknowledged(), vec![&bad], &["bad, but acknowledged"]),
            (BAD, Outcome::Refused, vec![], &[]),
            (BAD, Outcome::Refused, vec![&bad], &["refused, but there"]),
            (GOOD, Outcome::Refused, vec![], &["good, but refused"]),
            (GOOD, Outcome::Unknown, vec![], &[]),
            (GOOD, Outcome::Unknown, vec![&good], &[]),
            (GOOD, Outcome::Unknown, vec![&good, &good], &["there more than once"]),
            (GOOD, Outcome::Unknown, vec![&altered], &["altered"]),
            (BAD, Outcome::Unknown, vec![&bad], &["bad, but there"]),
        ] {
            let wrong = wrong(&known(), number, &outcome, &there);
            assert_eq!(wrong, expected, "{number} {outcome:?} {there:?}");
        }
    }

    #[test]
    fn a_message_under_two_ids_and_one_that_nobody_sent_are_noticed() {
        let known = known();
        known.keep(known.take(2), vec![Outcome::Unknown, acknowledged()]);
        let found = [entry(GOOD, ID), entry(GOOD, "other"), entry(5, "another")];
        let mut complaints = Complaints::default();
        assert_eq!(judge(&known, "store", &found, &mut complaints), 1);
        compare(&found, &found[..2], &mut complaints);
        let told: Vec<&str> = complaints.0.keys().map(String::as_str).collect();
        let expected = [
            "altered (store)",
            "in one of the sinks only",
            "that nobody sent (store)",
            "there more than once (store)",
        ];
        assert_eq!(told, expected);
    }
}
