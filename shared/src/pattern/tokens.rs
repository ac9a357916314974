//! The tokens of templates: what stands between their spaces.

use super::quoted::is_text_field;

/// The text in a merged template that stands for the different texts of its members.
pub(super) const WILDCARD: &str = "<*>";

/// The tokens of a template.
pub(super) fn tokens(template: &str) -> impl Iterator<Item = &str> {
    template.split(' ')
}

/// Whether the token probably contains a value: it has a placeholder, a digit, or the form of a
/// path, a qualified name or a field.
pub(super) fn has_value(token: &str) -> bool {
    if token.contains(|c: char| c.is_ascii_digit() || matches!(c, '/' | '\\' | '@')) {
        return true;
    }
    let inner =
        token.trim_matches(|c: char| c.is_ascii_punctuation() && !matches!(c, '<' | '>' | '='));
    if inner.contains(['<', '>', '.', '_']) {
        return true;
    }
    // A qualified name such as `Type::method` is not a field.
    inner.split_once(['=', ':']).is_some_and(|(name, value)| {
        let name = name.trim_end_matches(['"', '\'']);
        !value.starts_with(':') && !is_text_field(name)
    })
}

/// A token that stands for all of `tokens`: what they have in common at their start and end, cut
/// at punctuation, and a wildcard in between.
pub(super) fn generalize(tokens: &[&str]) -> String {
    let Some((first, others)) = tokens.split_first() else {
        return WILDCARD.to_owned();
    };
    let equal = |token: &&str| first.bytes().zip(token.bytes()).take_while(|(a, b)| a == b).count();
    let start = others.iter().map(equal).min().unwrap_or(first.len());
    let border = first.as_bytes()[..start].iter().rposition(|byte| is_border(*byte));
    let start = border.map_or(0, |border| border + 1);

    let equal = |token: &&str| {
        let backwards = first.bytes().rev().zip(token.bytes().rev());
        backwards.take_while(|(a, b)| a == b).count().min(token.len() - start)
    };
    let end = others.iter().map(equal).min().unwrap_or_default().min(first.len() - start);
    let is_after_border = |token: &&str| {
        let before = token.as_bytes()[..token.len() - end].last();
        before.is_some_and(|byte| is_border(*byte))
    };
    let mut end = first.len() - end;
    if !tokens.iter().all(is_after_border) {
        let border = first.as_bytes()[end..].iter().position(|byte| is_border(*byte));
        end = border.map_or(first.len(), |border| end + border);
    }
    format!("{}{WILDCARD}{}", &first[..start], &first[end..])
}

/// Whether a wildcard may start after, or end before, this byte. Placeholders contain none.
fn is_border(byte: u8) -> bool {
    byte.is_ascii_punctuation() && !matches!(byte, b'<' | b'>' | b'*')
}
