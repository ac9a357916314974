//! Conditions on text: words, prefixes and fragments.

use std::collections::HashSet;

use crate::query::{Condition, FuzzyRun, Prefix, Scope, Words};
use crate::text;

/// The maximum number of distinct words in a query. Each becomes one or more clauses in an index
/// query.
const MAX_WORDS: usize = 256;

/// The maximum number of runs that match fuzzily. Each of them scans the index's term dictionary.
const MAX_FUZZY_RUNS: usize = 16;

/// The longest run that matches fuzzily, in characters. Its automaton grows with every character,
/// in tantivy by about 70 kB.
const MAX_FUZZY_CHARS: usize = 32;

/// The longest fragment, in characters after normalization.
const MAX_FRAGMENT_CHARS: usize = 1024;

/// Builds the text conditions of a query, within the limits.
pub(super) struct TextConditions {
    remaining_fuzzy_runs: usize,
    words: HashSet<String>,
}

impl TextConditions {
    pub(super) fn new(fuzzy: bool) -> Self {
        let remaining_fuzzy_runs = if fuzzy { MAX_FUZZY_RUNS } else { 0 };
        Self { remaining_fuzzy_runs, words: HashSet::new() }
    }

    /// The condition for a word that may end with `*`; `None` if there is nothing to find.
    pub(super) fn word_or_prefix(
        &mut self,
        word: &str,
        scope: Scope,
    ) -> Result<Option<Condition>, String> {
        match word.strip_suffix('*') {
            Some(prefix) if !prefix.is_empty() && !prefix.ends_with('*') => {
                prefix_condition(prefix, scope)
            }
            _ => self.word(word, scope),
        }
    }

    /// The condition for a word. A word without letters and digits is a fragment of the message.
    pub(super) fn word(&mut self, word: &str, scope: Scope) -> Result<Option<Condition>, String> {
        let normalized = text::word_text(word);
        let runs: Vec<String> =
            text::runs(&normalized).map(|run| run.folded().into_owned()).collect();
        if runs.is_empty() {
            return fragment(word);
        }
        self.words.extend(runs.iter().cloned());
        if self.words.len() > MAX_WORDS {
            return Err(format!("must have at most {MAX_WORDS} distinct words"));
        }
        let runs = runs.into_iter().map(|text| {
            let max_edits = if self.remaining_fuzzy_runs > 0 { max_edits(&text) } else { 0 };
            self.remaining_fuzzy_runs -= usize::from(max_edits > 0);
            FuzzyRun { text, max_edits }
        });
        Ok(Some(Condition::Words(Words { scope, runs: runs.collect() })))
    }
}

/// The condition for the text before a `*`. A single run is a prefix of words; any other text is a
/// fragment of the message.
fn prefix_condition(prefix: &str, scope: Scope) -> Result<Option<Condition>, String> {
    let normalized = text::word_text(prefix);
    let mut runs = text::runs(&normalized);
    match (runs.next(), runs.next()) {
        (Some(run), None) if run.text.len() == normalized.len() => {
            Ok(Some(Condition::Prefix(Prefix { scope, text: run.folded().into_owned() })))
        }
        _ => fragment(prefix),
    }
}

/// The condition that the message contains `text`; `None` if normalization leaves nothing of it.
pub(super) fn fragment(text: &str) -> Result<Option<Condition>, String> {
    let fragment = text::fragment(text);
    if fragment.chars().nth(MAX_FRAGMENT_CHARS).is_some() {
        return Err(format!(
            "a fragment must have at most {MAX_FRAGMENT_CHARS} characters after normalization"
        ));
    }
    Ok((!fragment.is_empty()).then_some(Condition::Fragment(fragment)))
}

/// The number of edits by which a run may differ.
fn max_edits(run: &str) -> u8 {
    match run.chars().count() {
        3..=5 => 1,
        6..=MAX_FUZZY_CHARS => 2,
        _ => 0,
    }
}

/// Whether `text` contains letters or digits.
pub(super) fn has_words(text: &str) -> bool {
    text::runs(&text::word_text(text)).next().is_some()
}

/// The error if a single `*` precedes the text to find. Several in a row are punctuation.
pub(super) fn leading_star(word: &str) -> Option<String> {
    let rest = word.strip_prefix('*')?;
    let is_mistake = !rest.starts_with('*') && rest.contains(char::is_alphanumeric);
    let rest = rest.trim_end_matches('*');
    is_mistake.then(|| {
        format!("a leading * is not supported; write \"{rest}\" in quotes to find it anywhere")
    })
}
