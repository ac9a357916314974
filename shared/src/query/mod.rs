//! The query language: parses the text that people type to find entries into a tree of conditions.
//!
//! [`parse`] parses a query. The indexes translate the [`Condition`] that it returns, and
//! [`Condition::matches`] evaluates it in memory. All of them find the same entries.

mod evaluate;
mod highlight;
mod leaves;
mod parse;
mod time;

pub use evaluate::{Subject, texts_besides_message};
pub use highlight::Highlight;
pub(crate) use leaves::canonical_text;
pub use leaves::{Leaf, Scalar, leaves};
pub use parse::{MAX_QUERY_CHARS, QueryError, parse, quoted};
pub use time::{TIME_PATTERN, TimeExpression};

use crate::log_entry::{EntryId, Timestamp};
use crate::pattern::PatternId;

/// A condition that an entry meets or does not meet.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All of these conditions. If there are none, every entry meets it.
    All(Vec<Self>),
    /// At least one of these conditions. If there are none, no entry meets it.
    Any(Vec<Self>),
    /// The negation of a condition.
    Not(Box<Self>),
    /// A word, or a sequence of words.
    Words(Words),
    /// A word that begins with these characters.
    Prefix(Prefix),
    /// Text that occurs anywhere in the message, even within a word, ignoring case. It has the form
    /// that [`text::fragment`](crate::text::fragment) returns, and is not empty.
    Fragment(String),
    /// A field with a value that passes a test.
    Keyword(Keyword, KeywordTest),
    /// The entry with this id.
    Id(EntryId),
    /// An id with a time before this one. No text of a query means it.
    ArrivedBefore(Timestamp),
    /// A message with one of these patterns.
    Patterns(Vec<PatternId>),
    /// A timestamp in this range.
    Timestamp(TimeRange),
    /// An attribute with a value that passes a test.
    Attribute(Attribute),
}

/// Where to look for words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The message, service name, level, trace id, span id and attribute values.
    Entry,
    /// The message.
    Message,
}

/// A sequence of words in one text; if some are fuzzy, words in any order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Words {
    /// Where to look.
    pub scope: Scope,
    /// The folded [`runs`](crate::text::runs) to find, at least one. A run in the text matches by
    /// any of its [`forms`](crate::text::Run::forms).
    pub runs: Vec<FuzzyRun>,
}

/// A run to find, possibly with edits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FuzzyRun {
    /// The folded run.
    pub text: String,
    /// The number of edits by which a form may differ. Transposing two neighbouring characters is
    /// one edit.
    pub max_edits: u8,
}

/// A prefix of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix {
    /// Where to look.
    pub scope: Scope,
    /// The folded characters that a form begins with.
    pub text: String,
}

/// A field that is compared as a whole, case-sensitively.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyword {
    /// The service name.
    ServiceName,
    /// The level.
    Level,
    /// The trace id.
    TraceId,
    /// The span id.
    SpanId,
}

/// The test that a field's value must pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeywordTest {
    /// One of these values.
    AnyOf(Vec<String>),
    /// A value that begins with this text.
    Prefix(String),
    /// Any value.
    Exists,
}

/// A time range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// The earliest timestamp, inclusive.
    pub from: Option<Timestamp>,
    /// The latest timestamp, exclusive.
    pub to: Option<Timestamp>,
}

impl TimeRange {
    /// This range, where the first and the last of these times replace bounds that are absent.
    #[must_use]
    pub fn or_of(self, times: Option<(Timestamp, Timestamp)>) -> Self {
        let after = |time: Timestamp| Timestamp::saturating_from_micros(time.as_micros() + 1);
        Self {
            from: self.from.or(times.map(|(first, _)| first)),
            to: self.to.or(times.map(|(_, last)| after(last))),
        }
    }

    /// Both bounds; `None` if one is absent or the range is empty.
    #[must_use]
    pub fn bounds(self) -> Option<(Timestamp, Timestamp)> {
        self.from.zip(self.to).filter(|(from, to)| from < to)
    }
}

/// A condition on the attribute with a path. It is met if any [`Leaf`] with the path passes the
/// test.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// The keys, joined with dots.
    pub path: String,
    /// The test that its value must pass.
    pub test: AttributeTest,
}

/// The test that an attribute's value must pass.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeTest {
    /// A value with one of these texts. (Numbers are compared by their canonical text.)
    AnyOf(Vec<String>),
    /// A value with a text that begins like this.
    Prefix(String),
    /// Any value, or an object that contains one.
    Exists,
    /// A number in a range.
    Numbers(Range<f64>),
    /// A string of at most [`Leaf::MAX_COLUMN_BYTES`] in a range, ordered by code point.
    Strings(Range<String>),
}

/// A range with optional bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Range<T> {
    /// The lower bound.
    pub lower: Option<Bound<T>>,
    /// The upper bound.
    pub upper: Option<Bound<T>>,
}

/// One end of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Bound<T> {
    /// The value at the end.
    pub value: T,
    /// Whether the value belongs to the range.
    pub is_inclusive: bool,
}

impl Words {
    /// Whether any run may differ. If so, the runs may be anywhere in the scope, in any order;
    /// otherwise they must follow each other in one text.
    #[must_use]
    pub fn is_fuzzy(&self) -> bool {
        self.runs.iter().any(|run| run.max_edits > 0)
    }
}

impl Condition {
    /// The condition that every entry meets.
    #[must_use]
    pub fn everything() -> Self {
        Self::All(Vec::new())
    }

    /// Both conditions.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All(mut all), Self::All(others)) => {
                all.extend(others);
                Self::All(all)
            }
            (Self::All(mut all), other) => {
                all.push(other);
                Self::All(all)
            }
            (one, Self::All(mut all)) => {
                all.insert(0, one);
                Self::All(all)
            }
            (one, other) => Self::All(vec![one, other]),
        }
    }

    /// This condition, for entries with a timestamp in the range.
    #[must_use]
    pub fn within(self, time: TimeRange) -> Self {
        if time == TimeRange::default() { self } else { self.and(Self::Timestamp(time)) }
    }
}

impl<T: PartialOrd> Range<T> {
    /// Whether the value is in the range.
    pub fn contains(&self, value: &T) -> bool {
        let above = self.lower.as_ref().is_none_or(|bound| {
            *value > bound.value || (bound.is_inclusive && *value == bound.value)
        });
        let below = self.upper.as_ref().is_none_or(|bound| {
            *value < bound.value || (bound.is_inclusive && *value == bound.value)
        });
        above && below
    }
}
