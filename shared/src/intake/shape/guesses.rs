//! The fields of a record that may be the entry's time, level, service, message, trace or span, in
//! order of precedence.

use super::Record;
use super::names::{Match, Meaning, Names};
use super::value::{Converted, Value};

/// The fields with a meaning, and which fields the entry represents exactly.
pub(super) struct Guesses<'r> {
    candidates: Vec<Candidate<'r>>,
    /// Whether the entry represents each field of the record exactly.
    represented: Vec<bool>,
}

struct Candidate<'r> {
    meaning: Meaning,
    rank: u16,
    value: Value<'r>,
    /// The position of the field, unless it belongs to a nested object.
    field: Option<usize>,
}

impl<'r> Guesses<'r> {
    pub(super) fn new(record: &'r Record<'_>, names: &Names) -> Self {
        let mut candidates = Vec::new();
        let is_gelf = record.has("short_message");
        for (index, field) in record.fields().iter().enumerate() {
            let name = field.name.as_ref();
            // GELF prefixes names that are not part of its specification with an underscore.
            let name = name.strip_prefix('_').filter(|_| is_gelf).unwrap_or(name);
            find(&mut candidates, names, name, field.value(), Some(index));
        }
        find_logger_name(&mut candidates, record);
        candidates.sort_by_key(|candidate| (candidate.meaning, candidate.rank));
        Self { candidates, represented: vec![false; record.fields().len()] }
    }

    /// Converts the first field with this meaning that can be converted.
    pub(super) fn take<T>(
        &mut self,
        meaning: Meaning,
        convert: impl Fn(Value<'r>) -> Option<Converted<T>>,
    ) -> Option<T> {
        for candidate in self.candidates.iter().filter(|candidate| candidate.meaning == meaning) {
            let Some(Converted { value, is_exact }) = convert(candidate.value) else { continue };
            if let Some(field) = candidate.field {
                self.represented[field] |= is_exact;
            }
            return Some(value);
        }
        None
    }

    /// Whether the entry represents each field of the record exactly.
    pub(super) fn into_represented(self) -> Vec<bool> {
        self.represented
    }
}

/// Adds a field, or the fields of a nested object, that have a meaning.
fn find<'r>(
    candidates: &mut Vec<Candidate<'r>>,
    names: &Names,
    path: &str,
    value: Value<'r>,
    field: Option<usize>,
) {
    let mut is_parent = false;
    for found in names.matches(path) {
        match found {
            Match::Parent => is_parent = true,
            Match::Meaning(meaning, rank) => {
                candidates.push(Candidate { meaning, rank, value, field });
            }
        }
    }
    if !is_parent {
        return;
    }
    let Some(object) = value.object() else { return };
    for member in object.fields() {
        if let Some(value) = member.borrowed() {
            find(candidates, names, &format!("{path}.{}", member.name), value, None);
        }
    }
}

/// Adds the field `name` of Bunyan and pino, which contains the application's name. Other loggers
/// use `name` for other things, but only Bunyan and pino also write `pid` and `hostname`.
fn find_logger_name<'r>(candidates: &mut Vec<Candidate<'r>>, record: &'r Record<'_>) {
    let name = record.fields().iter().position(|field| field.name == "name");
    let Some(index) = name.filter(|_| record.has("pid") && record.has("hostname")) else { return };
    let value = record.fields()[index].value();
    let meaning = Meaning::Service;
    candidates.push(Candidate { meaning, rank: u16::MAX, value, field: Some(index) });
}
