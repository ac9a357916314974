//! The gauges of what is kept.

use std::collections::{BTreeMap, BTreeSet};

use metrics::gauge;
use shared::log_entry::Day;
use shared::retention::{Class, Part};

use crate::plan::{Only, Plan};

/// The gauges that have been set.
#[derive(Default)]
pub(crate) struct Gauges {
    shown: BTreeSet<Part>,
}

impl Gauges {
    /// Sets the gauges. Those of days that have been dropped become zero.
    #[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 entries and bytes")]
    pub(crate) fn show(&mut self, plan: &Plan) {
        let mut dropped = std::mem::take(&mut self.shown);
        let mut oldest = BTreeMap::<&Class, Day>::new();
        for one in &plan.kept {
            let part = Part { day: one.day, class: one.class.clone() };
            set(&part, one.entries as f64, one.bytes as f64);
            let day = oldest.entry(&one.class).or_insert(one.day);
            *day = one.day.min(*day);
            dropped.remove(&part);
            self.shown.insert(part);
        }
        for part in dropped {
            set(&part, 0.0, 0.0);
        }
        for (class, day) in oldest {
            let seconds = day.start().as_micros() / 1_000_000;
            gauge!("retention_oldest_timestamp_seconds", "class" => class.to_string())
                .set(seconds as f64);
        }
        for (part, only) in [("index", Only::Store), ("store", Only::Index)] {
            let missing = plan.differences.values().filter(|one| **one == only).count();
            gauge!("retention_differences", "part" => part).set(missing as f64);
        }
    }
}

fn set(Part { day, class }: &Part, entries: f64, bytes: f64) {
    let labels = [("class", class.to_string()), ("day", day.to_string())];
    gauge!("retention_entries", &labels).set(entries);
    gauge!("retention_bytes", &labels).set(bytes);
}
