//! Values whose share of the entries differs between two periods.
//!
//! Changes are ranked by the log-likelihood ratio G² of the 2×2 table of entries with and without
//! the value in both periods, as Ted Dunning proposes in "Accurate Methods for the Statistics of
//! Surprise and Coincidence" (Computational Linguistics 19(1), 1993). It is also reliable for rare
//! values. If the share had not changed, G² would be above 10.83 in one of a thousand cases (the
//! chi-squared distribution with one degree of freedom).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use shared::aggregation::{Field, TopValues};
use shared::http::share;

use crate::response::Change;

/// The least score of a change that is returned.
const MIN_SCORE: f64 = 10.83;

/// The maximum number of changes.
const MAX_CHANGES: usize = 20;

/// A period: the number of its entries, and the values of each field.
#[derive(Clone, Copy)]
pub(crate) struct Period<'a> {
    pub(crate) total: u64,
    pub(crate) top: &'a [TopValues],
}

/// The changes between two periods, the least likely first.
pub(crate) fn changes(fields: &[&Field], now: Period<'_>, before: Period<'_>) -> Vec<Change> {
    let mut changes = Vec::new();
    for (field, (now_values, before_values)) in fields.iter().zip(now.top.iter().zip(before.top)) {
        for (value, [count, previous_count]) in counts(now_values, before_values) {
            let score = score([count, now.total], [previous_count, before.total]);
            if score >= MIN_SCORE {
                changes.push(Change {
                    field: field.to_string(),
                    value,
                    count,
                    previous_count,
                    share: share(count, now.total),
                    previous_share: share(previous_count, before.total),
                    score,
                });
            }
        }
    }
    changes.sort_by(|one, other| other.score.partial_cmp(&one.score).unwrap_or(Ordering::Equal));
    changes.truncate(MAX_CHANGES);
    changes
}

/// The counts of each value in both periods. A value that may be missing from a list because the
/// list is cut is left out.
fn counts(now: &TopValues, before: &TopValues) -> BTreeMap<String, [u64; 2]> {
    let mut counts = BTreeMap::<String, [u64; 2]>::new();
    for (position, values) in [now, before].into_iter().enumerate() {
        for (value, count) in &values.values {
            counts.entry(value.clone()).or_default()[position] = *count;
        }
    }
    let is_known = |count: u64, values: &TopValues| count > 0 || values.other == 0;
    counts.retain(|_, [count, previous]| is_known(*count, now) && is_known(*previous, before));
    counts
}

/// The log-likelihood ratio for two counts, each of a total.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn score([count, total]: [u64; 2], [previous, previous_total]: [u64; 2]) -> f64 {
    let sum = (total + previous_total) as f64;
    let with_value = (count + previous) as f64;
    let cells = [
        (count as f64, total as f64, with_value),
        (total.saturating_sub(count) as f64, total as f64, sum - with_value),
        (previous as f64, previous_total as f64, with_value),
        (previous_total.saturating_sub(previous) as f64, previous_total as f64, sum - with_value),
    ];
    let terms = cells.into_iter().map(|(observed, row, column)| {
        let expected = row * column / sum;
        if observed > 0.0 && expected > 0.0 { observed * (observed / expected).ln() } else { 0.0 }
    });
    2.0 * terms.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_is_the_log_likelihood_ratio() {
        // Computed by hand: 2 * sum(O ln(O / E)) for 10 of 100 and 30 of 100.
        assert!(
            (score([10, 100], [30, 100]) - 13.0).abs() < 0.1,
            "{}",
            score([10, 100], [30, 100])
        );
        assert!(score([10, 100], [10, 100]).abs() < 1e-9);
        assert!(score([0, 100], [0, 100]).abs() < 1e-9);
        assert!(score([0, 0], [5, 10]).abs() < 1e-9);
    }

    #[test]
    fn changes_are_ranked_and_unknown_counts_are_left_out() {
        let values = |values: &[(&str, u64)], other| TopValues {
            values: values.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect(),
            other,
            ..TopValues::default()
        };
        let now = [values(&[("INFO", 900), ("ERROR", 100)], 0), values(&[("web", 500)], 500)];
        let before = [values(&[("INFO", 990), ("WARN", 10)], 0), values(&[("pay", 900)], 100)];
        let fields = [&Field::Level, &Field::ServiceName];
        let period = |top| Period { total: 1000, top };
        let changes = changes(&fields, period(&now), period(&before));
        let found: Vec<(&str, u64, u64)> = changes
            .iter()
            .map(|change| (change.value.as_str(), change.count, change.previous_count))
            .collect();
        assert_eq!(found, [("ERROR", 100, 0), ("INFO", 900, 990), ("WARN", 0, 10)]);
        assert!((changes[0].share - 0.1).abs() < 1e-9 && changes[0].previous_share.abs() < 1e-9);
    }
}
