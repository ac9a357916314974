//! Merges templates that differ only in values.
//!
//! As in `IPLoM` (Makanju, Zincir-Heywood, Milios: "Clustering Event Logs Using Iterative
//! Partitioning", KDD 2009), templates with the same number of tokens are divided by the column
//! with the fewest different tokens, until each part differs only in values. As in Drain (He, Zhu,
//! Zheng, Lyu: "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017), the first
//! token divides them beforehand, and at least half of the tokens of a group are equal. Unlike
//! Drain's, the result does not depend on the order of the templates.

use std::collections::{BTreeMap, HashMap};

use super::partition::{Column, Token, is_group, partition};
use super::tokens::{generalize, has_value, tokens};

/// Templates that differ only in values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The merged template. A part in which the templates differ is `<*>`.
    pub template: String,
    /// The sum of the templates' counts.
    pub count: u64,
    /// The positions of the templates in the input, in ascending order.
    pub members: Vec<usize>,
}

/// The most rounds in which groups are joined. Each joins groups that differ in one more token.
const MAX_ROUNDS: usize = 4;

/// Merges templates that differ only in values. Each template belongs to exactly one group. The
/// largest group is first; groups of the same size are in the order of their templates. The groups
/// depend on the templates, but not on their order or counts.
///
/// Templates differ in a value if their tokens have the form of one (a placeholder, a digit, a
/// path, a field), or if there are at least four different words at this position (eight if it is
/// the first). Otherwise they are different messages. The time is proportional to the total number
/// of tokens times the depth of the divisions.
#[must_use]
pub fn merge(templates: &[(String, u64)]) -> Vec<Group> {
    let mut order: Vec<usize> = (0..templates.len()).collect();
    order.sort_unstable_by_key(|index| (&templates[*index].0, *index));
    let texts: Vec<&str> = order.iter().map(|index| templates[*index].0.as_str()).collect();
    let rows = rows(&texts);

    let mut buckets: BTreeMap<(usize, Option<Token>), Vec<usize>> = BTreeMap::new();
    for (row, tokens) in rows.iter().enumerate() {
        let first = tokens.first().copied().filter(|token| !token.has_value);
        buckets.entry((tokens.len(), first)).or_default().push(row);
    }
    let mut sets: Vec<Vec<usize>> = Vec::new();
    for bucket in buckets.values() {
        let members: Vec<&[Token]> = bucket.iter().map(|row| rows[*row].as_slice()).collect();
        let parts = partition(&members).into_iter();
        sets.extend(parts.map(|part| part.into_iter().map(|member| bucket[member]).collect()));
    }
    for _ in 0..MAX_ROUNDS {
        let before = sets.len();
        sets = join(&rows, sets);
        if sets.len() == before {
            break;
        }
    }

    let group = |set: Vec<usize>| {
        let mut members: Vec<usize> = set.iter().map(|row| order[*row]).collect();
        members.sort_unstable();
        let counts = members.iter().map(|index| templates[*index].1);
        let count = counts.fold(0, u64::saturating_add);
        Group { template: merged(&texts, &set), count, members }
    };
    let mut groups: Vec<Group> = sets.into_iter().map(group).collect();
    groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.template.cmp(&b.template)));
    groups
}

/// The tokens of each text, numbered in the order in which they occur.
fn rows(texts: &[&str]) -> Vec<Vec<Token>> {
    let mut numbers: HashMap<&str, Token> = HashMap::new();
    let mut row = |text| {
        let number = |token| {
            let number = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            *numbers.entry(token).or_insert_with(|| Token {
                number,
                has_value: has_value(token),
                is_word: is_word(token),
            })
        };
        tokens(text).map(number).collect()
    };
    texts.iter().map(|text| row(text)).collect()
}

/// Whether the token has a letter that is not part of a placeholder.
fn is_word(token: &str) -> bool {
    let mut rest = token;
    while let Some((before, after)) = rest.split_once('<') {
        if before.contains(char::is_alphabetic) {
            return true;
        }
        rest = after.split_once('>').map_or("", |(_, rest)| rest);
    }
    rest.contains(char::is_alphabetic)
}

/// Joins sets whose templates differ in the same single token, which the partition has split: a
/// user in `session opened for user a`, for example, if there is `session closed for user a`.
fn join(rows: &[Vec<Token>], sets: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    let summaries: Vec<Vec<Token>> = sets.iter().map(|set| summary(rows, set)).collect();
    let mut candidates = candidates(&summaries);
    // The largest first. The order of the sets does not depend on that of the input.
    candidates.sort_unstable_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.cmp(b)));
    let mut sets: Vec<Option<Vec<usize>>> = sets.into_iter().map(Some).collect();
    for (index, members) in candidates {
        let is_free = members.iter().all(|set| sets[*set].is_some());
        let rows = members.iter().map(|set| summaries[*set].as_slice());
        let column = Column::of(index, rows);
        let first = &summaries[members[0]];
        if is_free && is_group(first, column.as_slice()) {
            let joined = members.iter().filter_map(|set| sets[*set].take()).flatten().collect();
            sets[members[0]] = Some(joined);
        }
    }
    sets.into_iter().flatten().collect()
}

/// The lists of at least two sets that differ in one token, each with the position of the token.
fn candidates(summaries: &[Vec<Token>]) -> Vec<(usize, Vec<usize>)> {
    let hash = |index: usize, token: &Token| mix(index as u64, u64::from(token.number));
    let mut keys = Vec::new();
    for (set, tokens) in summaries.iter().enumerate() {
        let hashes = tokens.iter().enumerate().map(|(index, token)| hash(index, token));
        let all = hashes.fold(mix(u64::MAX, tokens.len() as u64), u64::wrapping_add);
        for (index, token) in tokens.iter().enumerate() {
            keys.push((all.wrapping_sub(hash(index, token)), index, set));
        }
    }
    keys.sort_unstable();
    let similar = keys.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).filter(|keys| keys.len() > 1);
    similar.map(|keys| (keys[0].1, keys.iter().map(|key| key.2).collect())).collect()
}

/// The tokens of a set, with a wildcard where its rows differ.
fn summary(rows: &[Vec<Token>], set: &[usize]) -> Vec<Token> {
    let mut summary = rows[set[0]].clone();
    for row in set {
        for (token, other) in summary.iter_mut().zip(&rows[*row]) {
            if token != other {
                *token = Token { number: u32::MAX, has_value: true, is_word: false };
            }
        }
    }
    summary
}

/// A hash of a token and its position (splitmix64).
fn mix(index: u64, number: u64) -> u64 {
    let mut hash = (index << 32 | number).wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

/// The template of a set of texts.
fn merged(texts: &[&str], set: &[usize]) -> String {
    let mut columns: Vec<Vec<&str>> = Vec::new();
    for row in set {
        for (index, token) in tokens(texts[*row]).enumerate() {
            if columns.len() == index {
                columns.push(Vec::new());
            }
            columns[index].push(token);
        }
    }
    let token = |column: Vec<&str>| {
        if column.iter().all(|token| *token == column[0]) {
            return column[0].to_owned();
        }
        generalize(&column)
    };
    let tokens: Vec<String> = columns.into_iter().map(token).collect();
    tokens.join(" ")
}
