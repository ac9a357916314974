//! Finds entries with any term that matches a pattern.

use std::io;
use std::sync::Arc;

use tantivy::postings::TermInfo;
use tantivy::query::{
    BitSetDocSet, ConstScorer, EmptyScorer, EnableScoring, Explanation, Query, Scorer, Weight,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::termdict::{TermDictionary, TermStreamer};
use tantivy::{BitSet, DocId, InvertedIndexReader, Score, SegmentReader, TantivyError};

use crate::index::tantivy::pieces::Part;
use crate::index::tantivy::schema::Fields;
use crate::index::tantivy::word_list::WordList;

/// Finds entries with a term that matches the pattern in any of the fields. Their score is
/// constant.
#[derive(Debug, Clone)]
pub(super) struct TermsQuery {
    fields: Vec<Field>,
    pattern: Pattern,
}

/// The text that a term must begin with, end with or contain. For the start, there may be several
/// texts.
#[derive(Debug, Clone)]
enum Pattern {
    Start(Vec<Vec<u8>>),
    End(Vec<u8>),
    Middle(Vec<u8>),
}

/// Shorter parts occur in so many words that comparing all terms is faster than using the word
/// list.
const MIN_LISTED_BYTES: usize = 3;

impl TermsQuery {
    /// Finds entries with a term that begins with `stem`.
    pub(super) fn prefix(fields: &[Field], stem: &[u8]) -> Self {
        Self { fields: fields.to_vec(), pattern: Pattern::Start(vec![stem.to_vec()]) }
    }

    /// Finds entries with a term in the field that begins with any of `stems`.
    pub(super) fn prefixes(field: Field, stems: impl Iterator<Item = String>) -> Self {
        let stems = stems.map(String::into_bytes).collect();
        Self { fields: vec![field], pattern: Pattern::Start(stems) }
    }

    /// Finds entries whose message has a word or term with the part.
    pub(super) fn part(fields: &Fields, part: Part<'_>) -> Self {
        let pattern = match part {
            Part::Start(text) => Pattern::Start(vec![text.into()]),
            Part::End(text) => Pattern::End(text.into()),
            Part::Middle(text) => Pattern::Middle(text.into()),
        };
        Self { fields: fields.listed().to_vec(), pattern }
    }
}

impl Query for TermsQuery {
    fn weight(&self, _scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for TermsQuery {
    fn scorer(&self, segment: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let indexes = self.fields.iter().map(|field| segment.inverted_index(*field));
        let indexes: Vec<_> = indexes.collect::<tantivy::Result<_>>()?;
        let terms = self.pattern.terms(segment, &indexes)?;
        if terms.is_empty() {
            return Ok(Box::new(EmptyScorer));
        }
        if let [(index, term)] = &*terms {
            let postings = index.read_postings_from_terminfo(term, IndexRecordOption::Basic)?;
            return Ok(Box::new(ConstScorer::new(postings, boost)));
        }
        let mut found = BitSet::with_max_value(segment.max_doc());
        for (index, term) in terms {
            let mut block =
                index.read_block_postings_from_terminfo(&term, IndexRecordOption::Basic)?;
            while !block.docs().is_empty() {
                for doc in block.docs() {
                    found.insert(*doc);
                }
                block.advance();
            }
        }
        Ok(Box::new(ConstScorer::new(BitSetDocSet::from(found), boost)))
    }

    fn explain(&self, segment: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        let mut scorer = self.scorer(segment, 1.0)?;
        if scorer.doc() > doc || scorer.seek(doc) != doc {
            return Err(TantivyError::InvalidArgument(format!("document {doc} does not match")));
        }
        Ok(Explanation::new("TermsQuery", 1.0))
    }
}

/// A term and the index that contains it.
type FoundTerm<'i> = (&'i InvertedIndexReader, TermInfo);

impl Pattern {
    /// The terms that match the pattern.
    fn terms<'i>(
        &self,
        segment: &SegmentReader,
        indexes: &'i [Arc<InvertedIndexReader>],
    ) -> tantivy::Result<Vec<FoundTerm<'i>>> {
        let mut found = Vec::new();
        let on_word = |word: &[u8]| {
            for index in indexes {
                found.extend(index.terms().get(word)?.map(|term| (&**index, term)));
            }
            Ok(())
        };
        let list = match self {
            Self::End(text) | Self::Middle(text) if text.len() >= MIN_LISTED_BYTES => {
                WordList::open(segment)?
            }
            _ => None,
        };
        match (self, list) {
            (Self::End(text), Some(list)) => list.ending_with(text, on_word)?,
            (Self::Middle(text), Some(list)) => list.containing(text, on_word)?,
            (Self::Start(stems), _) => {
                for (index, stem) in
                    indexes.iter().flat_map(|index| stems.iter().map(move |stem| (index, stem)))
                {
                    let mut terms = starting_with(index.terms(), stem)?;
                    while terms.advance() {
                        found.push((&**index, terms.value().clone()));
                    }
                }
            }
            (pattern, _) => {
                for index in indexes {
                    let mut terms = index.terms().stream()?;
                    while terms.advance() {
                        if pattern.matches(terms.key()) {
                            found.push((&**index, terms.value().clone()));
                        }
                    }
                }
            }
        }
        Ok(found)
    }

    fn matches(&self, term: &[u8]) -> bool {
        match self {
            Self::Start(stems) => stems.iter().any(|stem| term.starts_with(stem)),
            Self::End(tail) => term.ends_with(tail),
            Self::Middle(part) => term.windows(part.len()).any(|window| window == part),
        }
    }
}

/// The terms that begin with `stem`.
fn starting_with<'t>(terms: &'t TermDictionary, stem: &[u8]) -> io::Result<TermStreamer<'t>> {
    let range = terms.range().ge(stem);
    match end(stem) {
        Some(end) => range.lt(end).into_stream(),
        None => range.into_stream(),
    }
}

/// The least byte string that is greater than all that begin with `stem`; `None` if there is none.
fn end(stem: &[u8]) -> Option<Vec<u8>> {
    let last = stem.iter().rposition(|byte| *byte < u8::MAX)?;
    let mut end = stem[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_range_ends_after_every_term_with_the_stem() {
        for (stem, expected) in [
            (&b"ab"[..], Some(&b"ac"[..])),
            (b"a\xff", Some(b"b")),
            ("ä".as_bytes(), Some(b"\xc3\xa5")),
            (b"\xff", None),
            (b"", None),
        ] {
            assert_eq!(end(stem).as_deref(), expected, "{stem:?}");
        }
    }

    #[test]
    fn a_pattern_matches_the_start_the_end_or_any_part() {
        let matching = |pattern: Pattern| -> Vec<&str> {
            let terms = ["time", "timeout", "out", "routes", "o"];
            terms.into_iter().filter(|term| pattern.matches(term.as_bytes())).collect()
        };
        assert_eq!(matching(Pattern::Start(vec![b"time".into()])), ["time", "timeout"]);
        assert_eq!(matching(Pattern::End(b"out".into())), ["timeout", "out"]);
        assert_eq!(matching(Pattern::Middle(b"out".into())), ["timeout", "out", "routes"]);
    }
}
