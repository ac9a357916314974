//! Splits texts into index terms, by the rules in [`crate::text`]. tantivy only receives the
//! result.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager};

use super::pieces;
use crate::text;

/// The name of [`Words`] in the schema.
pub(super) const WORDS: &str = "words";

/// The name of [`PieceTerms`] in the schema.
pub(super) const PIECES: &str = "pieces";

/// The tokenizers that the schema refers to.
pub(super) fn tokenizers() -> TokenizerManager {
    let tokenizers = TokenizerManager::default();
    tokenizers.register(WORDS, Words::default());
    tokenizers.register(PIECES, PieceTerms::default());
    tokenizers
}

/// Splits text into words. All forms of a run have the same position.
#[derive(Clone, Default)]
struct Words(Terms);

impl Tokenizer for Words {
    type TokenStream<'a> = TermStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> TermStream<'a> {
        self.0.clear();
        for (position, run) in text::runs(&text::word_text(text)).enumerate() {
            run.forms(|form| self.0.push(&form, position));
        }
        TermStream::new(&self.0)
    }
}

/// Splits a message into the terms that, together with its words, find its fragments.
#[derive(Clone, Default)]
struct PieceTerms {
    terms: Terms,
    seen: pieces::Seen,
}

impl Tokenizer for PieceTerms {
    type TokenStream<'a> = TermStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> TermStream<'a> {
        self.terms.clear();
        pieces::terms(&text::searchable(text), &mut self.seen, |term| self.terms.push(term, 0));
        TermStream::new(&self.terms)
    }
}

/// The terms of a text, in one buffer that the texts of a batch share.
#[derive(Clone, Default)]
struct Terms {
    text: String,
    /// Each term's end in `text`, and its position.
    ends: Vec<(usize, usize)>,
}

impl Terms {
    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    fn push(&mut self, term: &str, position: usize) {
        self.text.push_str(term);
        self.ends.push((self.text.len(), position));
    }
}

struct TermStream<'a> {
    terms: &'a Terms,
    next: usize,
    start: usize,
    token: Token,
}

impl<'a> TermStream<'a> {
    fn new(terms: &'a Terms) -> Self {
        Self { terms, next: 0, start: 0, token: Token::default() }
    }
}

impl TokenStream for TermStream<'_> {
    fn advance(&mut self) -> bool {
        let Some((end, position)) = self.terms.ends.get(self.next).copied() else {
            return false;
        };
        self.token.text.clear();
        self.token.text.push_str(&self.terms.text[self.start..end]);
        self.token.position = position;
        self.next += 1;
        self.start = end;
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(name: &str, text: &str) -> Vec<(String, usize)> {
        let mut analyzer = tokenizers().get(name).unwrap();
        let mut terms = Vec::new();
        analyzer.token_stream(text).process(&mut |token| {
            terms.push((token.text.clone(), token.position));
        });
        terms
    }

    #[test]
    fn all_forms_of_a_word_have_its_position() {
        let long = "a".repeat(text::MAX_FORM_BYTES + 1);
        let text = format!("x {long} \u{1b}[32mT12\u{1b}[0m y");
        let expected = [("x", 0), ("t12", 2), ("t", 2), ("12", 2), ("y", 3)];
        assert_eq!(terms(WORDS, &text), expected.map(|(form, at)| (form.to_owned(), at)));
    }

    #[test]
    fn pieces_come_from_the_folded_text() {
        let pieces: Vec<String> =
            terms(PIECES, "ÄB=").into_iter().map(|(piece, _)| piece).collect();
        assert_eq!(pieces, ["=", "äb"]);
    }
}
