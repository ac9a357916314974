//! Words and prefixes as OpenSearch queries. Both the query's words and the fields' are already
//! split.

use serde_json::{Value, json};

use super::super::document::{MESSAGE_WORDS, OTHER_WORDS};
use crate::query::{FuzzyRun, Prefix, Scope, Words};

/// The query for words. Fuzzy runs may be anywhere. Only entries that contain the words exactly are
/// scored, so that they come first.
pub(super) fn words(words: &Words) -> Value {
    let exact = in_scope(words.scope, |field| phrase(field, &words.runs));
    if !words.is_fuzzy() {
        return exact;
    }
    let runs = words.runs.iter().map(|run| in_scope(words.scope, |field| fuzzy(field, run)));
    json!({"bool": {"filter": runs.collect::<Vec<Value>>(), "should": exact}})
}

/// The query for a prefix of a word.
pub(super) fn prefix(prefix: &Prefix) -> Value {
    in_scope(prefix.scope, |field| json!({"prefix": {field: prefix.text}}))
}

fn in_scope(scope: Scope, query: impl Fn(&str) -> Value) -> Value {
    match scope {
        Scope::Message => query(MESSAGE_WORDS),
        Scope::Entry => json!({"bool": {"should": [query(MESSAGE_WORDS), query(OTHER_WORDS)]}}),
    }
}

fn phrase(field: &str, runs: &[FuzzyRun]) -> Value {
    if let [run] = runs {
        return json!({"term": {field: run.text}});
    }
    let texts: Vec<&str> = runs.iter().map(|run| run.text.as_str()).collect();
    json!({"match_phrase": {field: texts.join(" ")}})
}

/// Matches a run with its edits. The `constant_score` rewrite finds every matching term instead of
/// the best fifty.
fn fuzzy(field: &str, run: &FuzzyRun) -> Value {
    if run.max_edits == 0 {
        return json!({"term": {field: run.text}});
    }
    json!({"fuzzy": {field: {
        "value": run.text,
        "fuzziness": run.max_edits,
        "rewrite": "constant_score",
    }}})
}
