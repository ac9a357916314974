//! Numbers and words with digits: which part of them is variable.

use std::ops::Range;

use super::placeholder::Placeholder;

/// Words whose digits are part of the name although a rule says otherwise.
const NAMES: [&str; 21] = [
    "aes128", "aes192", "aes256", "cp1252", "e820", "ed25519", "es256", "h264", "h265", "hs256",
    "hs512", "iso8601", "log4j2", "rfc3339", "rs256", "rs512", "sha224", "sha256", "sha384",
    "sha512", "x509",
];

/// What stands before a number that is part of a name (`UTF-8`, `HTTP/1.1`), in lower case.
const NAME_STARTS: [&str; 9] =
    ["aes-", "http/", "iso-", "iso-8859-", "sha-", "tls1.", "tlsv1.", "utf-", "x86_"];

/// The longest name in [`NAMES`].
const MAX_NAME_BYTES: usize = 8;

/// The word at the start of `range`: a run of letters and digits.
pub(super) fn run(line: &str, range: Range<usize>) -> Range<usize> {
    let length = line[range.clone()].bytes().take_while(u8::is_ascii_alphanumeric).count();
    range.start..range.start + length
}

/// Masks the variable part of the number or word at `start`, together with the words that
/// continue it (`0020_m_000002_0`). `bounds` are the limits of what may be masked. Returns the
/// position after the words.
pub(super) fn mask(
    line: &str,
    bounds: Range<usize>,
    start: usize,
    mut on_variable: impl FnMut(Placeholder, Range<usize>),
) -> usize {
    let word = Word::at(line, start..bounds.end);
    let Some((placeholder, mut variable)) = word.variable.clone() else {
        return word.end;
    };
    if placeholder == Placeholder::Number && variable.start == start {
        if is_part_of_name(&line[..start]) {
            return word.end;
        }
        if start > bounds.start && has_sign(&line[..start]) {
            variable.start -= 1;
        }
    }
    // `KB3108664x` ends after its variable part.
    let continued = (variable.end == word.end)
        .then(|| identifier_end(line, variable.start..bounds.end, &word))
        .flatten();
    if let Some(end) = continued {
        on_variable(Placeholder::Id, variable.start..end);
        return end;
    }
    on_variable(placeholder, variable);
    word.end
}

/// What the word stands for if all of it is variable.
pub(super) fn whole(line: &str, range: Range<usize>) -> Option<(Placeholder, Range<usize>)> {
    let word = Word::at(line, range);
    word.variable
}

/// A run of letters and digits, or a number with a fraction.
struct Word {
    end: usize,
    /// The part that is variable.
    variable: Option<(Placeholder, Range<usize>)>,
}

impl Word {
    /// The word at the start of `range`.
    fn at(line: &str, range: Range<usize>) -> Self {
        let word = run(line, range.clone());
        let text = &line[word.clone()];
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let end = word.end + fraction_length(&line[word.end..range.end]);
            let variable = (!text.is_empty()).then_some((Placeholder::Number, word.start..end));
            return Self { end, variable };
        }
        if let Some(end) = exponent_end(line, word.clone(), range.end) {
            return Self { end, variable: Some((Placeholder::Number, word.start..end)) };
        }
        let variable = variable_part(text).map(|(placeholder, part)| {
            (placeholder, word.start + part.start..word.start + part.end)
        });
        Self { end: word.end, variable }
    }
}

/// The length of what continues a number's integer digits: groups of thousands, a fraction, an
/// exponent.
fn fraction_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let digits = |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut length = 0;
    while bytes.get(length) == Some(&b',') && digits(length + 1) == 3 {
        length += 4;
    }
    if bytes.get(length) == Some(&b'.') {
        let fraction = digits(length + 1);
        length += if fraction > 0 { 1 + fraction } else { 0 };
    }
    if matches!(bytes.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
        let exponent = bytes.get(length + 1 + sign..).map_or(0, |_| digits(length + 1 + sign));
        length += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    length
}

/// The end of a number without a fraction but with an exponent (`1e6`, `1e+06`), of which `word` is
/// the first run of letters and digits.
fn exponent_end(line: &str, word: Range<usize>, end: usize) -> Option<usize> {
    let (digits, exponent) = line[word.clone()].split_once(['e', 'E'])?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(digits) {
        return None;
    }
    if !exponent.is_empty() {
        return (is_digits(exponent) && exponent.len() <= 2).then_some(word.end);
    }
    let unsigned = line[word.end..end].strip_prefix(['+', '-'])?;
    let exponent = run(line, end - unsigned.len()..end);
    is_digits(&line[exponent.clone()]).then_some(exponent.end)
}

/// The variable part of a word of letters and digits.
fn variable_part(word: &str) -> Option<(Placeholder, Range<usize>)> {
    let shape = Shape::of(word);
    let whole = 0..word.len();
    if shape.digits == 0 || is_name(word) {
        return None;
    }
    let is_random = shape.borders >= 3 && (shape.longest_letters <= 4 || word.len() >= 20);
    let is_long_hex = word.len() >= 7
        || (word.len() >= 4 && (is_random || word.starts_with(|c: char| c.is_ascii_digit())));
    if shape.is_hex && is_long_hex {
        return Some((Placeholder::Hex, whole));
    }
    if is_random || (shape.borders == 2 && shape.longest_digits >= 6) {
        return Some((Placeholder::Id, whole));
    }
    if shape.borders != 1 {
        return None;
    }
    // Letters and a number, or a number and letters.
    let border = whole.end - shape.last_run;
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        let is_ordinal = matches!(&word[border..], "st" | "nd" | "rd" | "th");
        return (is_ordinal || border >= 3).then_some((Placeholder::Number, 0..border));
    }
    (shape.last_run >= 3).then_some((Placeholder::Number, border..whole.end))
}

/// The runs of letters and of digits in a word.
#[derive(Default)]
struct Shape {
    is_hex: bool,
    digits: usize,
    /// The number of places where letters and digits meet.
    borders: usize,
    longest_letters: usize,
    longest_digits: usize,
    last_run: usize,
}

impl Shape {
    fn of(word: &str) -> Self {
        let mut shape = Self { is_hex: true, ..Self::default() };
        let mut was_digit = None;
        for byte in word.bytes() {
            let is_digit = byte.is_ascii_digit();
            shape.is_hex &= byte.is_ascii_hexdigit();
            shape.digits += usize::from(is_digit);
            if was_digit.is_some_and(|was_digit| was_digit != is_digit) {
                shape.borders += 1;
                shape.last_run = 0;
            }
            shape.last_run += 1;
            let longest =
                if is_digit { &mut shape.longest_digits } else { &mut shape.longest_letters };
            *longest = shape.last_run.max(*longest);
            was_digit = Some(is_digit);
        }
        shape
    }
}

/// The end of the identifier that starts with a variable word, if other variable words are joined
/// to it with `_` or `-`. Numbers joined with `-` are separate (`0-1023`), unless a word with a
/// hyphen precedes them (`ip-10-0-0-1`).
fn identifier_end(line: &str, range: Range<usize>, first: &Word) -> Option<usize> {
    let bytes = &line.as_bytes()[..range.end];
    let is_joiner = |at: usize| matches!(bytes.get(at), Some(b'_' | b'-'));
    let mut end = first.end;
    let mut parts = 1;
    let mut is_random = first.is_random();
    let mut is_identifier = range.start > 0 && is_joiner(range.start - 1);
    while is_joiner(end) {
        let joiner = bytes[end];
        let next = Word::at(line, end + 1..range.end);
        let text = &line[end + 1..next.end];
        let is_letter = text.len() == 1 && next.variable.is_none() && is_joiner(next.end);
        let is_suffix = is_random && is_random_suffix(text);
        let is_whole = next.is_whole(end + 1);
        if !is_whole && !is_letter && !is_suffix {
            break;
        }
        if is_letter && !Word::at(line, next.end + 1..range.end).is_whole(next.end + 1) {
            break;
        }
        is_identifier |= joiner == b'_' || is_letter || next.is_random() || is_suffix;
        is_random |= next.is_random();
        parts += usize::from(is_whole || is_suffix);
        end = next.end;
    }
    is_identifier |= is_random;
    (parts > 1 && is_identifier).then_some(end)
}

impl Word {
    fn is_random(&self) -> bool {
        matches!(self.variable, Some((Placeholder::Hex | Placeholder::Id, _)))
    }

    /// Whether all of the word that starts at `start` is variable.
    fn is_whole(&self, start: usize) -> bool {
        self.variable.as_ref().is_some_and(|(_, range)| *range == (start..self.end))
    }
}

/// Whether the text after a random word and a hyphen is random too: it has a digit, or it is the
/// suffix that Kubernetes appends to the names of pods, which has no vowels.
fn is_random_suffix(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit())
        || (text.len() == 5 && text.bytes().all(|byte| b"bcdfghjklmnpqrstvwxz".contains(&byte)))
}

fn is_name(word: &str) -> bool {
    word.len() <= MAX_NAME_BYTES && NAMES.iter().any(|name| word.eq_ignore_ascii_case(name))
}

/// Whether the text before a number makes it part of a name.
fn is_part_of_name(before: &str) -> bool {
    let before = before.as_bytes();
    let is_start = |start: &str| {
        let at = before.len().checked_sub(start.len());
        at.is_some_and(|at| before[at..].eq_ignore_ascii_case(start.as_bytes()))
    };
    NAME_STARTS.into_iter().any(is_start)
}

/// Whether the text before a number ends in its sign.
fn has_sign(before: &str) -> bool {
    let Some(before) = before.strip_suffix(['-', '+']) else {
        return false;
    };
    before.chars().next_back().is_none_or(|c| {
        c.is_ascii_whitespace()
            || matches!(
                c,
                '=' | ':' | ',' | ';' | '(' | '[' | '{' | '<' | '|' | '/' | '_' | '"' | '\''
            )
    })
}
