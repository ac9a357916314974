//! Translates conditions into OpenSearch queries.

use serde_json::{Value, json};

use super::super::document::{
    ID, LEVEL, PATTERN_ID, SERVICE_NAME, SPAN_ID, TIMESTAMP_MICROS, TRACE_ID,
};
use super::fragments::Fragments;
use super::{attributes, words};
use crate::log_entry::EntryId;
use crate::pattern::PatternId;
use crate::query::{Condition, Keyword, KeywordTest, TimeRange};

/// A query, and whether it contributes to the score.
pub(super) struct Clause {
    pub(super) query: Value,
    pub(super) has_score: bool,
}

impl Clause {
    pub(super) fn scored(query: Value) -> Self {
        Self { query, has_score: true }
    }

    pub(super) fn filter(query: Value) -> Self {
        Self { query, has_score: false }
    }

    /// The query, with a score of 0 if it does not contribute.
    fn into_query(self) -> Value {
        if self.has_score { self.query } else { json!({"bool": {"filter": self.query}}) }
    }
}

/// The query for a condition.
///
/// # Errors
/// When a fragment is too long.
pub(in crate::index::opensearch) fn query(condition: &Condition) -> Result<Value, String> {
    Ok(clause(condition, &Fragments::of(condition))?.into_query())
}

fn clause(condition: &Condition, fragments: &Fragments) -> Result<Clause, String> {
    Ok(match condition {
        Condition::All(conditions) => all(clauses(conditions, fragments)?),
        Condition::Any(conditions) => any(clauses(conditions, fragments)?),
        Condition::Not(condition) => {
            let excluded = clause(condition, fragments)?.query;
            Clause::filter(json!({"bool": {"must_not": excluded}}))
        }
        Condition::Words(words) => Clause::scored(words::words(words)),
        Condition::Prefix(prefix) => Clause::scored(words::prefix(prefix)),
        Condition::Fragment(fragment) => Clause::filter(fragments.query(fragment)?),
        Condition::Keyword(field, test) => Clause::filter(keyword(*field, test)),
        Condition::Id(id) => Clause::filter(json!({"ids": {"values": [id]}})),
        Condition::ArrivedBefore(time) => match EntryId::last_before(*time) {
            Some(last) => Clause::filter(json!({"range": {ID: {"lte": last}}})),
            None => any(Vec::new()),
        },
        Condition::Patterns(ids) => {
            let ids: Vec<String> = ids.iter().map(PatternId::to_string).collect();
            Clause::filter(json!({"terms": {PATTERN_ID: ids}}))
        }
        Condition::Timestamp(range) => Clause::filter(timestamp(*range)),
        Condition::Attribute(attribute) => Clause::filter(attributes::query(attribute)),
    })
}

fn clauses(conditions: &[Condition], fragments: &Fragments) -> Result<Vec<Clause>, String> {
    conditions.iter().map(|condition| clause(condition, fragments)).collect()
}

fn all(clauses: Vec<Clause>) -> Clause {
    let (scored, filters): (Vec<Clause>, Vec<Clause>) =
        clauses.into_iter().partition(|clause| clause.has_score);
    if scored.is_empty() && filters.is_empty() {
        return Clause::filter(json!({"match_all": {}}));
    }
    let has_score = !scored.is_empty();
    let query = json!({"bool": {"must": queries(scored), "filter": queries(filters)}});
    Clause { query, has_score }
}

fn any(clauses: Vec<Clause>) -> Clause {
    if clauses.is_empty() {
        return Clause::filter(json!({"match_none": {}}));
    }
    let has_score = clauses.iter().any(|clause| clause.has_score);
    let alternatives: Vec<Value> = if has_score {
        clauses.into_iter().map(Clause::into_query).collect()
    } else {
        queries(clauses)
    };
    let query = json!({"bool": {"should": alternatives, "minimum_should_match": 1}});
    Clause { query, has_score }
}

fn queries(clauses: Vec<Clause>) -> Vec<Value> {
    clauses.into_iter().map(|clause| clause.query).collect()
}

fn keyword(field: Keyword, test: &KeywordTest) -> Value {
    let field = match field {
        Keyword::ServiceName => SERVICE_NAME,
        Keyword::Level => LEVEL,
        Keyword::TraceId => TRACE_ID,
        Keyword::SpanId => SPAN_ID,
    };
    match test {
        KeywordTest::AnyOf(values) => json!({"terms": {field: values}}),
        KeywordTest::Prefix(stem) => json!({"prefix": {field: stem}}),
        KeywordTest::Exists => json!({"exists": {"field": field}}),
    }
}

fn timestamp(range: TimeRange) -> Value {
    let mut bounds = json!({});
    if let Some(from) = range.from {
        bounds["gte"] = json!(from.as_micros());
    }
    if let Some(to) = range.to {
        bounds["lt"] = json!(to.as_micros());
    }
    json!({"range": {TIMESTAMP_MICROS: bounds}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{FuzzyRun, Scope, Words};

    #[test]
    fn only_words_and_prefixes_contribute_to_the_score() {
        let run = FuzzyRun { text: "a".to_owned(), max_edits: 0 };
        let words = Condition::Words(Words { scope: Scope::Message, runs: vec![run] });
        let time = Condition::Timestamp(TimeRange::default());
        let all = Condition::All(vec![time.clone(), words.clone()]);
        let word = json!({"term": {"message_words": "a"}});
        let range = json!({"range": {"timestamp_micros": {}}});
        assert_eq!(query(&all), Ok(json!({"bool": {"must": [word], "filter": [range]}})));
        let any = Condition::Any(vec![time.clone(), words]);
        let filter = json!({"bool": {"filter": range}});
        assert_eq!(
            query(&any),
            Ok(json!({"bool": {"should": [filter, word], "minimum_should_match": 1}}))
        );
        assert_eq!(query(&time), Ok(filter));
    }
}
