//! Highlights: the parts of a hit that match the query.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{Condition, FuzzyRun, Scalar, Scope, Subject, Words};
use crate::log_entry::LogEntry;
use crate::text::{self, LocatedText};

/// The maximum number of ranges that are marked in a message.
const MAX_RANGES: usize = 100;

/// The maximum number of occurrences of a condition in a message that are examined.
const MAX_OCCURRENCES: usize = 10_000;

/// The parts of an entry that matched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Highlight {
    /// Ranges of the message, in characters, in order and without overlaps; at most 100.
    pub message: Vec<Range<usize>>,
    /// The paths of the attributes that matched, sorted.
    pub attributes: Vec<String>,
}

impl Highlight {
    /// Finds the parts of `entry`, a hit, that meet the condition. Excluded conditions mark
    /// nothing.
    #[must_use]
    pub fn of(condition: &Condition, entry: &LogEntry) -> Self {
        let subject = Subject::new(entry);
        let mut marks = Marks { message: Message::new(&entry.message), ..Marks::default() };
        marks.mark(condition, &subject);
        Self {
            message: marks.message.ranges_in_chars(&entry.message),
            attributes: marks.attributes.into_iter().collect(),
        }
    }
}

#[derive(Default)]
struct Marks {
    message: Message,
    attributes: BTreeSet<String>,
}

impl Marks {
    fn mark(&mut self, condition: &Condition, subject: &Subject<'_>) {
        match condition {
            Condition::All(conditions) | Condition::Any(conditions) => {
                for condition in conditions.iter().filter(|one| one.matches(subject)) {
                    self.mark(condition, subject);
                }
            }
            Condition::Fragment(fragment) => self.message.mark_fragment(fragment),
            Condition::Words(words) => {
                self.message.mark_words(words);
                self.mark_attributes_with(words.scope, condition, subject);
            }
            Condition::Prefix(prefix) => {
                self.message.mark_forms(|form| form.starts_with(&prefix.text));
                self.mark_attributes_with(prefix.scope, condition, subject);
            }
            Condition::Attribute(attribute) => {
                let leaves = subject.leaves().iter();
                let matching = leaves.filter(|leaf| attribute.matches(std::slice::from_ref(*leaf)));
                self.attributes.extend(matching.map(|leaf| leaf.path.clone()));
            }
            Condition::Not(_)
            | Condition::Keyword(..)
            | Condition::Id(_)
            | Condition::ArrivedBefore(_)
            | Condition::Patterns(_)
            | Condition::Timestamp(_) => {}
        }
    }

    /// Marks the attributes with values that match the condition.
    fn mark_attributes_with(&mut self, scope: Scope, condition: &Condition, subject: &Subject<'_>) {
        if scope == Scope::Message {
            return;
        }
        for leaf in subject.leaves() {
            let is_text = !matches!(leaf.value, Scalar::Constant(_));
            if is_text && condition.matches_text(leaf.value.text()) {
                self.attributes.insert(leaf.path.clone());
            }
        }
    }
}

/// The forms of a run, each with its range.
type LocatedForms = Vec<(Range<usize>, String)>;

/// A message and its marked ranges, in bytes.
#[derive(Default)]
struct Message {
    plain: LocatedText,
    with_escapes: LocatedText,
    /// The forms of each run, with their ranges in `normalized`.
    runs: Vec<LocatedForms>,
    normalized: LocatedText,
    marked: Vec<Range<usize>>,
}

impl Message {
    fn new(message: &str) -> Self {
        let normalized = LocatedText::without_ansi(message).normalized();
        let mut runs = Vec::new();
        for run in text::runs(&normalized.text) {
            let mut forms = Vec::new();
            run.located_forms(|range, form| forms.push((range, form.into_owned())));
            runs.push(forms);
        }
        Self {
            plain: normalized.folded(),
            with_escapes: LocatedText::original(message).normalized().folded(),
            runs,
            normalized,
            marked: Vec::new(),
        }
    }

    fn mark_fragment(&mut self, fragment: &str) {
        for located in [&self.plain, &self.with_escapes] {
            let found = occurrences(&located.text, fragment).take(MAX_OCCURRENCES);
            let marked = self.marked.len();
            self.marked.extend(found.map(|range| located.origin(range)));
            if self.marked.len() > marked {
                return;
            }
        }
    }

    fn mark_words(&mut self, words: &Words) {
        if words.is_fuzzy() || words.runs.len() == 1 {
            for run in &words.runs {
                self.mark_forms(|form| run.matches_form(form));
            }
            return;
        }
        let windows = self.runs.windows(words.runs.len());
        let ranges = windows.filter_map(|window| sequence(&words.runs, window)).collect();
        self.mark_normalized(ranges);
    }

    fn mark_forms(&mut self, test: impl Fn(&str) -> bool) {
        let forms = self.runs.iter().flatten();
        let found = forms.filter(|(_, form)| test(form)).map(|(range, _)| range.clone());
        let ranges = found.collect();
        self.mark_normalized(ranges);
    }

    fn mark_normalized(&mut self, ranges: Vec<Range<usize>>) {
        let ranges = ranges.into_iter().take(MAX_OCCURRENCES);
        self.marked.extend(ranges.map(|range| self.normalized.origin(range)));
    }

    /// The marked ranges in characters, in order, with adjacent and overlapping ones merged.
    fn ranges_in_chars(mut self, message: &str) -> Vec<Range<usize>> {
        self.marked.sort_unstable_by_key(|range| (range.start, range.end));
        let mut merged: Vec<Range<usize>> = Vec::new();
        for range in self.marked {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged.truncate(MAX_RANGES);
        let (mut bytes, mut chars) = (0, 0);
        let mut in_chars = |position: usize| {
            chars += message[bytes..position].chars().count();
            bytes = position;
            chars
        };
        merged.into_iter().map(|range| in_chars(range.start)..in_chars(range.end)).collect()
    }
}

/// The occurrences of `fragment` in `text`, including overlapping ones.
fn occurrences<'t>(text: &'t str, fragment: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
    let first = fragment.chars().next().map_or(0, char::len_utf8);
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text[from..].find(fragment)?;
        from = start + first;
        Some(start..start + fragment.len())
    })
}

/// The shortest range that a sequence of words matches in as many runs; `None` if a word matches no
/// form of its run.
fn sequence(words: &[FuzzyRun], runs: &[LocatedForms]) -> Option<Range<usize>> {
    let matching = |(word, forms): (&FuzzyRun, &LocatedForms)| {
        let forms = forms.iter().filter(|(_, form)| word.matches_form(form));
        let start = forms.clone().map(|(range, _)| range.start).max()?;
        Some(start..forms.map(|(range, _)| range.end).min()?)
    };
    let ranges: Option<Vec<Range<usize>>> = words.iter().zip(runs).map(matching).collect();
    let ranges = ranges?;
    Some(ranges.first()?.start..ranges.last()?.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_entry::{Attributes, Timestamp};
    use crate::query::parse;
    use crate::testing::entry;

    fn highlight(query: &str, fuzzy: bool, entry: &LogEntry) -> (Vec<String>, Vec<String>) {
        let condition = parse(query, fuzzy, Timestamp::now()).unwrap();
        let highlight = Highlight::of(&condition, entry);
        let message: Vec<char> = entry.message.chars().collect();
        let texts = highlight.message.into_iter().map(|range| message[range].iter().collect());
        (texts.collect(), highlight.attributes)
    }

    #[test]
    fn matching_parts_of_the_message_are_marked() {
        let message = "Zu\u{308}rich: OOMKilled at 10.0.0.1, connection timeout at 🚀 用户支付";
        for (query, fuzzy, marked) in [
            ("timeout AT", false, &["at", "timeout", "at"][..]),
            ("ZÜRICH", false, &["Zu\u{308}rich"]),
            ("10.0.0.1", false, &["10.0.0.1"]),
            ("oom", false, &["OOM"]),
            ("kill*", false, &["Killed"]),
            ("connecton", true, &["connection"]),
            (r#""tion time""#, false, &["tion time"]),
            ("🚀 支付", false, &["🚀", "支付"]),
            ("timeout -payment (connection OR absent)", false, &["connection", "timeout"]),
            ("absent", false, &[]),
        ] {
            let (found, _) = highlight(query, fuzzy, &entry(message));
            assert_eq!(found, marked, "{query}");
        }
    }

    #[test]
    fn every_occurrence_is_marked_without_the_surrounding_text() {
        for (message, query, marked) in [
            ("ababa", r#""aba""#, &["ababa"][..]),
            ("aaa b aa", r#""aa""#, &["aaa", "aa"]),
            ("14T14", "14", &["14", "14"]),
            ("14T14-T14T", "14-t", &["14-T"]),
            ("\u{1b}[31mERROR\u{1b}[0m failed", "ERROR", &["ERROR"]),
            ("\u{1b}[31mERROR\u{1b}[0m failed", r#""error failed""#, &["ERROR\u{1b}[0m failed"]),
            (
                "ERROR\u{200b} soft\u{ad}hyphen\u{ad}",
                "error softhyphen",
                &["ERROR", "soft\u{ad}hyphen"],
            ),
        ] {
            assert_eq!(highlight(query, false, &entry(message)).0, marked, "{message} {query}");
        }
        let repetitive = "a".repeat(2 * MAX_RANGES);
        assert_eq!(highlight(r#""aa""#, false, &entry(repetitive.as_str())).0, [repetitive]);
    }

    #[test]
    fn the_paths_of_matching_attributes_are_listed() {
        let mut entry = entry("declined");
        let json = r#"{"order":4711,"user":{"name":"Jane Doe"},"tags":["a","b"],"ok":true}"#;
        entry.attributes = Some(Attributes::parse(json.to_owned()).unwrap());
        for (query, paths) in [
            ("4711", &["order"][..]),
            ("jane", &["user.name"]),
            ("@order:>4000 tags:*", &["order", "tags"]),
            ("ok:true OR order:1", &["ok"]),
            ("declined", &[]),
            ("-order:1", &[]),
        ] {
            assert_eq!(highlight(query, false, &entry).1, paths, "{query}");
        }
    }

    #[test]
    fn the_number_of_marked_ranges_is_limited() {
        let (found, _) = highlight("a", false, &entry("a ".repeat(5000)));
        assert_eq!(found.len(), MAX_RANGES);
    }
}
