//! An entry's words, as text that OpenSearch splits at spaces.
//!
//! A run with a single form becomes that form. A run with several becomes one token of all its
//! forms, each after a [`FORM_MARK`]; OpenSearch indexes them at the same position.

use std::borrow::Cow;
use std::collections::HashSet;

use super::super::mapping::FORM_MARK;
use crate::log_entry::LogEntry;
use crate::query::{Leaf, texts_besides_message};
use crate::text::{Run, runs, word_text};

/// The words of the message.
pub(super) fn message_words(message: &str) -> Vec<String> {
    let mut words = Vec::new();
    push_words(&mut words, message);
    words
}

/// The words of the entry's other texts.
pub(super) fn other_words(entry: &LogEntry, leaves: &[Leaf]) -> Vec<String> {
    let mut words = Vec::new();
    for text in texts_besides_message(entry, leaves) {
        push_words(&mut words, text);
    }
    words
}

/// Appends the words of a text as one or more sequences, between which OpenSearch leaves a gap. A
/// run without forms ends a sequence, because no phrase may span it.
fn push_words(sequences: &mut Vec<String>, text: &str) {
    let text = word_text(text);
    let mut sequence = String::with_capacity(text.len());
    for run in runs(&text) {
        let has_forms = push_forms(&mut sequence, run);
        if !has_forms && !sequence.is_empty() {
            sequences.push(std::mem::take(&mut sequence));
        }
    }
    if !sequence.is_empty() {
        sequences.push(sequence);
    }
}

/// Appends the forms of a run as one token. Returns false if there are none.
fn push_forms(sequence: &mut String, run: Run<'_>) -> bool {
    let mut forms = Vec::new();
    run.forms(|form| forms.push(form));
    if forms.is_empty() {
        return false;
    }
    if !sequence.is_empty() {
        sequence.push(' ');
    }
    if let [only] = forms.as_slice() {
        sequence.push_str(only);
        return true;
    }
    let mut seen = HashSet::new();
    for form in forms.iter().filter(|form| seen.insert(Cow::as_ref(form))) {
        sequence.push(FORM_MARK);
        sequence.push_str(form);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::EntryBuilder;

    #[test]
    fn a_run_with_several_forms_is_one_token() {
        for (message, words) in [
            ("GET /health 200", &["get health 200"][..]),
            ("pod OOMKilled!", &["pod |oomkilled|oom|killed"]),
            ("1a1", &["|1a1|1|a|1a|a1"]),
            ("用户", &["用 户"]),
            ("... != 🚀", &[]),
            ("", &[]),
        ] {
            assert_eq!(message_words(message), words, "{message}");
        }
    }

    #[test]
    fn a_run_without_forms_ends_a_sequence() {
        let long = "x".repeat(2000);
        assert_eq!(message_words(&format!("a b {long} c")), ["a b", "c"]);
        assert_eq!(message_words(&long), [""; 0]);
    }

    #[test]
    fn each_text_is_a_sequence() {
        let entry = EntryBuilder::new("m").service("pay-api").attributes(r#"{"a":["x y",7,true]}"#);
        let entry = entry.build();
        let leaves = crate::query::leaves(entry.attributes.as_ref());
        assert_eq!(other_words(&entry, &leaves), ["pay api", "info", "x y", "7"]);
    }
}
