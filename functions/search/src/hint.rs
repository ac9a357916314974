//! Hints for searches without hits: tries similar queries, and suggests the first one that has
//! hits.

use std::time::Duration;

use shared::index::Index;
use shared::query::TimeRange;
use shared::search::SearchHits;
use tokio::time::timeout;

use crate::page::Hint;
use crate::parameters::SearchParameters;

/// The time limit for finding a hint.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum number of words in a query from which a hint leaves one out.
const MAX_WORDS: usize = 8;

/// Finds a similar query with hits. `None` if there is none, or finding it takes too long.
pub(crate) async fn find(index: &dyn Index, parameters: &SearchParameters) -> Option<Hint> {
    timeout(TIMEOUT, first_with_hits(index, parameters)).await.ok().flatten()
}

async fn first_with_hits(index: &dyn Index, parameters: &SearchParameters) -> Option<Hint> {
    for alternative in alternatives(parameters) {
        if let Some(hint) = alternative.with_hits(index).await {
            return Some(hint);
        }
    }
    without_a_word(index, parameters).await
}

/// A changed query, and a text that explains the change.
struct Alternative {
    parameters: SearchParameters,
    explanation: String,
    q: Option<String>,
    fuzzy: Option<bool>,
    without: Option<Vec<&'static str>>,
}

impl Alternative {
    fn new(explanation: impl Into<String>, parameters: SearchParameters) -> Self {
        let explanation = explanation.into();
        Self { parameters, explanation, q: None, fuzzy: None, without: None }
    }

    fn with_text(explanation: String, original: &SearchParameters, text: String) -> Self {
        let parameters = SearchParameters { text: text.clone(), ..original.clone() };
        Self { q: Some(text), ..Self::new(explanation, parameters) }
    }

    /// The hint, if the changed query can be parsed and has hits.
    async fn with_hits(self, index: &dyn Index) -> Option<Hint> {
        let query = self.parameters.to_query().ok()?;
        let hits = index.search(&query.first_page(1)).await.ok()?;
        (hits.total > 0).then(|| Hint {
            detail: format!("{}, there {}", self.explanation, count(&hits)),
            total: hits.total,
            q: self.q,
            fuzzy: self.fuzzy,
            without: self.without,
        })
    }
}

fn count(hits: &SearchHits) -> String {
    match (hits.total, hits.total_is_exact) {
        (1, _) => "is 1 hit".to_owned(),
        (total, true) => format!("are {total} hits"),
        (total, false) => format!("are more than {total} hits"),
    }
}

fn alternatives(original: &SearchParameters) -> Vec<Alternative> {
    let mut alternatives = Vec::new();
    let text = original.text.trim();
    let has_text = !text.is_empty() && text != "*";
    if has_text && !text.starts_with('"') {
        let quoted = format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
        let explanation = "in quotes, which also finds parts of words".to_owned();
        alternatives.push(Alternative::with_text(explanation, original, quoted));
    }
    if has_text && !original.fuzzy {
        let parameters = SearchParameters { fuzzy: true, ..original.clone() };
        let fuzzy = Alternative::new("with fuzzy=true", parameters);
        alternatives.push(Alternative { fuzzy: Some(true), ..fuzzy });
    }
    if original.time != TimeRange::default() {
        let parameters = SearchParameters { time: TimeRange::default(), ..original.clone() };
        let without = [("from", original.time.from), ("to", original.time.to)];
        let without: Vec<&str> =
            without.iter().filter(|(_, time)| time.is_some()).map(|(name, _)| *name).collect();
        let explanation = format!("without {}", without.join(" and "));
        alternatives.push(Alternative {
            without: Some(without),
            ..Alternative::new(explanation, parameters)
        });
    }
    alternatives
}

/// Leaves out each word in turn, and returns the alternative with the most hits: the one without
/// the rarest word.
async fn without_a_word(index: &dyn Index, original: &SearchParameters) -> Option<Hint> {
    let words: Vec<&str> = original.text.split_whitespace().collect();
    let is_plain = |word: &&str| word.chars().all(|c| c.is_alphanumeric() || "._-*".contains(c));
    if !(2..=MAX_WORDS).contains(&words.len()) || !words.iter().all(is_plain) {
        return None;
    }
    let mut best: Option<Hint> = None;
    for left_out in 0..words.len() {
        let rest = words.iter().enumerate().filter(|(index, _)| *index != left_out);
        let rest: Vec<&str> = rest.map(|(_, word)| *word).collect();
        let explanation = format!("without \"{}\"", words[left_out]);
        let alternative = Alternative::with_text(explanation, original, rest.join(" "));
        let hint = alternative.with_hits(index).await;
        best = best.into_iter().chain(hint).max_by_key(|hint| hint.total);
    }
    best
}
