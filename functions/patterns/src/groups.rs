//! Groups of similar templates.

use std::collections::HashSet;

use shared::aggregation::TopValues;
use shared::pattern::{PatternId, merge, parse_key};

/// Templates that were merged into one.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) template: String,
    pub(crate) count: u64,
    /// The ids of the templates, most common first.
    pub(crate) members: Vec<PatternId>,
}

/// Merges similar templates; the largest group comes first. Groups that contain an earlier template
/// are left out.
///
/// The earlier templates take part in the merge. Otherwise a new value, such as the name of another
/// user, would make an old message a new pattern: a template alone does not show which of its words
/// is a value.
pub(crate) fn groups(now: &TopValues, earlier: &TopValues) -> Vec<Group> {
    let known: HashSet<PatternId> = templates(earlier).map(|(id, _, _)| id).collect();
    let current: HashSet<PatternId> = templates(now).map(|(id, _, _)| id).collect();
    let only_earlier = templates(earlier).filter(|(id, _, _)| !current.contains(id));
    let all = templates(now).chain(only_earlier.map(|(id, template, _)| (id, template, 0)));
    let (ids, templates): (Vec<PatternId>, Vec<(String, u64)>) =
        all.map(|(id, template, count)| (id, (template.to_owned(), count))).unzip();
    let groups = merge(&templates).into_iter().map(|group| Group {
        template: group.template,
        count: group.count,
        members: group.members.into_iter().filter_map(|index| ids.get(index).copied()).collect(),
    });
    groups.filter(|group| !group.members.iter().any(|id| known.contains(id))).collect()
}

/// The id, text and count of each template.
fn templates(found: &TopValues) -> impl Iterator<Item = (PatternId, &str, u64)> {
    let keys = found.values.iter().map(|(key, count)| (parse_key(key), *count));
    keys.filter_map(|(parsed, count)| parsed.map(|(id, template)| (id, template, count)))
}

#[cfg(test)]
mod tests {
    use shared::pattern::key;

    use super::*;

    fn found(messages: &[(&str, u64)]) -> TopValues {
        let values = messages.iter().map(|(message, count)| (key(message), *count)).collect();
        TopValues { values, ..TopValues::default() }
    }

    fn merged(now: &[(&str, u64)], earlier: &[(&str, u64)]) -> Vec<(String, u64, usize)> {
        let groups = groups(&found(now), &found(earlier)).into_iter();
        groups.map(|group| (group.template, group.count, group.members.len())).collect()
    }

    const FOUR: [(&str, u64); 4] = [
        ("user alice logged in", 4),
        ("user bob logged in", 3),
        ("user carol logged in", 2),
        ("user dave logged in", 1),
    ];

    #[test]
    fn similar_templates_form_a_group() {
        assert_eq!(merged(&FOUR, &[]), [("user <*> logged in".to_owned(), 10, 4)]);
    }

    #[test]
    fn a_new_value_in_an_old_message_is_not_a_new_pattern() {
        let now = [("user ivan logged in", 9), ("disk is full", 1)];
        assert_eq!(merged(&now, &FOUR), [("disk is full".to_owned(), 1, 1)]);
        assert_eq!(merged(&now, &[]).len(), 2);
    }

    #[test]
    fn a_group_of_new_templates_counts_current_entries() {
        let earlier = [("user alice logged out", 100), ("started", 7)];
        assert_eq!(merged(&FOUR, &earlier), [("user <*> logged in".to_owned(), 10, 4)]);
        assert_eq!(merged(&[("started", 1)], &earlier), []);
    }
}
