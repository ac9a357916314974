//! Compares the outcomes that the client observed with the contents of the sinks.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::load::{Ledger, Outcome, is_invalid};

/// The maximum number of examples to report for each kind of violation.
const MAX_EXAMPLES: usize = 5;

/// The number of violations of each kind, with examples.
#[derive(Default)]
pub(crate) struct Violations(BTreeMap<String, (usize, Vec<String>)>);

impl Violations {
    pub(crate) fn add(&mut self, kind: impl Into<String>, example: impl Into<String>) {
        let (count, examples) = self.0.entry(kind.into()).or_default();
        *count += 1;
        if examples.len() < MAX_EXAMPLES {
            examples.push(example.into());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One line per kind of violation.
    pub(crate) fn report(&self, run: &str) -> String {
        let line = |(kind, (count, examples)): (&String, &(usize, Vec<String>))| {
            format!("{run}: {count} {kind}: {}\n", examples.join(" | "))
        };
        self.0.iter().map(line).collect()
    }
}

/// Compares a sink with the outcomes that the client observed; returns the number of duplicates.
pub(crate) fn compare_with_sink(
    ledger: &Ledger,
    sink: &str,
    found: &[Value],
    violations: &mut Violations,
) -> usize {
    let mut by_message: HashMap<&str, Vec<&Value>> = HashMap::new();
    for entry in found {
        by_message.entry(entry["message"].as_str().unwrap()).or_default().push(entry);
    }
    let mut duplicates = 0;
    for (number, outcome) in ledger.outcomes() {
        let copies = by_message.remove(ledger.message(number).as_str()).unwrap_or_default();
        duplicates += copies.len().saturating_sub(1);
        for kind in violations_of(ledger, number, &outcome, &copies) {
            violations.add(format!("{kind} ({sink})"), format!("{number} {outcome:?} {copies:?}"));
        }
    }
    for (message, _) in by_message {
        violations.add(format!("never sent ({sink})"), message);
    }
    duplicates
}

/// Returns the violations for an entry, given its copies in a sink.
fn violations_of(
    ledger: &Ledger,
    number: u64,
    outcome: &Outcome,
    copies: &[&Value],
) -> Vec<&'static str> {
    let mut expected = ledger.entry(number);
    // Without an acknowledgement the client does not know the id.
    expected["id"] = copies.first().map_or(Value::Null, |entry| entry["id"].clone());
    let mut violations = Vec::new();
    match outcome {
        Outcome::Acknowledged(id) => {
            expected["id"] = Value::from(id.as_str());
            if is_invalid(number) {
                violations.push("invalid, but acknowledged");
            }
            if copies.is_empty() {
                violations.push("acknowledged, but lost");
            }
        }
        Outcome::Rejected if !is_invalid(number) => violations.push("valid, but rejected"),
        Outcome::Rejected if !copies.is_empty() => violations.push("rejected, but present"),
        Outcome::Unknown if is_invalid(number) && !copies.is_empty() => {
            violations.push("invalid, but present");
        }
        Outcome::Rejected | Outcome::Unknown => {}
    }
    if copies.len() > 1 {
        violations.push("present more than once");
    }
    if copies.iter().any(|entry| **entry != expected) {
        violations.push("altered");
    }
    violations
}

/// Reports entries that are in only one sink.
pub(crate) fn compare_sinks(stored: &[Value], indexed: &[Value], violations: &mut Violations) {
    let ids = |entries: &[Value]| -> BTreeSet<String> {
        entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    };
    for id in ids(stored).symmetric_difference(&ids(indexed)) {
        violations.add("in one sink only", id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190163d-8694-7000-8000-000000000001";
    const VALID: u64 = 1;
    const INVALID: u64 = 37;

    fn ledger() -> Ledger {
        Ledger::new("service".to_owned())
    }

    fn entry(number: u64, id: &str) -> Value {
        let mut entry = ledger().entry(number);
        entry["id"] = Value::from(id);
        entry
    }

    fn acknowledged() -> Outcome {
        Outcome::Acknowledged(ID.to_owned())
    }

    #[test]
    fn every_kind_of_violation_is_reported() {
        let (valid, invalid) = (entry(VALID, ID), entry(INVALID, ID));
        let mut altered = valid.clone();
        altered["attributes"]["number"] = Value::from(2);
        for (number, outcome, copies, expected) in [
            (VALID, acknowledged(), vec![&valid], &[][..]),
            (VALID, acknowledged(), vec![], &["acknowledged, but lost"]),
            (VALID, acknowledged(), vec![&valid, &valid], &["present more than once"]),
            (VALID, acknowledged(), vec![&altered], &["altered"]),
            (VALID, acknowledged(), vec![&entry(VALID, "other")], &["altered"]),
            (INVALID, acknowledged(), vec![&invalid], &["invalid, but acknowledged"]),
            (INVALID, Outcome::Rejected, vec![], &[]),
            (INVALID, Outcome::Rejected, vec![&invalid], &["rejected, but present"]),
            (VALID, Outcome::Rejected, vec![], &["valid, but rejected"]),
            (VALID, Outcome::Unknown, vec![], &[]),
            (VALID, Outcome::Unknown, vec![&valid], &[]),
            (VALID, Outcome::Unknown, vec![&valid, &valid], &["present more than once"]),
            (VALID, Outcome::Unknown, vec![&altered], &["altered"]),
            (INVALID, Outcome::Unknown, vec![&invalid], &["invalid, but present"]),
        ] {
            let violations = violations_of(&ledger(), number, &outcome, &copies);
            assert_eq!(violations, expected, "{number} {outcome:?} {copies:?}");
        }
    }

    #[test]
    fn duplicate_and_unknown_messages_are_reported() {
        let ledger = ledger();
        ledger.record(ledger.reserve(2), vec![Outcome::Unknown, acknowledged()]);
        let found = [entry(VALID, ID), entry(VALID, "other"), entry(5, "another")];
        let mut violations = Violations::default();
        assert_eq!(compare_with_sink(&ledger, "store", &found, &mut violations), 1);
        compare_sinks(&found, &found[..2], &mut violations);
        let reported: Vec<&str> = violations.0.keys().map(String::as_str).collect();
        let expected = [
            "altered (store)",
            "in one sink only",
            "never sent (store)",
            "present more than once (store)",
        ];
        assert_eq!(reported, expected);
    }
}
