//! Translates the tests of fields into conditions.

use crate::log_entry::{EntryId, Level, Timestamp};
use crate::pattern::PatternId;
use crate::query::leaves::canonical_text;
use crate::query::{
    Attribute, AttributeTest, Bound, Condition, Keyword, KeywordTest, Range, TimeExpression,
    TimeRange,
};

/// A field of an entry, by its name in a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Field {
    Message,
    Level,
    Timestamp,
    Id,
    /// The service name, trace id or span id, with the field's name.
    Keyword(&'static str, Keyword),
    /// An attribute. The path is explicit after `@` or `attributes.`.
    Attribute {
        path: String,
        is_explicit: bool,
    },
}

impl Field {
    pub(super) fn named(name: &str) -> Self {
        let path = name.strip_prefix('@').or_else(|| name.strip_prefix("attributes."));
        match name {
            "message" => Self::Message,
            "level" => Self::Level,
            "timestamp" => Self::Timestamp,
            "id" => Self::Id,
            "service_name" | "service" => Self::Keyword("service_name", Keyword::ServiceName),
            "trace_id" => Self::Keyword("trace_id", Keyword::TraceId),
            "span_id" => Self::Keyword("span_id", Keyword::SpanId),
            _ => Self::Attribute {
                path: path.unwrap_or(name).to_owned(),
                is_explicit: path.is_some(),
            },
        }
    }

    /// Whether the name can only be a field. Any other may be text, such as `user` in `user=42`.
    pub(super) fn is_known(&self) -> bool {
        !matches!(self, Self::Attribute { is_explicit: false, .. })
    }
}

/// The test that a query applies to a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    Exists,
    Equals(Value),
    AnyOf(Vec<Value>),
    Compare(Comparison, Value),
    /// The bounds, and whether each belongs to the range.
    Between(Option<(Value, bool)>, Option<(Value, bool)>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value as it is written in the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) is_quoted: bool,
}

impl Value {
    /// The value without its trailing `*`, if it is a prefix.
    fn prefix(&self) -> Option<&str> {
        let prefix = self.text.strip_suffix('*')?;
        (!self.is_quoted && !prefix.is_empty()).then_some(prefix)
    }

    /// Whether the value is neither the id of an entry nor a prefix.
    pub(super) fn is_other_id(&self) -> bool {
        self.prefix().is_none() && self.text.parse::<EntryId>().is_err()
    }

    fn number(&self) -> Option<f64> {
        let number = self.text.parse::<f64>().ok()?;
        (!self.is_quoted && number.is_finite() && self.text.contains(|c: char| c.is_ascii_digit()))
            .then_some(number)
    }

    /// The possible texts of attributes that equal this value.
    fn attribute_texts(&self) -> Vec<String> {
        let mut texts = vec![self.text.clone()];
        let number = serde_json::from_str::<serde_json::Number>(&self.text).ok();
        texts.extend(number.filter(|_| !self.is_quoted).map(|number| canonical_text(&number)));
        texts.dedup();
        texts
    }
}

impl Test {
    /// Whether the test is an order comparison with something other than a number.
    pub(super) fn compares_text(&self) -> bool {
        match self {
            Self::Compare(Comparison::Equal | Comparison::NotEqual, _) => false,
            Self::Compare(_, value) => value.number().is_none(),
            _ => false,
        }
    }
}

/// The alternatives as one condition.
pub(super) fn any(mut alternatives: Vec<Condition>) -> Condition {
    match alternatives.pop() {
        Some(only) if alternatives.is_empty() => only,
        last => {
            alternatives.extend(last);
            Condition::Any(alternatives)
        }
    }
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

/// Tests the pattern of the message. `None` unless the field has this name and every value is the id
/// of a pattern, because an attribute may have the same name.
pub(super) fn pattern(field: &Field, test: &Test) -> Option<Condition> {
    let id = |value: &Value| value.text.parse::<PatternId>().ok();
    let any_of = |ids| Some(Condition::Patterns(ids));
    match field {
        Field::Attribute { path, is_explicit: false } if path == "pattern" => {}
        _ => return None,
    }
    match test {
        Test::Equals(value) => any_of(vec![id(value)?]),
        Test::AnyOf(values) => any_of(values.iter().map(id).collect::<Option<Vec<_>>>()?),
        Test::Compare(Comparison::NotEqual, value) => any_of(vec![id(value)?]).map(not),
        Test::Exists | Test::Compare(..) | Test::Between(..) => None,
    }
}

/// Tests a service name, trace id or span id, which is compared as a whole.
pub(super) fn keyword(name: &str, field: Keyword, test: Test) -> Result<Condition, String> {
    let any_of = |texts| Condition::Keyword(field, KeywordTest::AnyOf(texts));
    Ok(match test {
        Test::Exists => Condition::Keyword(field, KeywordTest::Exists),
        Test::Equals(value) => match value.prefix() {
            Some(prefix) => Condition::Keyword(field, KeywordTest::Prefix(prefix.to_owned())),
            None => any_of(vec![value.text]),
        },
        Test::AnyOf(values) => any_of(values.into_iter().map(|value| value.text).collect()),
        Test::Compare(Comparison::NotEqual, value) => not(any_of(vec![value.text])),
        Test::Compare(..) | Test::Between(..) => {
            return Err(format!(
                "{name} does not support comparisons or ranges; write {name}:value"
            ));
        }
    })
}

/// Tests the level. Names and synonyms are compared ignoring case, and the standard levels are
/// ordered by severity.
pub(super) fn level(test: Test) -> Result<Condition, String> {
    let level = |value: &Value| Level::parse(&value.text).as_str().to_owned();
    let any_of = |texts| Condition::Keyword(Keyword::Level, KeywordTest::AnyOf(texts));
    let severity = |value: &Value| {
        Level::parse(&value.text)
            .severity()
            .ok_or("must be TRACE, DEBUG, INFO, WARN, ERROR or FATAL to be compared by severity")
    };
    let between = |lower: usize, upper: usize| {
        let levels = Level::standard().skip(lower).take((upper + 1).saturating_sub(lower));
        any_of(levels.map(|level| level.as_str().to_owned()).collect())
    };
    let highest = Level::standard().count() - 1;
    Ok(match test {
        Test::Exists => Condition::everything(),
        Test::Equals(value) => match value.prefix() {
            Some(prefix) => {
                Condition::Keyword(Keyword::Level, KeywordTest::Prefix(prefix.to_uppercase()))
            }
            None => any_of(vec![level(&value)]),
        },
        Test::AnyOf(values) => any_of(values.iter().map(level).collect()),
        Test::Compare(comparison, value) => match comparison {
            Comparison::Equal => any_of(vec![level(&value)]),
            Comparison::NotEqual => not(any_of(vec![level(&value)])),
            Comparison::GreaterOrEqual => between(severity(&value)?, highest),
            Comparison::Greater => between(severity(&value)? + 1, highest),
            Comparison::LessOrEqual => between(0, severity(&value)?),
            Comparison::Less => match severity(&value)?.checked_sub(1) {
                Some(upper) => between(0, upper),
                None => any(Vec::new()),
            },
        },
        Test::Between(lower, upper) => {
            let lower = match lower {
                Some((value, is_inclusive)) => severity(&value)? + usize::from(!is_inclusive),
                None => 0,
            };
            let upper = match upper {
                Some((value, true)) => Some(severity(&value)?),
                Some((value, false)) => severity(&value)?.checked_sub(1),
                None => Some(highest),
            };
            upper.map_or(any(Vec::new()), |upper| between(lower, upper))
        }
    })
}

/// Tests the timestamp. A day stands for every time on that day.
pub(super) fn timestamp(test: Test, now: Timestamp) -> Result<Condition, String> {
    let time = |value: &Value| TimeExpression::parse(&value.text, now);
    let range = |from, to| Condition::Timestamp(TimeRange { from, to });
    let equal = |value: &Value| time(value).map(|time| range(Some(time.start), Some(time.end)));
    Ok(match test {
        Test::Exists => Condition::everything(),
        Test::Equals(value) => equal(&value)?,
        Test::AnyOf(values) => any(values.iter().map(equal).collect::<Result<_, _>>()?),
        Test::Compare(comparison, value) => match comparison {
            Comparison::Equal => equal(&value)?,
            Comparison::NotEqual => not(equal(&value)?),
            Comparison::GreaterOrEqual => range(Some(time(&value)?.start), None),
            Comparison::Greater => range(Some(time(&value)?.end), None),
            Comparison::LessOrEqual => range(None, Some(time(&value)?.end)),
            Comparison::Less => range(None, Some(time(&value)?.start)),
        },
        Test::Between(lower, upper) => {
            let from = lower.map(|(value, is_inclusive)| {
                time(&value).map(|time| if is_inclusive { time.start } else { time.end })
            });
            let to = upper.map(|(value, is_inclusive)| {
                time(&value).map(|time| if is_inclusive { time.end } else { time.start })
            });
            range(from.transpose()?, to.transpose()?)
        }
    })
}

/// Tests the entry's id.
pub(super) fn id(test: Test) -> Result<Condition, String> {
    let id = |value: &Value| value.text.parse::<EntryId>().map(Condition::Id);
    let invalid = |_| "must be an entry id, which is a UUIDv7".to_owned();
    match test {
        Test::Exists => Ok(Condition::everything()),
        Test::Equals(value) if value.prefix().is_some() => {
            Err("id does not support prefixes; write the whole id".to_owned())
        }
        Test::Equals(value) => id(&value).map_err(invalid),
        Test::AnyOf(values) => {
            let ids: Result<Vec<Condition>, _> = values.iter().map(id).collect();
            Ok(any(ids.map_err(invalid)?))
        }
        Test::Compare(Comparison::NotEqual, value) => id(&value).map(not).map_err(invalid),
        Test::Compare(..) | Test::Between(..) => {
            Err("id does not support comparisons or ranges; use timestamp, or from and to"
                .to_owned())
        }
    }
}

/// Tests an attribute. If all bounds are numbers, numbers are compared; otherwise strings are.
pub(super) fn attribute(path: &str, test: Test) -> Condition {
    let with = |test| Condition::Attribute(Attribute { path: path.to_owned(), test });
    let equal = |value: &Value| match value.prefix() {
        Some(prefix) => with(AttributeTest::Prefix(prefix.to_owned())),
        None => with(AttributeTest::AnyOf(value.attribute_texts())),
    };
    match test {
        Test::Exists | Test::Between(None, None) => with(AttributeTest::Exists),
        Test::Equals(value) => equal(&value),
        Test::AnyOf(values) => {
            let texts = values.iter().flat_map(Value::attribute_texts);
            with(AttributeTest::AnyOf(texts.collect()))
        }
        Test::Compare(comparison, value) => match comparison {
            Comparison::Equal => equal(&value),
            Comparison::NotEqual => not(equal(&value)),
            Comparison::Less => with(range(None, Some((value, false)))),
            Comparison::LessOrEqual => with(range(None, Some((value, true)))),
            Comparison::Greater => with(range(Some((value, false)), None)),
            Comparison::GreaterOrEqual => with(range(Some((value, true)), None)),
        },
        Test::Between(lower, upper) => with(range(lower, upper)),
    }
}

fn range(lower: Option<(Value, bool)>, upper: Option<(Value, bool)>) -> AttributeTest {
    let is_number = |bound: &Option<(Value, bool)>| {
        bound.as_ref().is_none_or(|(value, _)| value.number().is_some())
    };
    if is_number(&lower) && is_number(&upper) {
        let bound = |(value, is_inclusive): (Value, bool)| {
            value.number().map(|value| Bound { value, is_inclusive })
        };
        let (lower, upper) = (lower.and_then(bound), upper.and_then(bound));
        return AttributeTest::Numbers(Range { lower, upper });
    }
    let bound = |(value, is_inclusive): (Value, bool)| Bound { value: value.text, is_inclusive };
    AttributeTest::Strings(Range { lower: lower.map(bound), upper: upper.map(bound) })
}
