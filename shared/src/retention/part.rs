//! The entries that are kept together.

use std::fmt;

use super::Class;
use crate::log_entry::{Day, LogEntry};

/// The entries of a class that arrived on a day. Stores and indexes keep them together, and drop
/// them together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    /// The day of arrival in UTC.
    pub day: Day,
    /// The class.
    pub class: Class,
}

impl Part {
    /// The part that the entry belongs to.
    #[must_use]
    pub fn of(entry: &LogEntry) -> Self {
        Self { day: Day::of(entry.id), class: entry.retention.clone() }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { day, class } = self;
        if class.is_default() { day.fmt(f) } else { write!(f, "{day} {class}") }
    }
}
