//! The filters of a job, as they are stored with it. Times are absolute, except for those in `q`,
//! which are relative to the job's creation.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};
use shared::Timestamp;
use shared::http::{Filters, Problem};
use shared::query::{Condition, Keyword, KeywordTest, QueryError, TimeRange, parse};

/// The filters of a deletion, by the names of the query parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Object)]
#[serde(default)]
#[oai(rename = "DeleteFilters", read_only_all)]
pub(crate) struct SavedFilters {
    /// The query.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[oai(default, skip_serializing_if_is_empty)]
    q: String,
    /// Whether words may contain typos.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[oai(default, skip_serializing_if = "std::ops::Not::not")]
    fuzzy: bool,
    /// The service names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[oai(default, skip_serializing_if_is_empty)]
    service_name: Vec<String>,
    /// The levels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[oai(default, skip_serializing_if_is_empty)]
    level: Vec<String>,
    /// The trace ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[oai(default, skip_serializing_if_is_empty)]
    trace_id: Vec<String>,
    /// The span ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[oai(default, skip_serializing_if_is_empty)]
    span_id: Vec<String>,
    /// The earliest timestamp, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    from: Option<Timestamp>,
    /// The latest timestamp, exclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    to: Option<Timestamp>,
}

impl From<&Filters> for SavedFilters {
    fn from(filters: &Filters) -> Self {
        let values = |field| values(&filters.fields, field);
        Self {
            q: filters.text.clone(),
            fuzzy: filters.fuzzy,
            service_name: values(Keyword::ServiceName),
            level: values(Keyword::Level),
            trace_id: values(Keyword::TraceId),
            span_id: values(Keyword::SpanId),
            from: filters.time.from,
            to: filters.time.to,
        }
    }
}

/// The values that a condition requires of a field.
fn values(condition: &Condition, field: Keyword) -> Vec<String> {
    match condition {
        Condition::All(conditions) => {
            conditions.iter().flat_map(|condition| values(condition, field)).collect()
        }
        Condition::Keyword(other, KeywordTest::AnyOf(values)) if *other == field => values.clone(),
        _ => Vec::new(),
    }
}

impl SavedFilters {
    pub(crate) fn to_json(&self) -> String {
        // Serializing texts and times cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn from_json(json: &str) -> serde_json::Result<Self> {
        serde_json::from_str(json)
    }

    /// The condition that the entries to delete meet: they match the filters and arrived before the
    /// job was created.
    ///
    /// # Errors
    /// When `q` is invalid.
    pub(crate) fn condition(&self, created: Timestamp) -> Result<Condition, InvalidFilters> {
        let mut condition = parse(&self.q, self.fuzzy, created).map_err(InvalidFilters)?;
        for (field, values) in [
            (Keyword::ServiceName, &self.service_name),
            (Keyword::Level, &self.level),
            (Keyword::TraceId, &self.trace_id),
            (Keyword::SpanId, &self.span_id),
        ] {
            if !values.is_empty() {
                let any_of = KeywordTest::AnyOf(values.clone());
                condition = condition.and(Condition::Keyword(field, any_of));
            }
        }
        let condition = condition.within(TimeRange { from: self.from, to: self.to });
        Ok(condition.and(Condition::ArrivedBefore(created)))
    }
}

/// `q` is invalid.
#[derive(Debug)]
pub(crate) struct InvalidFilters(QueryError);

impl std::fmt::Display for InvalidFilters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "q {}", self.0.detail)
    }
}

impl From<InvalidFilters> for Problem {
    fn from(InvalidFilters(error): InvalidFilters) -> Self {
        Self::bad_parameter("q", error.detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_filters_mean_the_same_after_a_restart() {
        let time = |text| Timestamp::parse(text).unwrap();
        let any_of = |field, value: &str| {
            Condition::Keyword(field, KeywordTest::AnyOf(vec![value.to_owned()]))
        };
        let fields = Condition::All(vec![
            any_of(Keyword::ServiceName, "payment"),
            any_of(Keyword::Level, "ERROR"),
            any_of(Keyword::TraceId, "4bf9"),
            any_of(Keyword::SpanId, "00f0"),
        ]);
        let created = time("2024-06-14T12:00:00Z");
        let range = TimeRange { from: Some(time("2024-06-13T12:00:00Z")), to: Some(created) };
        let text = "declined timestamp:>=-15m".to_owned();
        let filters = Filters { text, fuzzy: true, fields: fields.clone(), time: range };
        let saved = SavedFilters::from(&filters);
        let read = SavedFilters::from_json(&saved.to_json()).unwrap();
        assert_eq!(read, saved);
        let expected = parse(&filters.text, true, created).unwrap().and(fields).within(range);
        let expected = expected.and(Condition::ArrivedBefore(created));
        assert_eq!(read.condition(created).unwrap(), expected);
    }

    #[test]
    fn filters_that_are_not_set_are_left_out() {
        let saved = SavedFilters { q: "a".to_owned(), ..SavedFilters::default() };
        assert_eq!(saved.to_json(), r#"{"q":"a"}"#);
    }
}
