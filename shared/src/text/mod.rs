//! The rules for text: how it is normalized, split into words and searched for fragments. Both
//! indexes store what these functions return, and queries are evaluated in memory with the same
//! functions, so all three find the same entries.
//!
//! * [`normalize`] maps texts that look alike to the same text (Unicode's NFKC).
//! * [`runs`] splits normalized text into words; [`Run::forms`] yields the forms under which a word
//!   is indexed.
//! * [`searchable`] returns text that contains every fragment of a message; [`grams`] yields its
//!   groups of three characters, which narrow a search for a fragment.

mod ansi;
mod grams;
mod located;
mod normalize;
mod words;

pub use grams::{GRAM_CHARS, fragment_grams, grams};
pub use normalize::{fold, normalize};
pub use words::{MAX_FORM_BYTES, Run, runs};

pub(crate) use ansi::strip_ansi;
pub(crate) use located::LocatedText;

use std::borrow::Cow;

/// Separates the two parts of a [`searchable`] text. No fragment contains it.
pub const SEPARATOR: char = '\0';

/// The normalized and folded `message`. It contains [`fragment(part)`](fragment) for each part of the
/// message. If the message contains terminal escape sequences, a copy without them follows.
#[must_use]
pub fn searchable(message: &str) -> String {
    let mut text = fragment(message);
    if let Cow::Owned(plain) = strip_ansi(message) {
        text.push(SEPARATOR);
        text.push_str(&fragment(&plain));
    }
    text
}

/// A fragment in the form that a [`searchable`] text contains.
#[must_use]
pub fn fragment(text: &str) -> String {
    fold(&normalize(text)).into_owned()
}

/// The normalized message without terminal escape sequences. Its [`runs`] are the message's words.
#[must_use]
pub fn word_text(message: &str) -> Cow<'_, str> {
    match strip_ansi(message) {
        Cow::Borrowed(text) => normalize(text),
        Cow::Owned(text) => Cow::Owned(normalize(&text).into_owned()),
    }
}

#[cfg(test)]
use normalize::clusters;

#[cfg(test)]
mod tests;
