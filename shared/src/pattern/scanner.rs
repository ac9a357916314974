//! Splits a line into pieces that are kept and pieces that are masked.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::placeholder::Placeholder;
use super::quoted::{Closers, Quoted};
use super::rules::{self, Candidate, Rule};
use super::words;

/// What a template has in place of a piece of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece {
    /// The piece itself.
    Literal,
    /// A single space.
    Space,
    /// A placeholder.
    Variable(Placeholder),
}

/// Calls `on_piece` with each piece of the line and its byte range. Together, the pieces are the
/// line.
pub(super) fn scan(line: &str, on_piece: impl FnMut(Piece, Range<usize>)) {
    let mut scanner = Scanner { line, literal_start: 0, is_nested: false, on_piece };
    scanner.scan(0..line.len());
    scanner.literal_until(line.len());
}

struct Scanner<'l, F> {
    line: &'l str,
    /// The start of the text that has been kept but not yet reported.
    literal_start: usize,
    /// Whether the scanner is in a quoted string whose text is kept.
    is_nested: bool,
    on_piece: F,
}

impl<F: FnMut(Piece, Range<usize>)> Scanner<'_, F> {
    fn scan(&mut self, range: Range<usize>) {
        let mut closers = Closers::new(range.end);
        let mut position = range.start;
        while let Some(candidate) = rules::find(self.line, position..range.end) {
            position = match candidate.rule {
                Rule::Space => {
                    self.piece(Piece::Space, candidate.range.clone());
                    candidate.range.end
                }
                Rule::Quote => self.quoted(candidate.range.start, &mut closers),
                _ => self.variable(&candidate, range.end),
            };
        }
    }

    /// Masks the candidate if it is variable. Returns the position at which to continue.
    fn variable(&mut self, candidate: &Candidate, end: usize) -> usize {
        let Candidate { rule, range } = candidate;
        if *rule == Rule::Word {
            let literal_start = self.literal_start;
            return words::mask(
                self.line,
                literal_start..end,
                range.start,
                |placeholder, range| {
                    self.piece(Piece::Variable(placeholder), range);
                },
            );
        }
        let Some((placeholder, range)) = judge(self.line, candidate) else {
            return self.rejected(candidate, end);
        };
        let position = range.end;
        self.piece(Piece::Variable(placeholder), range);
        if placeholder == Placeholder::Ip { self.port(position, end) } else { position }
    }

    /// Masks the port after an IP address.
    fn port(&mut self, position: usize, end: usize) -> usize {
        let rest = &self.line[position..end];
        let Some(digits) = rest.strip_prefix(':').or_else(|| rest.strip_prefix("]:")) else {
            return position;
        };
        let start = end - digits.len();
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        let continues = digits.as_bytes().get(length).is_some_and(u8::is_ascii_alphanumeric);
        if length == 0 || length > 5 || continues {
            return position;
        }
        self.piece(Piece::Variable(Placeholder::Port), start..start + length);
        start + length
    }

    /// Continues after the first word of a candidate that is not what it looks like. The word may
    /// be variable itself.
    fn rejected(&mut self, candidate: &Candidate, end: usize) -> usize {
        let start = candidate.range.start;
        let word = words::run(self.line, start..end);
        if word.is_empty() {
            return start + 1;
        }
        if !self.line[word.clone()].contains(|c: char| c.is_ascii_digit()) {
            return word.end;
        }
        self.variable(&Candidate { rule: Rule::Word, range: word }, end)
    }

    fn quoted(&mut self, quote: usize, closers: &mut Closers) -> usize {
        let Some(close) = closers.find(self.line, quote) else {
            return quote + 1;
        };
        let content = quote + 1..close;
        match Quoted::of(self.line, content.clone()) {
            Quoted::Name => {}
            Quoted::Text if !self.is_nested => {
                self.is_nested = true;
                self.scan(content);
                self.is_nested = false;
            }
            Quoted::Text | Quoted::Value => {
                let whole = rules::find_whole(self.line, content.clone());
                let judged = whole.and_then(|candidate| judge(self.line, &candidate));
                let whole = judged.filter(|(_, range)| *range == content);
                let placeholder = whole.map_or(Placeholder::String, |(placeholder, _)| placeholder);
                self.piece(Piece::Variable(placeholder), content);
            }
        }
        close + 1
    }

    fn piece(&mut self, piece: Piece, range: Range<usize>) {
        self.literal_until(range.start);
        self.literal_start = range.end;
        (self.on_piece)(piece, range);
    }

    fn literal_until(&mut self, end: usize) {
        if self.literal_start < end {
            (self.on_piece)(Piece::Literal, self.literal_start..end);
        }
    }
}

/// What the candidate stands for, and which part of it; `None` if it is not what it looks like.
fn judge(line: &str, candidate: &Candidate) -> Option<(Placeholder, Range<usize>)> {
    let Candidate { rule, range } = candidate;
    let text = &line[range.clone()];
    let placeholder = match rule {
        Rule::Space | Rule::Quote => None,
        Rule::Placeholder => Placeholder::parse(text),
        Rule::Time => Some(Placeholder::Time),
        Rule::KlogTime => return Some((Placeholder::Time, range.start + 1..range.end)),
        Rule::Uuid => Some(Placeholder::Uuid),
        Rule::Mac => Some(Placeholder::Mac),
        Rule::Email => Some(Placeholder::Email),
        Rule::Dotted => return Some(dotted(line, range.clone())),
        Rule::Colons => return colons(line, range.clone()),
        Rule::Host => is_host(text).then_some(Placeholder::Host),
        Rule::Duration => Some(Placeholder::Duration),
        Rule::Size => Some(Placeholder::Size),
        Rule::Hex => Some(Placeholder::Hex),
        Rule::Fingerprint => {
            return Some((Placeholder::Id, range.start + "SHA256:".len()..range.end));
        }
        Rule::Word => return words::whole(line, range.clone()),
    };
    Some((placeholder?, range.clone()))
}

/// An IPv4 address, or a version with its suffix (`1.2.3-rc.1`).
fn dotted(line: &str, range: Range<usize>) -> (Placeholder, Range<usize>) {
    let before = &line[..range.start];
    let is_version = before.ends_with(['~', 'v']) || before.ends_with("ersion ");
    let is_address = line[range.clone()].parse::<Ipv4Addr>().is_ok();
    if is_address && !is_version && is_end(line, range.end) {
        return (Placeholder::Ip, range);
    }
    let rest = &line.as_bytes()[range.end..];
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric();
    let mut length = rest.iter().take_while(|byte| is_part(byte)).count();
    while matches!(rest.get(length), Some(b'-' | b'+' | b'.'))
        && rest.get(length + 1).is_some_and(is_part)
        && (length > 0 || rest[0] != b'.')
    {
        length += 1 + rest[length + 1..].iter().take_while(|byte| is_part(byte)).count();
    }
    (Placeholder::Version, range.start..range.end + length)
}

/// An IPv6 address, a MAC address or a fingerprint.
fn colons(line: &str, range: Range<usize>) -> Option<(Placeholder, Range<usize>)> {
    let text = &line[range.clone()];
    let trimmed = if text.ends_with("::") { text } else { text.trim_end_matches(':') };
    let end = range.start + trimmed.len();
    let is_mac = trimmed.len() == 17 && trimmed.split(':').all(|group| group.len() == 2);
    if is_mac && is_end(line, end) {
        return Some((Placeholder::Mac, range.start..end));
    }
    let has_digit = trimmed.contains(|c: char| c.is_ascii_digit());
    let before = &line[..range.start];
    let continues_word = before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '>');
    if !has_digit || continues_word || !is_end(line, end) {
        return None;
    }
    if trimmed.parse::<Ipv6Addr>().is_ok() {
        return Some((Placeholder::Ip, range.start..end));
    }
    let has_letter = trimmed.contains(|c: char| c.is_ascii_alphabetic());
    (has_letter && !trimmed.contains("::")).then_some((Placeholder::Hex, range.start..end))
}

/// Whether a name with labels is probably that of one of several hosts.
fn is_host(name: &str) -> bool {
    const FILE_EXTENSIONS: [&str; 14] =
        ["cc", "db", "go", "gz", "js", "md", "pl", "pm", "ps", "py", "rb", "rs", "sh", "so"];
    let first = name.split('.').next().unwrap_or_default();
    let last = name.rsplit('.').next().unwrap_or_default();
    first.contains(|c: char| c.is_ascii_digit()) && !FILE_EXTENSIONS.contains(&last)
}

/// Whether no word continues at `position`.
fn is_end(line: &str, position: usize) -> bool {
    !line[position..].starts_with(|c: char| c.is_ascii_alphanumeric())
}
