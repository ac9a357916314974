//! Collects the values that vary among entries with the same pattern.

use shared::aggregation::Example;
use shared::pattern;

use crate::response::Variable;

/// The maximum number of values per placeholder.
const MAX_VALUES: usize = 5;

/// Values are cut to this length.
const MAX_VALUE_CHARS: usize = 100;

/// The different values of each placeholder.
pub(crate) fn variables(template: &str, entries: &[Example]) -> Vec<Variable> {
    let mut variables: Vec<Variable> = pattern::placeholders(template)
        .map(|placeholder| Variable { placeholder: placeholder.to_owned(), values: Vec::new() })
        .collect();
    for entry in entries {
        let values = pattern::values(template, &entry.message).unwrap_or_default();
        for (variable, value) in variables.iter_mut().zip(values) {
            let value: String = value.chars().take(MAX_VALUE_CHARS).collect();
            if variable.values.len() < MAX_VALUES && !variable.values.contains(&value) {
                variable.values.push(value);
            }
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use shared::testing::entry;

    use super::*;

    fn example(message: &str) -> Example {
        let entry = entry(message);
        Example::new(entry.id, entry.message)
    }

    #[test]
    fn different_values_are_listed_for_each_placeholder() {
        let long = "9".repeat(150);
        let messages = ["user 1 from 10.0.0.1", "user 2 from 10.0.0.1", "user 1 from 10.0.0.2"];
        let entries = messages.map(example);
        let found = variables("user <number> from <ip>", &entries);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].placeholder.as_str(), &*found[0].values),
            ("<number>", &["1", "2"].map(str::to_owned)[..])
        );
        assert_eq!(found[1].values, ["10.0.0.1", "10.0.0.2"]);
        let found = variables("id <number>", &[example(&format!("id {long}"))]);
        assert_eq!(found[0].values, [long[..100].to_owned()]);
    }
}
