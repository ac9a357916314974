//! Hints for searches without hits: tries similar queries, and suggests the first one that has
//! hits.

use std::time::Duration;

use shared::http::Filters;
use shared::index::Index;
use shared::query::{TimeRange, quoted};
use shared::search::SearchHits;
use tokio::time::timeout;

use crate::page::Hint;
use crate::parameters::SearchParameters;

/// The time limit for finding a hint.
const TIMEOUT: Duration = Duration::from_secs(1);

/// The maximum number of terms in a query from which a hint leaves one out.
const MAX_TERMS: usize = 8;

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
    without_a_term(index, parameters).await
}

/// A changed query, and an explanation of the change.
struct Alternative {
    parameters: SearchParameters,
    explanation: String,
    /// A note to append to the explanation.
    note: &'static str,
    q: Option<String>,
    fuzzy: Option<bool>,
    without: Option<Vec<&'static str>>,
}

impl Alternative {
    fn new(explanation: impl Into<String>, parameters: SearchParameters) -> Self {
        let explanation = explanation.into();
        Self { parameters, explanation, note: "", q: None, fuzzy: None, without: None }
    }

    fn with_text(
        explanation: impl Into<String>,
        original: &SearchParameters,
        text: String,
    ) -> Self {
        let filters = Filters { text: text.clone(), ..original.filters.clone() };
        let parameters = SearchParameters { filters, ..original.clone() };
        Self { q: Some(text), ..Self::new(explanation, parameters) }
    }

    /// The hint, if the changed query can be parsed and has hits.
    async fn with_hits(self, index: &dyn Index) -> Option<Hint> {
        let query = self.parameters.to_query().ok()?;
        let hits = index.search(&query.first_page(1)).await.ok()?;
        (hits.total > 0).then(|| Hint {
            detail: format!("{}, there {}{}", self.explanation, count(&hits), self.note),
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
    let filters = &original.filters;
    let text = filters.text.trim();
    let has_text = !text.is_empty() && text != "*";
    if has_text && !text.starts_with('"') {
        let alternative = Alternative::with_text("in quotes", original, quoted(text));
        alternatives.push(Alternative {
            note: " (quoted text also matches parts of words)",
            ..alternative
        });
    }
    if let Some(text) = with_trailing_stars(text) {
        let explanation = "with * at the end of each word";
        alternatives.push(Alternative::with_text(explanation, original, text));
    }
    if has_text && !filters.fuzzy {
        let filters = Filters { fuzzy: true, ..filters.clone() };
        let parameters = SearchParameters { filters, ..original.clone() };
        let fuzzy = Alternative::new("with fuzzy=true", parameters);
        alternatives.push(Alternative { fuzzy: Some(true), ..fuzzy });
    }
    if filters.time != TimeRange::default() {
        let without = [("from", filters.time.from), ("to", filters.time.to)];
        let without: Vec<&str> =
            without.iter().filter(|(_, time)| time.is_some()).map(|(name, _)| *name).collect();
        let explanation = format!("without {}", without.join(" and "));
        let filters = Filters { time: TimeRange::default(), ..filters.clone() };
        let parameters = SearchParameters { filters, ..original.clone() };
        alternatives.push(Alternative {
            without: Some(without),
            ..Alternative::new(explanation, parameters)
        });
    }
    alternatives
}

/// The text with each word cut off after its first `*`, which is only supported at the end. `None`
/// if that changes nothing.
fn with_trailing_stars(text: &str) -> Option<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let cut: Vec<&str> = words.iter().map(|word| up_to_star(word)).collect();
    (!text.contains('"') && cut != words).then(|| cut.join(" "))
}

fn up_to_star(word: &str) -> &str {
    match word.find('*') {
        Some(star) if star > 0 => &word[..=star],
        _ => word,
    }
}

/// Leaves out each term in turn, and returns the alternative with the most hits: the one without
/// the rarest term.
async fn without_a_term(index: &dyn Index, original: &SearchParameters) -> Option<Hint> {
    let terms = terms(&original.filters.text);
    let has_operators = terms.iter().any(|term| matches!(*term, "AND" | "OR" | "NOT"));
    if terms.len() > MAX_TERMS || has_operators {
        return None;
    }
    let mut best: Option<Hint> = None;
    for left_out in 0..terms.len() {
        let mut rest = terms.clone();
        let term = rest.remove(left_out);
        if !rest.iter().any(|term| is_positive(term)) {
            continue;
        }
        let term = if term.contains('"') { term.to_owned() } else { quoted(term) };
        let explanation = format!("without {term}");
        let alternative = Alternative::with_text(explanation, original, rest.join(" "));
        let hint = alternative.with_hits(index).await;
        best = best.into_iter().chain(hint).max_by_key(|hint| hint.total);
    }
    best
}

/// The parts of a query between spaces, except for spaces within quotes or brackets.
fn terms(text: &str) -> Vec<&str> {
    let mut is_quoted = false;
    let mut depth = 0_usize;
    let terms = text.split(|c: char| {
        match c {
            '"' => is_quoted = !is_quoted,
            '(' | '[' | '{' if !is_quoted => depth += 1,
            ')' | ']' | '}' if !is_quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        c.is_whitespace() && !is_quoted && depth == 0
    });
    terms.filter(|term| !term.is_empty()).collect()
}

/// Whether a term selects hits rather than excluding them.
fn is_positive(term: &str) -> bool {
    !term.starts_with(['-', '!']) && term.contains(char::is_alphanumeric)
}
