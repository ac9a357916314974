//! Ranges on attributes that have no column on some days, because those days have too many
//! attributes. On these days, a range finds nothing, even where a value is in it. A search whose
//! result depends on this is rejected.

use std::collections::{BTreeMap, BTreeSet};

use super::{MissingColumn, SERVICE};
use crate::error::Error;
use crate::log_entry::Day;
use crate::query::{Attribute, AttributeTest, Condition};

/// The number of days that an error names.
const MAX_NAMED_DAYS: usize = 2;

/// The paths of the attributes on which a condition has ranges.
pub(super) fn range_paths(condition: &Condition) -> BTreeSet<&str> {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => {
            conditions.iter().flat_map(range_paths).collect()
        }
        Condition::Not(condition) => range_paths(condition),
        Condition::Attribute(Attribute { path, test }) if is_range(test) => {
            BTreeSet::from([path.as_str()])
        }
        _ => BTreeSet::new(),
    }
}

/// Groups places, such as days, by the paths that have no column there.
pub(super) fn by_paths<'p, P: Ord>(
    places: impl IntoIterator<Item = (&'p str, BTreeSet<P>)>,
) -> BTreeMap<BTreeSet<&'p str>, BTreeSet<P>> {
    let mut missing = BTreeMap::<P, BTreeSet<&str>>::new();
    for (path, places) in places {
        for place in places {
            missing.entry(place).or_default().insert(path);
        }
    }
    let mut groups = BTreeMap::<BTreeSet<&str>, BTreeSet<P>>::new();
    for (place, paths) in missing {
        groups.entry(paths).or_default().insert(place);
    }
    groups
}

/// Finds the entries with an attribute at `path` for which the result depends on the attributes at
/// `missing`. For all other entries, the rest of the condition decides.
pub(super) fn undecided(condition: &Condition, missing: &BTreeSet<&str>, path: &str) -> Condition {
    let at_most = assuming(condition, missing, true);
    let at_least = assuming(condition, missing, false);
    exists(path).and(at_most).and(negate(at_least))
}

/// The condition on the assumption that every range on one of the paths is met if the attribute
/// exists, or that none is met. Within a negation, the opposite is assumed.
fn assuming(condition: &Condition, paths: &BTreeSet<&str>, are_met: bool) -> Condition {
    let each = |conditions: &[Condition]| -> Vec<Condition> {
        conditions.iter().map(|condition| assuming(condition, paths, are_met)).collect()
    };
    match condition {
        Condition::All(conditions) => {
            let conditions = each(conditions);
            if conditions.contains(&none()) { none() } else { Condition::All(conditions) }
        }
        Condition::Any(conditions) => {
            let mut conditions = each(conditions);
            conditions.retain(|condition| *condition != none());
            Condition::Any(conditions)
        }
        Condition::Not(condition) => negate(assuming(condition, paths, !are_met)),
        Condition::Attribute(Attribute { path, test })
            if is_range(test) && paths.contains(path.as_str()) =>
        {
            if are_met {
                exists(path)
            } else {
                none()
            }
        }
        other => other.clone(),
    }
}

/// The error for a range on an attribute of entries that arrived on these days, on which it has no
/// column.
pub(super) fn error(path: &str, days: &BTreeSet<Day>) -> Error {
    let named: Vec<String> = days.iter().take(MAX_NAMED_DAYS).map(Day::to_string).collect();
    let more = match days.len().saturating_sub(MAX_NAMED_DAYS) {
        0 => String::new(),
        1 => " and 1 more day".to_owned(),
        count => format!(" and {count} more days"),
    };
    let detail = format!(
        "entries that arrived on {}{more} do not support ranges and statistics on {path}; exclude \
         them with from and to, test for equality, or raise INDEX_ATTRIBUTES_MAX and run reindex",
        named.join(", ")
    );
    Error::rejected(SERVICE, MissingColumn { path: path.to_owned(), detail })
}

fn is_range(test: &AttributeTest) -> bool {
    matches!(test, AttributeTest::Numbers(_) | AttributeTest::Strings(_))
}

fn exists(path: &str) -> Condition {
    Condition::Attribute(Attribute { path: path.to_owned(), test: AttributeTest::Exists })
}

fn none() -> Condition {
    Condition::Any(Vec::new())
}

fn negate(condition: Condition) -> Condition {
    if condition == none() {
        return Condition::everything();
    }
    Condition::Not(Box::new(condition))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::Timestamp;
    use crate::query::{Subject, parse};
    use crate::testing::EntryBuilder;

    #[test]
    fn entries_that_the_rest_of_the_query_decides_about_are_not_undecided() {
        let entry = EntryBuilder::new("card declined")
            .service("payment")
            .attributes(r#"{"status":500,"ms":7}"#);
        let entry = entry.build();
        let subject = Subject::new(&entry);
        for (query, is_undecided) in [
            ("status:>=500", true),
            ("-status:>=500", true),
            ("status:>=500 service:payment", true),
            ("status:>=500 service:web", false),
            ("status:>=500 \"declined\"", true),
            ("status:>=500 \"accepted\"", false),
            ("status:>=500 OR service:web", true),
            ("status:>=500 OR service:payment", false),
            ("-(status:>=500 service:web)", false),
            ("-(status:>=500 OR service:payment)", false),
            ("status:>=500 timestamp:<2020-01-01", false),
            ("status:>=500 status:200", false),
            ("status:>=500 ms:>1", true),
            ("status:>=500 ms:>9", false),
            ("status:>=500 OR ms:>1", false),
            ("status:>=500 (other:>1 OR service:web)", false),
            ("status:>=500 other:>1", false),
            ("status:500", false),
        ] {
            let condition = parse(query, false, Timestamp::now()).unwrap();
            let undecided = undecided(&condition, &BTreeSet::from(["status", "other"]), "status");
            assert_eq!(undecided.matches(&subject), is_undecided, "{query}");
        }
    }

    #[test]
    fn days_are_grouped_by_the_paths_that_they_lack() {
        let groups = by_paths([("a", BTreeSet::from([1, 2, 3])), ("b", BTreeSet::from([2]))]);
        let expected = [
            (BTreeSet::from(["a"]), BTreeSet::from([1, 3])),
            (BTreeSet::from(["a", "b"]), BTreeSet::from([2])),
        ];
        assert_eq!(groups, BTreeMap::from(expected));
    }

    #[test]
    fn the_error_names_the_attribute_and_the_first_days() {
        let days = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        let error_on = |texts: &[&str]| error("status", &days(texts)).to_string();
        let text = error_on(&["2024-06-10"]);
        assert!(
            text.contains("arrived on 2024-06-10 do not support ranges and statistics on status;"),
            "{text}"
        );
        let many = ["2024-06-10", "2024-06-11", "2024-06-12", "2024-06-13", "2024-06-14"];
        let text = error_on(&many);
        assert!(text.contains("on 2024-06-10, 2024-06-11 and 3 more days do not"), "{text}");
    }
}
