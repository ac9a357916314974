//! The names that loggers and shippers use for the time, level, service, message, trace and span.

mod standard;

use standard::STANDARD_NAMES;

/// The meaning of a record's field for the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Meaning {
    /// When the event happened.
    Time,
    /// The severity.
    Level,
    /// The severity, but only if the value is the name of a level.
    PossibleLevel,
    /// The severity as a number of Python's `logging` or of Logback.
    LevelNumber,
    /// The service that wrote the entry.
    Service,
    /// The message.
    Message,
    /// The trace that the event belongs to.
    TraceId,
    /// The span that the event belongs to.
    SpanId,
}

/// The field names that are recognized, each with its meaning.
#[derive(Debug, Clone)]
pub struct Names {
    /// The names, grouped by length.
    by_length: Vec<Vec<Name>>,
    /// The rank of the next name that a client adds. Lower ranks take precedence.
    next_rank: u16,
}

#[derive(Debug, Clone)]
struct Name {
    path: String,
    /// Whether the path has lower-case letters.
    ignores_case: bool,
    /// The meaning and the rank; `None` if the name is only the beginning of a path with a meaning.
    meaning: Option<(Meaning, u16)>,
}

/// The result of matching a field's name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Match {
    /// The field has this meaning, with this rank.
    Meaning(Meaning, u16),
    /// If the field is an object, one of its fields may have a meaning.
    Parent,
}

impl Names {
    /// The rank of the first standard name.
    const STANDARD_RANK: u16 = 1 << 15;

    /// The standard names.
    #[must_use]
    pub fn standard() -> Self {
        let mut names = Self { by_length: Vec::new(), next_rank: 0 };
        for (meaning, paths) in STANDARD_NAMES {
            for (rank, path) in (Self::STANDARD_RANK..).zip(paths) {
                names.add(path, meaning, rank);
            }
        }
        names
    }

    /// Adds names that take precedence over the others with this meaning, separated by commas.
    #[must_use]
    pub fn preferring(mut self, meaning: Meaning, paths: &str) -> Self {
        for path in paths.split(',').map(str::trim).filter(|path| !path.is_empty()) {
            self.add(path, meaning, self.next_rank);
            self.next_rank = (self.next_rank + 1).min(Self::STANDARD_RANK - 1);
        }
        self
    }

    /// Removes the names with this meaning.
    #[must_use]
    pub fn without(mut self, meaning: Meaning) -> Self {
        for names in &mut self.by_length {
            names.retain(|name| name.meaning.is_none_or(|(found, _)| found != meaning));
        }
        self
    }

    /// The rank of a name with this meaning, or `None` if the name does not have it. Lower ranks
    /// take precedence.
    #[must_use]
    pub fn rank(&self, meaning: Meaning, name: &str) -> Option<u16> {
        let ranks = self.matches(name).filter_map(|found| match found {
            Match::Meaning(other, rank) if other == meaning => Some(rank),
            _ => None,
        });
        ranks.min()
    }

    /// The meaning of the field with this path.
    pub(super) fn matches(&self, path: &str) -> impl Iterator<Item = Match> {
        let names = self.by_length.get(path.len()).map_or(&[][..], Vec::as_slice);
        names.iter().filter(move |name| name.is(path)).map(|name| match name.meaning {
            Some((meaning, rank)) => Match::Meaning(meaning, rank),
            None => Match::Parent,
        })
    }

    fn add(&mut self, path: &str, meaning: Meaning, rank: u16) {
        self.insert(Name::new(path, Some((meaning, rank))));
        for (dot, _) in path.match_indices('.') {
            let parent = Name::new(&path[..dot], None);
            if !self.bucket(dot).iter().any(|name| name.meaning.is_none() && name.is(&parent.path))
            {
                self.insert(parent);
            }
        }
    }

    fn insert(&mut self, name: Name) {
        self.bucket(name.path.len()).push(name);
    }

    fn bucket(&mut self, length: usize) -> &mut Vec<Name> {
        if self.by_length.len() <= length {
            self.by_length.resize_with(length + 1, Vec::new);
        }
        &mut self.by_length[length]
    }
}

impl Name {
    fn new(path: &str, meaning: Option<(Meaning, u16)>) -> Self {
        let ignores_case = path.bytes().any(|byte| byte.is_ascii_lowercase());
        Self { path: path.to_owned(), ignores_case, meaning }
    }

    fn is(&self, path: &str) -> bool {
        if self.ignores_case { self.path.eq_ignore_ascii_case(path) } else { self.path == path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(names: &Names, path: &str) -> Option<Meaning> {
        names.matches(path).find_map(|found| match found {
            Match::Meaning(meaning, _) => Some(meaning),
            Match::Parent => None,
        })
    }

    #[test]
    fn only_names_without_lower_case_letters_are_case_sensitive() {
        let names = Names::standard();
        for (path, expected) in [
            ("Timestamp", Some(Meaning::Time)),
            ("LEVEL", Some(Meaning::Level)),
            ("PRIORITY", Some(Meaning::Level)),
            ("priority", Some(Meaning::PossibleLevel)),
            ("Priority", Some(Meaning::PossibleLevel)),
            ("message_id", None),
            ("traceid", Some(Meaning::TraceId)),
            ("kubernetes", None),
        ] {
            assert_eq!(meaning(&names, path), expected, "{path}");
        }
    }

    #[test]
    fn the_parents_of_a_dotted_name_are_known() {
        let names = Names::standard();
        for parent in ["kubernetes", "kubernetes.labels", "kubernetes.labels.app"] {
            assert!(names.matches(parent).any(|found| matches!(found, Match::Parent)), "{parent}");
        }
        assert_eq!(names.matches("kubernetes.host").count(), 0);
    }

    #[test]
    fn removed_names_have_no_meaning() {
        let names = Names::standard().without(Meaning::Time);
        assert_eq!(meaning(&names, "ts"), None);
        assert_eq!(meaning(&names, "msg"), Some(Meaning::Message));
    }

    #[test]
    fn preferred_names_have_the_lowest_ranks_in_order() {
        let names = Names::standard().preferring(Meaning::Time, "b.c, a,,");
        let rank = |path| {
            names.matches(path).find_map(|found| match found {
                Match::Meaning(_, rank) => Some(rank),
                Match::Parent => None,
            })
        };
        assert_eq!((rank("b.c"), rank("a")), (Some(0), Some(1)));
        assert!(rank("timestamp") > rank("a"));
    }
}
