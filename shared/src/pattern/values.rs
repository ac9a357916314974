//! The values of a template's variable parts.

use std::borrow::Cow;
use std::ops::Range;

use super::placeholder::Placeholder;
use super::scanner::Piece;
use super::tokens::{WILDCARD, tokens};
use super::{build, first_line};

/// The values in a message of the variable parts of its template, in the order of their
/// placeholders. The template is either that of the message or a merged one; `None` if it is
/// neither.
///
/// Values are copied only if the message contains terminal escape sequences.
#[must_use]
pub fn values<'m>(template: &str, message: &'m str) -> Option<Vec<Cow<'m, str>>> {
    let line = first_line(message);
    let mut pieces = Pieces(Vec::new());
    let own = build(&line, |piece, range, source| pieces.0.push((piece, range, source)));
    let mut ranges = Vec::new();
    let mut others = tokens(template);
    let mut start = 0;
    for token in tokens(&own) {
        let end = start + token.len();
        let other = others.next()?;
        match other.split_once(WILDCARD) {
            _ if other == token => ranges.extend(pieces.variables(start..end)),
            Some((before, after)) => {
                let rest = token.strip_prefix(before)?;
                rest.strip_suffix(after)?;
                let value = start + before.len()..end - after.len();
                ranges.extend(pieces.variables(start..value.start));
                ranges.push(pieces.source(value.start)..pieces.source(value.end));
                ranges.extend(pieces.variables(value.end..end));
            }
            None => return None,
        }
        start = end + 1;
    }
    if others.next().is_some() {
        return None;
    }
    let value = |range: Range<usize>| match &line {
        Cow::Borrowed(line) => line.get(range).map(Cow::Borrowed),
        Cow::Owned(line) => line.get(range).map(|value| Cow::Owned(value.to_owned())),
    };
    ranges.into_iter().map(value).collect()
}

/// The placeholders in a template, in order.
pub fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    let starts = template.match_indices('<').map(|(start, _)| &template[start..]);
    starts.filter_map(|rest| {
        let (placeholder, _) = rest.split_at_checked(rest.find('>')? + 1)?;
        let is_known = placeholder == WILDCARD || Placeholder::parse(placeholder).is_some();
        is_known.then_some(placeholder)
    })
}

/// The pieces of a template: each with its range in the template and in the line.
struct Pieces(Vec<(Piece, Range<usize>, Range<usize>)>);

impl Pieces {
    /// The ranges in the line of the variable parts in this range of the template.
    fn variables(&self, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let is_in =
            move |piece: &Range<usize>| range.start <= piece.start && piece.end <= range.end;
        let pieces = self.0.iter();
        pieces.filter_map(move |(piece, template, line)| {
            let is_variable = matches!(piece, Piece::Variable(_)) && is_in(template);
            is_variable.then(|| line.clone())
        })
    }

    /// The position in the line of a position in the template that is not within a placeholder.
    fn source(&self, position: usize) -> usize {
        let next = self.0.partition_point(|(_, template, _)| template.end <= position);
        match self.0.get(next) {
            Some((_, template, line)) => line.start + (position - template.start),
            None => self.0.last().map_or(0, |(_, _, line)| line.end),
        }
    }
}
