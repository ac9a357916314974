//! Splits searchable text into pieces: its runs of letters and digits, and the characters between
//! them. A message that contains a fragment has the pieces inside the fragment, and for each piece
//! at an edge of the fragment, one that ends or begins with it.
//!
//! In nearly every message, the runs are the words that are indexed anyway. So the index needs few
//! additional terms, far fewer than with the groups of three characters of [`crate::text::grams`].

use crate::text::{self, MAX_FORM_BYTES, SEPARATOR};

/// The maximum length of a chunk. Longer runs are split into overlapping chunks.
const MAX_CHUNK_BYTES: usize = 16 * 1024;

/// The overlap of two chunks. Runs in fragments are compared up to this length, so each of them is
/// inside one chunk.
const OVERLAP_BYTES: usize = 4 * 1024;

/// Calls `on_term` with the terms of a [`searchable`](text::searchable) text other than the words
/// of the message: the characters outside runs, the pairs of consecutive ones, the pairs of
/// characters at which two runs meet, and the runs that may not be among the words.
pub(super) fn terms(searchable: &str, seen: &mut Seen, mut on_term: impl FnMut(&str)) {
    seen.clear();
    // A message is split into words before its case is folded, and without its terminal escape
    // sequences. So unless the text is plain ASCII, its runs may differ from the words.
    let has_other_runs = !searchable.is_ascii() || searchable.contains(SEPARATOR);
    let mut symbols = |between: Between<'_>| {
        let mut on_new = |symbol: &str| {
            if seen.insert(symbol) {
                on_term(symbol);
            }
        };
        between.each_symbol(&mut on_new);
        between.each_pair(on_new);
    };
    let mut previous_end = 0;
    for run in text::runs(searchable) {
        symbols(Between::new(searchable, previous_end, run.start));
        previous_end = run.start + run.text.len();
    }
    symbols(Between::new(searchable, previous_end, searchable.len()));
    for run in text::runs(searchable) {
        if has_other_runs || run.text.len() > MAX_FORM_BYTES {
            chunks(run.text, &mut on_term);
        }
    }
}

/// The boundary between two runs: a gap, or the point at which they meet.
#[derive(Clone, Copy)]
enum Between<'t> {
    Gap(&'t str),
    /// The last character of a run and the first one of the next.
    Border(&'t str),
}

impl<'t> Between<'t> {
    /// The boundary from the end of one run to the start of the next.
    fn new(text: &'t str, end: usize, start: usize) -> Self {
        if end < start {
            return Self::Gap(&text[end..start]);
        }
        let last = text[..end].chars().next_back().map_or(0, char::len_utf8);
        let first = text[start..].chars().next().map_or(0, char::len_utf8);
        Self::Border(if last == 0 || first == 0 { "" } else { &text[end - last..start + first] })
    }

    fn each_pair(self, mut on_pair: impl FnMut(&'t str)) {
        let (Self::Gap(text) | Self::Border(text)) = self;
        let starts = text.char_indices().map(|(start, _)| start);
        let ends = starts.clone().skip(2).chain([text.len()]);
        for (start, end) in starts.zip(ends) {
            let pair = &text[start..end];
            // The separator is not part of any fragment, and the last character has no successor.
            if !pair.contains(SEPARATOR) && pair.chars().nth(1).is_some() {
                on_pair(pair);
            }
        }
    }

    fn each_symbol(self, mut on_symbol: impl FnMut(&'t str)) {
        let Self::Gap(gap) = self else { return };
        for (start, c) in gap.char_indices().filter(|(_, c)| *c != SEPARATOR) {
            on_symbol(&gap[start..start + c.len_utf8()]);
        }
    }
}

/// The ASCII symbols that a text has contained so far. Other symbols are not recorded.
#[derive(Clone)]
pub(super) struct Seen([u128; 128]);

impl Default for Seen {
    fn default() -> Self {
        Self([0; 128])
    }
}

impl Seen {
    fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Whether the symbol may be new.
    fn insert(&mut self, symbol: &str) -> bool {
        let (first, second) = match *symbol.as_bytes() {
            [only] => (0, only),
            [first, second] if first.is_ascii() => (first, second),
            _ => return true,
        };
        let row = &mut self.0[usize::from(first)];
        let bit = 1 << second;
        let is_new = *row & bit == 0;
        *row |= bit;
        is_new
    }
}

fn chunks(run: &str, mut on_term: impl FnMut(&str)) {
    let mut rest = run;
    while rest.len() > MAX_CHUNK_BYTES {
        on_term(&rest[..rest.floor_char_boundary(MAX_CHUNK_BYTES)]);
        rest = &rest[rest.floor_char_boundary(MAX_CHUNK_BYTES - OVERLAP_BYTES)..];
    }
    on_term(rest);
}

/// The pieces of a fragment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pieces<'f> {
    /// The words and terms of every message that contains the fragment.
    pub(super) terms: Vec<&'f str>,
    /// The parts of words or terms that each such message also has.
    pub(super) parts: Vec<Part<'f>>,
    /// Whether every message with the pieces contains the fragment.
    pub(super) are_decisive: bool,
}

/// A part of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'f> {
    /// The run begins with this.
    Start(&'f str),
    /// The run ends with this.
    End(&'f str),
    /// The run contains this.
    Middle(&'f str),
}

impl<'f> Pieces<'f> {
    /// Splits a fragment into the pieces that do not depend on the surrounding text.
    pub(super) fn of(fragment: &'f str) -> Self {
        let mut pieces = Self::default();
        // The fragment, or only its leading marks, may continue a run before it.
        let marks_end = continuation("\u{4e00}", fragment);
        let settled = continuation("a", fragment);
        if marks_end < settled {
            let lead = &fragment[marks_end..settled];
            let is_last = settled == fragment.len();
            pieces.push_part(if is_last { Part::Middle(lead) } else { Part::End(lead) });
        }
        let rest = &fragment[settled..];
        let mut previous_end = 0;
        for run in text::runs(rest) {
            pieces.push_symbols(Between::new(rest, previous_end, run.start));
            previous_end = run.start + run.text.len();
            if previous_end < rest.len() {
                pieces.push_run(run.text);
            } else {
                pieces.push_part(Part::Start(run.text));
            }
        }
        pieces.push_symbols(Between::new(rest, previous_end, rest.len()));
        pieces.decisive(fragment).unwrap_or(pieces)
    }

    /// The piece that equals the whole fragment, if there is one. A message with it contains the
    /// fragment.
    fn decisive(&self, fragment: &str) -> Option<Self> {
        let terms: Vec<&'f str> =
            self.terms.iter().copied().filter(|term| *term == fragment).collect();
        let parts = self.parts.iter().copied().filter(|part| part.text() == fragment);
        let parts: Vec<Part<'_>> = parts.filter(|_| terms.is_empty()).collect();
        let are_decisive = !(terms.is_empty() && parts.is_empty());
        are_decisive.then_some(Self { terms, parts, are_decisive })
    }

    /// Adds the pairs of characters, or the only character if there is just one.
    fn push_symbols(&mut self, between: Between<'f>) {
        let pairs_start = self.terms.len();
        between.each_pair(|pair| self.terms.push(pair));
        if self.terms.len() == pairs_start {
            between.each_symbol(|symbol| self.terms.push(symbol));
        }
    }

    fn push_run(&mut self, run: &'f str) {
        if run.len() > OVERLAP_BYTES {
            self.push_part(Part::Middle(run));
        } else {
            self.terms.push(run);
        }
    }

    fn push_part(&mut self, part: Part<'f>) {
        let text = part.text();
        let is_long = text.len() > OVERLAP_BYTES;
        let compared = &text[..text.floor_char_boundary(OVERLAP_BYTES)];
        self.parts.push(if is_long { Part::Middle(compared) } else { part });
    }
}

impl<'f> Part<'f> {
    pub(super) fn text(self) -> &'f str {
        match self {
            Self::Start(text) | Self::End(text) | Self::Middle(text) => text,
        }
    }
}

/// The offset in `text` at which a run that begins with `context` ends.
fn continuation(context: &str, text: &str) -> usize {
    let joined = format!("{context}{text}");
    let run = text::runs(&joined).next();
    run.map_or(0, |run| run.text.len() - context.len())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::text::{runs, searchable, word_text};

    fn is_in(part: Part<'_>, run: &str) -> bool {
        match part {
            Part::Start(text) => run.starts_with(text),
            Part::End(text) => run.ends_with(text),
            Part::Middle(text) => run.contains(text),
        }
    }

    /// The words and terms of a message.
    fn indexed(message: &str) -> HashSet<String> {
        let mut indexed: HashSet<String> = terms_of(message).into_iter().collect();
        for run in runs(&word_text(message)) {
            run.forms(|form| indexed.extend([form.into_owned()]));
        }
        indexed
    }

    fn terms_of(message: &str) -> Vec<String> {
        let mut collected = Vec::new();
        terms(&searchable(message), &mut Seen::default(), |term| collected.push(term.to_owned()));
        collected
    }

    #[test]
    fn symbols_and_runs_that_differ_from_words_are_terms() {
        assert_eq!(terms_of("a=1 != B=1"), ["=", " ", "!", " !", "!=", "= "]);
        assert_eq!(terms_of("é!"), ["!", "é"]);
        assert_eq!(terms_of("支付"), ["支付", "支", "付"]);
        assert_eq!(terms_of("\u{1b}[1mx"), [" ", "[", " [", "1mx", "x"]);
        assert!(terms_of("OOMKilled").is_empty());
        assert_eq!(terms_of(&"a".repeat(MAX_FORM_BYTES + 1)).len(), 1);
    }

    #[test]
    fn pieces_do_not_depend_on_the_text_around_a_fragment() {
        use Part::{End, Middle, Start};
        for (fragment, terms, parts, are_decisive) in [
            ("imeou", &[][..], &[Middle("imeou")][..], true),
            ("out: 17 ms", &[": ", "17", " "], &[End("out"), Start("ms")], false),
            ("t ", &[" "], &[End("t")], false),
            (" != ", &[" !", "!=", "= "], &[], false),
            ("!=", &["!="], &[], true),
            ("=", &["="], &[], true),
            ("支", &[], &[Start("支")], true),
            ("支付", &["支付"], &[], true),
            ("\u{302}b c", &[" "], &[End("b"), Start("c")], false),
            ("\u{302}", &[], &[], false),
        ] {
            let expected = Pieces { terms: terms.to_vec(), parts: parts.to_vec(), are_decisive };
            assert_eq!(Pieces::of(fragment), expected, "{fragment:?}");
        }
    }

    fn any_message() -> impl Strategy<Value = String> {
        let special = vec![
            "a",
            "B",
            "7",
            " ",
            "=",
            "!",
            "\u{1b}[31m",
            "\u{1b}",
            "\u{301}",
            "\u{302}",
            "\u{200b}",
            "İ",
            "ς",
            "ß",
            "ŉ",
            "ﬃ",
            "Ｅ",
            "e\u{301}",
            "支",
            "付",
            "한",
            "ต่",
            "ั",
            "\u{93e}",
            "क",
            "🚀",
            "½",
            "\u{a8}",
            "\0",
            "ﷺ",
            "ｶﾞ",
        ];
        let long = (20_usize..40_000).prop_map(|length| "ab3c".repeat(length / 4));
        let piece = prop_oneof![
            40 => prop::sample::select(special).prop_map(str::to_owned),
            10 => any::<char>().prop_map(String::from),
            1 => long,
        ];
        prop::collection::vec(piece, 1..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_message_has_the_pieces_of_its_fragments(
            message in any_message(),
            other in any_message(),
            (start, length) in (any::<prop::sample::Index>(), 1_usize..20),
        ) {
            let searchable_text = searchable(&message);
            let start = searchable_text.floor_char_boundary(start.index(searchable_text.len() + 1));
            let rest = searchable_text[start..].chars().take_while(|c| *c != SEPARATOR);
            let fragment: String = rest.take(length).collect();
            if fragment.is_empty() {
                return Ok(());
            }
            let pieces = Pieces::of(&fragment);
            for message in [&message, &other] {
                let indexed = indexed(message);
                let has_pieces = pieces.terms.iter().all(|term| indexed.contains(*term))
                    && pieces.parts.iter().all(|part| {
                        indexed.iter().any(|run| is_in(*part, run))
                    });
                let contains = searchable(message).contains(&fragment);
                prop_assert!(has_pieces || !contains, "{:?} {:?}", &fragment, &pieces);
                prop_assert!(contains || !has_pieces || !pieces.are_decisive, "{:?}", &fragment);
            }
        }
    }
}
