//! Splits normalized text into words (runs of letters and digits) and lists the forms under which
//! each word is indexed.

use std::borrow::Cow;
use std::ops::Range;

use super::normalize::{fold, is_mark};

/// The maximum length of a form. Longer forms are usually encoded data and are not indexed.
pub const MAX_FORM_BYTES: usize = 1024;

/// The maximum number of parts of a run that is split. A run with more parts is usually encoded
/// data; it is indexed only as a whole.
const MAX_PARTS: usize = 16;

/// A run with digits and more parts than this is usually an identifier. It is indexed as a whole
/// and by each of its parts, but not by sequences of parts.
const MAX_MIXED_PARTS: usize = 4;

/// A word: a run of letters and digits, or one character of a script that is split into characters
/// (see `is_unspaced`), with the marks that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<'t> {
    /// The normalized run in its original case.
    pub text: &'t str,
    /// The byte offset in the normalized text.
    pub start: usize,
}

/// The runs in a normalized text. In scripts that are split into characters, a word of several
/// characters is a sequence of runs.
pub fn runs(normalized: &str) -> impl Iterator<Item = Run<'_>> {
    let mut position = 0;
    std::iter::from_fn(move || {
        let start = position + normalized[position..].find(char::is_alphanumeric)?;
        let rest = &normalized[start..];
        let mut chars = rest.char_indices();
        let is_unspaced = chars.next().is_some_and(|(_, first)| is_unspaced(first));
        let continues =
            |c: char| is_mark(c) || (!is_unspaced && c.is_alphanumeric() && !self::is_unspaced(c));
        let length = chars.find(|(_, c)| !continues(*c)).map_or(rest.len(), |(end, _)| end);
        position = start + length;
        Some(Run { text: &rest[..length], start })
    })
}

impl<'t> Run<'t> {
    /// Calls `on_form` with each form under which the run is indexed: the run itself and, if it has
    /// internal boundaries (`OOMKilled`, `32mDEBUG`, `14T12`), each part between two boundaries and
    /// everything before and after each boundary. All forms are folded; forms that are too long are
    /// omitted.
    pub fn forms(self, mut on_form: impl FnMut(Cow<'t, str>)) {
        self.located_forms(|_, form| on_form(form));
    }

    /// Like [`forms`](Self::forms), with the byte range of each form in the normalized text.
    pub(crate) fn located_forms(self, mut on_form: impl FnMut(Range<usize>, Cow<'t, str>)) {
        if self.text.len() > MAX_FORM_BYTES {
            return;
        }
        let mut on_form = |range: Range<usize>| {
            let folded = fold(&self.text[range.clone()]);
            if folded.len() <= MAX_FORM_BYTES {
                on_form(self.start + range.start..self.start + range.end, folded);
            }
        };
        let length = self.text.len();
        on_form(0..length);
        let boundaries = boundaries(self.text);
        let parts = boundaries.len() + 1;
        if parts == 1 || parts > MAX_PARTS {
            return;
        }
        let has_sequences = parts <= MAX_MIXED_PARTS || !self.text.contains(char::is_numeric);
        let mut start = 0;
        for end in boundaries.into_iter().chain([length]) {
            on_form(start..end);
            if has_sequences && start > 0 && end < length {
                on_form(0..end);
                on_form(start..length);
            }
            start = end;
        }
    }

    /// The folded run, as used in queries.
    #[must_use]
    pub fn folded(self) -> Cow<'t, str> {
        fold(self.text)
    }
}

/// The byte offsets where a run's parts meet: between a letter and a digit, between a lower-case
/// letter and a capital, and before the last of several capitals if a lower-case letter follows it
/// (`HTTP|Server`).
fn boundaries(run: &str) -> Vec<usize> {
    if run.bytes().all(|byte| byte.is_ascii_lowercase())
        || run.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Vec::new();
    }
    let kinds: Vec<(usize, Kind)> =
        run.char_indices().filter_map(|(at, c)| Some((at, Kind::of(c)?))).collect();
    let neighbours = kinds.windows(2).enumerate();
    let boundaries = neighbours.filter(|(index, pair)| match (pair[0].1, pair[1].1) {
        (Kind::Digit, Kind::Digit) => false,
        (Kind::Digit, _) | (_, Kind::Digit) | (Kind::Other, Kind::Upper) => true,
        (Kind::Upper, Kind::Upper) => {
            matches!(kinds.get(index + 2), Some((_, Kind::Other)))
        }
        (_, Kind::Other) => false,
    });
    boundaries.map(|(_, pair)| pair[1].0).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Digit,
    Upper,
    Other,
}

impl Kind {
    /// The kind of a character; `None` for a mark, which belongs to the character before it.
    fn of(c: char) -> Option<Self> {
        if c.is_numeric() {
            Some(Self::Digit)
        } else if c.is_uppercase() {
            Some(Self::Upper)
        } else {
            (!is_mark(c)).then_some(Self::Other)
        }
    }
}

/// Whether each character of the character's script is a run by itself. This applies to scripts
/// that do not separate words with spaces (Han, kana, Thai, Lao, Khmer, Burmese, Yi and Tibetan),
/// and to Hangul, because Korean attaches particles and endings to its words. Scripts are told
/// apart by Unicode block.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0fff}'
        | '\u{1000}'..='\u{109f}'
        | '\u{1100}'..='\u{11ff}'
        | '\u{1780}'..='\u{17ff}'
        | '\u{2e80}'..='\u{2fdf}'
        | '\u{3005}'..='\u{a4cf}'
        | '\u{a960}'..='\u{a97f}'
        | '\u{ac00}'..='\u{d7ff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{1aff0}'..='\u{1b16f}'
        | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::normalize;

    fn folded_runs(text: &str) -> Vec<String> {
        runs(&normalize(text)).map(|run| run.folded().into_owned()).collect()
    }

    fn forms(run: &str) -> Vec<String> {
        let text = normalize(run);
        let mut forms = Vec::new();
        runs(&text).next().unwrap().forms(|form| forms.push(form.into_owned()));
        forms.sort();
        forms
    }

    #[test]
    fn words_are_runs_of_letters_and_digits() {
        for (text, words) in [
            ("GET /a_b?c=d 200", &["get", "a", "b", "c", "d", "200"][..]),
            ("10.0.0.1:8080", &["10", "0", "0", "1", "8080"]),
            ("it's", &["it", "s"]),
            ("", &[]),
            ("🚀 != ...", &[]),
            ("用户 a支付b", &["用", "户", "a", "支", "付", "b"]),
            ("ต่อ", &["ต\u{e48}", "อ"]),
            ("x\u{302}y", &["x\u{302}y"]),
        ] {
            assert_eq!(folded_runs(text), words, "{text}");
        }
    }

    #[test]
    fn a_run_is_indexed_by_its_parts_and_the_text_around_each_boundary() {
        for (run, expected) in [
            ("oomkilled", &["oomkilled"][..]),
            ("OOMKilled", &["killed", "oom", "oomkilled"]),
            ("14T12", &["12", "14", "14t", "14t12", "t", "t12"]),
            ("789Z", &["789", "789z", "z"]),
            ("HTTPSConnection", &["connection", "https", "httpsconnection"]),
            ("İstanbul", &["i\u{307}stanbul"]),
        ] {
            assert_eq!(forms(run), expected, "{run}");
        }
    }

    #[test]
    fn an_identifier_is_indexed_as_a_whole_and_by_single_parts() {
        let forms = forms("643B0FF09D44C745DF4E");
        assert!(forms.contains(&"643b0ff09d44c745df4e".to_owned()));
        assert!(forms.contains(&"643".to_owned()));
        assert!(!forms.contains(&"643b".to_owned()));
    }

    #[test]
    fn encoded_data_has_few_forms() {
        assert_eq!(forms(&"a1".repeat(20)).len(), 1);
        assert!(forms(&"a".repeat(MAX_FORM_BYTES + 1)).is_empty());
    }
}
