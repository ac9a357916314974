//! The setting `RETENTION`, for example `30d; level:debug=3d; service_name:audit=365d`.

use std::fmt;
use std::str::FromStr;

use super::Class;
use crate::log_entry::{Day, LogEntry, Timestamp};
use crate::query::{self, Condition, Subject};

/// The maximum number of rules. Each adds a table, and an index a day.
const MAX_RULES: usize = 8;

/// The longest duration: about 100 years.
const MAX_DAYS: u32 = 36_500;

/// How long a class is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// For at least this number of days.
    Days(u32),
    /// Until someone deletes it.
    Forever,
}

/// How long to keep entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Retention {
    default: Keep,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq)]
struct Rule {
    class: Class,
    condition: Condition,
    keep: Keep,
}

/// What is wrong with the setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RetentionError(String);

impl Keep {
    /// The first day of arrival that is still kept: a day is dropped at a midnight in UTC, once its
    /// last entry has been kept for the whole duration. `None` if every day is kept.
    #[must_use]
    pub fn first_day(self, today: Day) -> Option<Day> {
        match self {
            Self::Days(days) => Some(today.minus(days)),
            Self::Forever => None,
        }
    }

    /// The last day on which the entries that arrived on `day` are kept. `None` if they are kept
    /// forever.
    #[must_use]
    pub fn last_day(self, day: Day) -> Option<Day> {
        match self {
            Self::Days(days) => Some(day.plus(days)),
            Self::Forever => None,
        }
    }
}

impl Retention {
    /// Keeps every entry forever.
    pub const FOREVER: Self = Self::new(Keep::Forever);

    /// Keeps every entry for the same duration.
    #[must_use]
    pub const fn new(default: Keep) -> Self {
        Self { default, rules: Vec::new() }
    }

    /// The class of an entry: that of the first rule that it meets.
    #[must_use]
    pub fn class(&self, entry: &LogEntry) -> Class {
        if self.rules.is_empty() {
            return Class::DEFAULT;
        }
        let subject = Subject::new(entry);
        let rule = self.rules.iter().find(|rule| rule.condition.matches(&subject));
        rule.map_or(Class::DEFAULT, |rule| rule.class.clone())
    }

    /// How long a class is kept; `None` if its rule is no longer part of the setting.
    #[must_use]
    pub fn keep(&self, class: &Class) -> Option<Keep> {
        self.classes().find(|(known, _)| *known == class).map(|(_, keep)| keep)
    }

    /// The classes, the default first.
    pub fn classes(&self) -> impl Iterator<Item = (&Class, Keep)> {
        let rules = self.rules.iter().map(|rule| (&rule.class, rule.keep));
        std::iter::once((&Class::DEFAULT, self.default)).chain(rules)
    }
}

impl FromStr for Keep {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("forever") {
            return Ok(Self::Forever);
        }
        let days = text.strip_suffix(['d', 'D']).and_then(|days| days.trim().parse().ok());
        match days.filter(|days| (1..=MAX_DAYS).contains(days)) {
            Some(days) => Ok(Self::Days(days)),
            None => {
                Err(RetentionError(format!("must be 1d to {MAX_DAYS}d or forever, not \"{text}\"")))
            }
        }
    }
}

impl FromStr for Retention {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = parts(text).into_iter();
        let default = parts.next().unwrap_or_default().parse()?;
        let mut rules: Vec<Rule> = Vec::new();
        for text in parts.filter(|part| !part.trim().is_empty()) {
            let rule: Rule = text.parse()?;
            if rules.iter().any(|other| other.class == rule.class) {
                return Err(RetentionError(format!("the rule {} is given twice", rule.class)));
            }
            rules.push(rule);
        }
        if rules.len() > MAX_RULES {
            return Err(RetentionError(format!("must have at most {MAX_RULES} rules")));
        }
        Ok(Self { default, rules })
    }
}

/// The default and the rules: a semicolon within quotes does not separate.
fn parts(text: &str) -> Vec<&str> {
    let mut is_quoted = false;
    text.split(|char| {
        is_quoted ^= char == '"';
        char == ';' && !is_quoted
    })
    .collect()
}

impl FromStr for Rule {
    type Err = RetentionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem: String| RetentionError(format!("rule {}: {problem}", text.trim()));
        let Some((condition, keep)) = text.rsplit_once('=') else {
            let problem = "write a condition and a duration, for example level:debug=3d";
            return Err(invalid(problem.to_owned()));
        };
        let keep = keep.parse::<Keep>().map_err(|error| invalid(error.to_string()))?;
        let condition_text = condition.trim();
        let class = Class::new(condition_text).ok_or_else(|| {
            invalid(format!("the condition must have 1 to {} bytes", Class::MAX_BYTES))
        })?;
        let condition = query::parse(condition_text, false, Timestamp::now())
            .map_err(|error| invalid(format!("{error} (character {})", error.position + 1)))?;
        if depends_on_time(&condition) {
            return Err(invalid("the condition must not be about the time or the id".to_owned()));
        }
        Ok(Self { class, condition, keep })
    }
}

/// Whether the condition is about the timestamp or the id, which a rule cannot know in advance.
fn depends_on_time(condition: &Condition) -> bool {
    match condition {
        Condition::All(conditions) | Condition::Any(conditions) => {
            conditions.iter().any(depends_on_time)
        }
        Condition::Not(condition) => depends_on_time(condition),
        Condition::Timestamp(_) | Condition::Id(_) | Condition::ArrivedBefore(_) => true,
        Condition::Words(_)
        | Condition::Prefix(_)
        | Condition::Fragment(_)
        | Condition::Keyword(..)
        | Condition::Patterns(_)
        | Condition::Attribute(_) => false,
    }
}

impl fmt::Display for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => write!(f, "{days}d"),
            Self::Forever => f.write_str("forever"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::EntryBuilder;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn parsed(text: &str) -> Retention {
        text.parse().unwrap()
    }

    fn class(text: &str) -> Class {
        Class::new(text).unwrap()
    }

    #[test]
    fn an_entry_is_kept_for_at_least_the_duration() {
        let keep = Keep::Days(3);
        // At 23:59:59.999 on the 27th, an entry from 00:00 on the 24th is more than three days old.
        // One from 23:59:59.999 on the 24th is exactly three days old.
        assert_eq!(keep.first_day(day("2026-11-27")), Some(day("2026-11-24")));
        assert_eq!(Keep::Days(36_500).first_day(day("1970-01-02")), Some(day("1970-01-01")));
        assert_eq!(Keep::Forever.first_day(day("2026-11-27")), None);
        assert_eq!(keep.last_day(day("2026-11-24")), Some(day("2026-11-27")));
        assert_eq!(Keep::Forever.last_day(day("2026-11-24")), None);
    }

    #[test]
    fn the_first_rule_that_an_entry_meets_decides_its_class() {
        let retention = parsed(
            r#"30d; level:debug=3d; service_name:audit = 365d;"a; b=c"=forever; team:ops=7D;"#,
        );
        let expected = [
            (Class::DEFAULT, Keep::Days(30)),
            (class("level:debug"), Keep::Days(3)),
            (class("service_name:audit"), Keep::Days(365)),
            (class(r#""a; b=c""#), Keep::Forever),
            (class("team:ops"), Keep::Days(7)),
        ];
        let classes: Vec<_> = retention.classes().map(|(one, keep)| (one.clone(), keep)).collect();
        assert_eq!(classes, expected);
        assert_eq!(retention.keep(&class("gone")), None);
        let entry = EntryBuilder::new;
        for (entry, expected) in [
            (entry("m").build(), Class::DEFAULT),
            (entry("m").level("DEBUG").service("audit").build(), class("level:debug")),
            (entry("m").service("audit").build(), class("service_name:audit")),
            (entry("x a; b=c x").build(), class(r#""a; b=c""#)),
            (entry("m").attributes(r#"{"team":"ops"}"#).build(), class("team:ops")),
        ] {
            assert_eq!(retention.class(&entry), expected);
        }
    }

    #[test]
    fn a_setting_that_cannot_be_parsed_is_explained() {
        let many = "30d; a:1=1d; a:2=1d; a:3=1d; a:4=1d; a:5=1d; a:6=1d; a:7=1d; a:8=1d; a:9=1d";
        for (text, problem) in [
            ("", r#"must be 1d to 36500d or forever, not """#),
            ("30", r#"must be 1d to 36500d or forever, not "30""#),
            ("0d", r#"must be 1d to 36500d or forever, not "0d""#),
            ("36501d", r#"must be 1d to 36500d or forever, not "36501d""#),
            ("level:debug=3d", r#"must be 1d to 36500d or forever, not "level:debug=3d""#),
            ("30d; level:debug", "rule level:debug: write a condition and a duration"),
            (
                "30d; level:debug=3h",
                r#"rule level:debug=3h: must be 1d to 36500d or forever, not "3h""#,
            ),
            ("30d; level: =3d", "rule level: =3d: level needs a value"),
            ("30d; =3d", "rule =3d: the condition must have 1 to 255 bytes"),
            ("30d; timestamp:>now-1d=3d", "must not be about the time or the id"),
            ("30d; a:1=3d; a:1=4d", "the rule a:1 is given twice"),
            (many, "must have at most 8 rules"),
        ] {
            let error = text.parse::<Retention>().unwrap_err().to_string();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
