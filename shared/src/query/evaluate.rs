//! Evaluates conditions in memory. This defines their meaning; the indexes must agree with it.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::leaves::leaves;
use super::{
    Attribute, AttributeTest, Condition, FuzzyRun, Keyword, KeywordTest, Leaf, Prefix, Scalar,
    Scope, Words,
};
use crate::log_entry::{LogEntry, TraceId};
use crate::pattern::PatternId;
use crate::text;

/// An entry on which conditions are evaluated. Values that several conditions share are computed
/// once.
pub struct Subject<'e> {
    entry: &'e LogEntry,
    leaves: OnceCell<Vec<Leaf>>,
    searchable: OnceCell<String>,
    message: OnceCell<RunForms>,
    others: OnceCell<RunForms>,
}

/// The forms of each run. An empty list follows each text, so that no sequence of words spans two
/// texts.
type RunForms = Vec<Vec<String>>;

impl<'e> Subject<'e> {
    /// Prepares to evaluate conditions on `entry`.
    #[must_use]
    pub fn new(entry: &'e LogEntry) -> Self {
        Self {
            entry,
            leaves: OnceCell::new(),
            searchable: OnceCell::new(),
            message: OnceCell::new(),
            others: OnceCell::new(),
        }
    }

    pub(super) fn leaves(&self) -> &[Leaf] {
        self.leaves.get_or_init(|| leaves(self.entry.attributes.as_ref()))
    }

    fn searchable(&self) -> &str {
        self.searchable.get_or_init(|| text::searchable(&self.entry.message))
    }

    /// Whether any text in the scope passes `test`.
    fn any_text(&self, scope: Scope, test: impl Fn(&RunForms) -> bool) -> bool {
        let message = self.message.get_or_init(|| {
            let mut forms = RunForms::new();
            push_forms(&mut forms, &text::word_text(&self.entry.message));
            forms
        });
        test(message)
            || scope == Scope::Entry
                && test(self.others.get_or_init(|| {
                    let mut forms = RunForms::new();
                    for text in texts_besides_message(self.entry, self.leaves()) {
                        push_forms(&mut forms, &text::word_text(text));
                    }
                    forms
                }))
    }

    fn keyword(&self, field: Keyword) -> Option<&'e str> {
        match field {
            Keyword::ServiceName => Some(self.entry.service_name.as_str()),
            Keyword::Level => Some(self.entry.level.as_str()),
            Keyword::TraceId => self.entry.trace_id.as_ref().map(TraceId::as_str),
            Keyword::SpanId => self.entry.span_id.as_ref().map(TraceId::as_str),
        }
    }
}

/// The texts other than the message that are searched for words: the service name, level, trace id,
/// span id, and the strings and numbers in its attributes.
pub fn texts_besides_message<'e>(
    entry: &'e LogEntry,
    leaves: &'e [Leaf],
) -> impl Iterator<Item = &'e str> {
    let ids = [&entry.trace_id, &entry.span_id].into_iter().flatten().map(TraceId::as_str);
    let values = leaves.iter().filter(|leaf| !matches!(leaf.value, Scalar::Constant(_)));
    [entry.service_name.as_str(), entry.level.as_str()]
        .into_iter()
        .chain(ids)
        .chain(values.map(|leaf| leaf.value.text()))
}

fn push_forms(forms: &mut RunForms, word_text: &str) {
    for run in text::runs(word_text) {
        let mut run_forms = Vec::new();
        run.forms(|form| run_forms.push(Cow::into_owned(form)));
        forms.push(run_forms);
    }
    forms.push(Vec::new());
}

impl Condition {
    /// Whether the entry meets the condition.
    #[must_use]
    pub fn matches(&self, subject: &Subject<'_>) -> bool {
        match self {
            Self::All(conditions) => conditions.iter().all(|one| one.matches(subject)),
            Self::Any(conditions) => conditions.iter().any(|one| one.matches(subject)),
            Self::Not(condition) => !condition.matches(subject),
            Self::Words(words) => words.matches(subject),
            Self::Prefix(prefix) => prefix.matches(subject),
            Self::Fragment(fragment) => subject.searchable().contains(fragment.as_str()),
            Self::Keyword(field, test) => test.matches(subject.keyword(*field)),
            Self::Id(id) => subject.entry.id == *id,
            Self::ArrivedBefore(time) => subject.entry.id.time() < *time,
            Self::Patterns(ids) => ids.contains(&PatternId::of_message(&subject.entry.message)),
            Self::Timestamp(range) => {
                let time = subject.entry.timestamp;
                range.from.is_none_or(|from| from <= time) && range.to.is_none_or(|to| time < to)
            }
            Self::Attribute(attribute) => attribute.matches(subject.leaves()),
        }
    }
}

impl Condition {
    /// Whether `text` contains the prefix, the sequence of words, or any of the words if they are
    /// fuzzy.
    pub(super) fn matches_text(&self, text: &str) -> bool {
        let mut forms = RunForms::new();
        push_forms(&mut forms, &text::word_text(text));
        match self {
            Self::Words(words) if words.is_fuzzy() => {
                words.runs.iter().any(|run| forms.iter().any(|forms| run.matches(forms)))
            }
            Self::Words(words) => words.occur_as_phrase_in(&forms),
            Self::Prefix(prefix) => prefix.is_in(&forms),
            _ => false,
        }
    }
}

impl Words {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        if !self.is_fuzzy() {
            return subject.any_text(self.scope, |text| self.occur_as_phrase_in(text));
        }
        self.runs.iter().all(|run| {
            subject.any_text(self.scope, |text| text.iter().any(|forms| run.matches(forms)))
        })
    }

    fn occur_as_phrase_in(&self, text: &RunForms) -> bool {
        text.windows(self.runs.len())
            .any(|window| self.runs.iter().zip(window).all(|(run, forms)| run.matches(forms)))
    }
}

impl FuzzyRun {
    fn matches(&self, forms: &[String]) -> bool {
        forms.iter().any(|form| self.matches_form(form))
    }

    pub(super) fn matches_form(&self, form: &str) -> bool {
        let edits = usize::from(self.max_edits);
        form == self.text || (edits > 0 && strsim::osa_distance(form, &self.text) <= edits)
    }
}

impl Prefix {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        subject.any_text(self.scope, |text| self.is_in(text))
    }

    fn is_in(&self, text: &RunForms) -> bool {
        text.iter().flatten().any(|form| form.starts_with(&self.text))
    }
}

impl KeywordTest {
    fn matches(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return false };
        match self {
            Self::AnyOf(values) => values.iter().any(|one| one == value),
            Self::Prefix(prefix) => value.starts_with(prefix),
            Self::Exists => true,
        }
    }
}

impl Attribute {
    pub(super) fn matches(&self, leaves: &[Leaf]) -> bool {
        let at_path = leaves.iter().filter(|leaf| leaf.path == self.path);
        match &self.test {
            AttributeTest::Exists => leaves.iter().any(|leaf| {
                let rest = leaf.path.strip_prefix(&self.path);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }),
            AttributeTest::AnyOf(texts) => at_path.map(Leaf::equality_text).any(|text| {
                let value = &text[self.path.len() + 1..];
                texts.iter().any(|one| one == value)
            }),
            AttributeTest::Prefix(prefix) => at_path
                .map(Leaf::equality_text)
                .any(|text| text[self.path.len() + 1..].starts_with(prefix.as_str())),
            AttributeTest::Numbers(range) => at_path.into_iter().any(|leaf| match &leaf.value {
                Scalar::Number(value, _) => range.contains(value),
                _ => false,
            }),
            AttributeTest::Strings(range) => at_path.into_iter().any(|leaf| match &leaf.value {
                Scalar::String(text) if text.len() <= Leaf::MAX_COLUMN_BYTES => {
                    range.contains(text)
                }
                _ => false,
            }),
        }
    }
}
