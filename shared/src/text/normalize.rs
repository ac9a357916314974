//! Normalization: texts that look alike become equal.
//!
//! The form is Unicode's NFKC (<https://www.unicode.org/reports/tr15/>) without default-ignorable
//! characters, with every whitespace or control character replaced by a space. Folding the case of
//! the result yields Unicode's `NFKC_Casefold`. Both steps process one base character with its
//! marks at a time, so that any part of the text is normalized in the same way as the whole.

use std::borrow::Cow;

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{ComposingNormalizer, ComposingNormalizerBorrowed};
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{
    CodePointMapData, CodePointMapDataBorrowed, CodePointSetData, CodePointSetDataBorrowed,
};

use super::located::LocatedText;

const NFKC: ComposingNormalizerBorrowed<'static> = ComposingNormalizer::new_nfkc();
const CASE_MAPPER: CaseMapperBorrowed<'static> = CaseMapper::new();
const IGNORABLE: CodePointSetDataBorrowed<'static> =
    CodePointSetData::new::<DefaultIgnorableCodePoint>();
const CATEGORIES: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::new();

/// Normalizes text without changing its case.
#[must_use]
pub fn normalize(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(map(text, push_normalized_ascii, push_normalized))
}

/// Folds the case of normalized text.
#[must_use]
pub fn fold(normalized: &str) -> Cow<'_, str> {
    if normalized.is_ascii() {
        if normalized.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Cow::Owned(normalized.to_ascii_lowercase());
        }
        return Cow::Borrowed(normalized);
    }
    Cow::Owned(map(normalized, push_folded_ascii, push_folded))
}

/// Maps text cluster by cluster. An ASCII character before another one is a cluster of its own.
/// Runs of these are mapped together, which is many times as fast.
fn map(
    text: &str,
    push_ascii: impl Fn(&mut String, &str),
    push_cluster: impl Fn(&mut String, &str),
) -> String {
    let mut mapped = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let ascii = ascii_length(rest);
        // The last one may compose with the character after it.
        let alone = if ascii < rest.len() { ascii.saturating_sub(1) } else { ascii };
        push_ascii(&mut mapped, &rest[..alone]);
        rest = &rest[alone..];
        if let Some(cluster) = first_cluster(rest) {
            push_cluster(&mut mapped, cluster);
            rest = &rest[cluster.len()..];
        }
    }
    mapped
}

/// The number of ASCII characters at the start of `text`.
fn ascii_length(text: &str) -> usize {
    const CHUNK_BYTES: usize = 64;
    let bytes = text.as_bytes();
    let chunks = bytes.chunks(CHUNK_BYTES).take_while(|chunk| chunk.is_ascii()).count();
    let checked = bytes.len().min(chunks * CHUNK_BYTES);
    let rest = bytes[checked..].iter().position(|byte| !byte.is_ascii());
    rest.map_or(bytes.len(), |length| checked + length)
}

/// Normalizes text and records where each character comes from.
pub(super) fn normalize_located(text: &LocatedText) -> LocatedText {
    text.map_clusters(push_normalized)
}

/// Folds normalized text and records where each character comes from.
pub(super) fn fold_located(normalized: &LocatedText) -> LocatedText {
    normalized.map_clusters(push_folded)
}

impl LocatedText {
    fn map_clusters(&self, push: impl Fn(&mut String, &str)) -> Self {
        let mut mapped = Self::default();
        for (start, cluster) in clusters(&self.text) {
            push(&mut mapped.text, cluster);
            let visible = match cluster.trim_end_matches(|c| IGNORABLE.contains(c)) {
                "" => cluster,
                visible => visible,
            };
            let origin = self.origin(start..start + visible.len());
            mapped.origins.resize(mapped.text.len(), origin);
        }
        mapped
    }
}

/// Replaces control characters, which include every whitespace character but the space.
fn push_normalized_ascii(normalized: &mut String, ascii: &str) {
    let mut lines = ascii.split(|c: char| c.is_ascii_control());
    normalized.push_str(lines.next().unwrap_or_default());
    for line in lines {
        normalized.push(' ');
        normalized.push_str(line);
    }
}

fn push_normalized(normalized: &mut String, cluster: &str) {
    match single(cluster) {
        Some(c) if c.is_ascii() => normalized.push(blank_to_space(c)),
        _ => {
            let composed = if cluster.chars().any(|c| IGNORABLE.contains(c)) {
                let kept: String = cluster.chars().filter(|c| !IGNORABLE.contains(*c)).collect();
                Cow::Owned(NFKC.normalize(&kept).into_owned())
            } else {
                NFKC.normalize(cluster)
            };
            normalized.extend(composed.chars().map(blank_to_space));
        }
    }
}

/// Replaces a whitespace or control character with a space.
fn blank_to_space(c: char) -> char {
    if c.is_whitespace() || c.is_control() { ' ' } else { c }
}

fn push_folded_ascii(folded: &mut String, ascii: &str) {
    let start = folded.len();
    folded.push_str(ascii);
    folded[start..].make_ascii_lowercase();
}

fn push_folded(folded: &mut String, cluster: &str) {
    match single(cluster) {
        Some(c) if c.is_ascii() => folded.push(c.to_ascii_lowercase()),
        _ => folded.push_str(&NFKC.normalize(&CASE_MAPPER.fold_string(cluster))),
    }
}

/// The only character of a cluster; `None` if there are several.
fn single(cluster: &str) -> Option<char> {
    let mut chars = cluster.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// The clusters of `text`, each with its byte offset. A cluster is a character together with those
/// after it that may compose with it.
pub(super) fn clusters(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        let cluster = first_cluster(&text[start..])?;
        let found = (start, cluster);
        start += cluster.len();
        Some(found)
    })
}

fn first_cluster(text: &str) -> Option<&str> {
    let first = text.chars().next()?;
    let rest = &text[first.len_utf8()..];
    let length = rest.find(|c| !joins_previous(c)).unwrap_or(rest.len());
    Some(&text[..first.len_utf8() + length])
}

/// Whether a character may compose with the one before it: a mark, a Hangul vowel or final
/// consonant, a Hangul compatibility or half-width letter, a half-width sound mark, or an ignorable
/// character.
fn joins_previous(c: char) -> bool {
    !c.is_ascii()
        && (is_mark(c)
            || matches!(c, '\u{1160}'..='\u{11ff}' | '\u{d7b0}'..='\u{d7ff}' | '\u{ff9e}' | '\u{ff9f}')
            || matches!(c, '\u{ffa0}'..='\u{ffdc}' | '\u{3131}'..='\u{318e}')
            || IGNORABLE.contains(c))
}

/// Whether a character is a combining mark.
pub(super) fn is_mark(c: char) -> bool {
    !c.is_ascii() && GeneralCategoryGroup::Mark.contains(CATEGORIES.get(c))
}
