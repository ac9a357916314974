//! A recursive descent parser for queries.
//!
//! ```text
//! query = and, { "OR", and } ;               and  = not, { [ "AND" ], not } ;
//! not   = { "NOT" | "-" | "!" }, item ;
//! item  = "(", query, ")" | field, test | '"', fragment, '"' | prefix, "*" | word ;
//! field = name | "@", path | "@", '"', path, '"' ;
//! ```
//!
//! People paste text that was never meant as a query, so anything that cannot be an operator is
//! text: an unpaired bracket or quote, `-` or `!` inside a word or before a space, and an unknown
//! field (`user=42` finds the attribute or the text). Anything that can only be an operator or the
//! test of a known field, but is incomplete, is an error.

mod conditions;
mod cursor;
mod fields;
mod text;

use std::fmt::Display;

use cursor::Cursor;
use text::TextConditions;

use super::{Condition, Scope};
use crate::log_entry::Timestamp;

/// The longest query, in characters.
pub const MAX_QUERY_CHARS: usize = 1024;

/// The maximum number of conditions in a query. Words are counted separately.
const MAX_CONDITIONS: usize = 64;

/// How deep parentheses may nest.
const MAX_DEPTH: usize = 16;

/// A query that cannot be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct QueryError {
    /// The position of the error, in characters, starting at 0.
    pub position: usize,
    /// What is wrong, and how to correct it.
    pub detail: String,
}

impl QueryError {
    fn new(position: usize, detail: impl Into<String>) -> Self {
        Self { position, detail: detail.into() }
    }
}

/// Parses a query. Relative times count from `now`. With `fuzzy`, words tolerate typos. A blank
/// query matches every entry.
///
/// # Errors
/// When the query cannot be parsed, or is too long or too complex.
pub fn parse(query: &str, fuzzy: bool, now: Timestamp) -> Result<Condition, QueryError> {
    if query.chars().nth(MAX_QUERY_CHARS).is_some() {
        let detail = format!("must have at most {MAX_QUERY_CHARS} characters");
        return Err(QueryError::new(MAX_QUERY_CHARS, detail));
    }
    let mut parser = Parser {
        cursor: Cursor::new(query),
        text: TextConditions::new(fuzzy),
        now,
        depth: 0,
        conditions: 0,
    };
    match parser.query()? {
        Some(condition) => Ok(condition),
        None if query.trim().is_empty() => Ok(Condition::everything()),
        None => Err(parser.mistake(0, "there is nothing to find")),
    }
}

struct Parser {
    cursor: Cursor,
    text: TextConditions,
    now: Timestamp,
    /// The number of open parentheses.
    depth: usize,
    conditions: usize,
}

impl Parser {
    /// Parses alternatives up to the end of the query or group. `None` if there is no condition.
    fn query(&mut self) -> Result<Option<Condition>, QueryError> {
        let mut alternatives: Vec<Condition> = self.and()?.into_iter().collect();
        while let Some(position) = self.cursor.take_keyword("OR") {
            let alternative = self.and()?;
            let (false, Some(alternative)) = (alternatives.is_empty(), alternative) else {
                return Err(self.operator_mistake(position, "OR", "on both sides"));
            };
            alternatives.push(alternative);
        }
        Ok(match alternatives.len() {
            0 => None,
            1 => alternatives.pop(),
            _ => Some(Condition::Any(alternatives)),
        })
    }

    fn and(&mut self) -> Result<Option<Condition>, QueryError> {
        let mut conditions: Vec<Condition> = Vec::new();
        loop {
            self.cursor.skip_spaces();
            let conjunction = self.cursor.take_keyword("AND");
            if conjunction.is_none() && self.is_at_end_of_query() {
                break;
            }
            if let Some(position) = conjunction
                && (conditions.is_empty() || self.is_at_end_of_query())
            {
                return Err(self.operator_mistake(position, "AND", "on both sides"));
            }
            if let Some(condition) = self.not()?
                && !conditions.contains(&condition)
            {
                conditions.push(condition);
            }
        }
        Ok(match conditions.len() {
            0 => None,
            1 => conditions.pop(),
            _ => Some(Condition::All(conditions)),
        })
    }

    /// Whether no further condition can follow at this level.
    fn is_at_end_of_query(&mut self) -> bool {
        self.cursor.skip_spaces();
        let is_group_end = self.depth > 0 && self.cursor.peek() == Some(')');
        is_group_end || self.cursor.is_at_end() || self.cursor.is_at_keyword("OR")
    }

    fn not(&mut self) -> Result<Option<Condition>, QueryError> {
        let position = self.cursor.position();
        if self.cursor.take_keyword("NOT").is_some() {
            if self.is_at_end_of_query() {
                return Err(self.operator_mistake(position, "NOT", "after it"));
            }
        } else if self.cursor.is_at_negation() {
            return self.excluded();
        } else {
            return self.item();
        }
        Ok(self.not()?.map(negate))
    }

    /// Parses the condition that `-` or `!` excludes. In a pasted line, `-v` and `-42` are text, so
    /// an entry that contains the text exactly as written here is not excluded.
    fn excluded(&mut self) -> Result<Option<Condition>, QueryError> {
        let position = self.cursor.position();
        let before = self.cursor.previous().unwrap_or(' ');
        self.cursor.advance();
        let is_word = !matches!(self.cursor.peek(), Some('(' | '"' | '-' | '!'));
        let Some(condition) = self.not()? else { return Ok(None) };
        if !is_word || !is_text(&condition) {
            return Ok(Some(negate(condition)));
        }
        self.count_condition(position)?;
        let verbatim = text::fragment(&format!("{before}{}", self.cursor.text_since(position)));
        let verbatim = verbatim.map_err(|detail| QueryError::new(position, detail))?;
        let exceptions = verbatim.into_iter().chain(self.pasted_line(position)).map(negate);
        Ok(Some(negate(Condition::All(exceptions.chain([condition]).collect()))))
    }

    /// The whole query as a fragment, if it begins with the sign at `position`. It may be a pasted
    /// line that begins with a dash, which no space precedes in the entry.
    fn pasted_line(&self, position: usize) -> Option<Condition> {
        if !self.cursor.is_first(position) {
            return None;
        }
        text::fragment(self.cursor.text().trim()).ok().flatten()
    }

    fn item(&mut self) -> Result<Option<Condition>, QueryError> {
        let position = self.cursor.position();
        let item = match self.cursor.peek() {
            Some('(') if self.cursor.has_closing_parenthesis() => return self.group(),
            Some('"') if self.cursor.has_closing_quote() => {
                let quoted = self.cursor.take_quoted();
                let fragment = text::fragment(&quoted);
                fragment.map_err(|detail| QueryError::new(position, detail))?
            }
            _ => match self.field()? {
                Some(condition) => Some(condition),
                None => self.word()?,
            },
        };
        if let Some(condition) = &item
            && !matches!(condition, Condition::Words(_))
        {
            self.count_condition(position)?;
        }
        Ok(item)
    }

    fn group(&mut self) -> Result<Option<Condition>, QueryError> {
        if self.depth == MAX_DEPTH {
            let detail = format!("parentheses must not nest more than {MAX_DEPTH} levels deep");
            return Err(QueryError::new(self.cursor.position(), detail));
        }
        self.depth += 1;
        self.cursor.advance();
        let condition = self.query()?;
        self.cursor.take(')');
        self.depth -= 1;
        Ok(condition)
    }

    /// Parses a word, with or without a trailing `*`.
    fn word(&mut self) -> Result<Option<Condition>, QueryError> {
        let position = self.cursor.position();
        let word = self.cursor.take_word(self.depth > 0);
        if word == "*" {
            return Ok(Some(Condition::everything()));
        }
        if let Some(detail) = text::leading_star(&word) {
            return Err(self.mistake(position, detail));
        }
        let condition = self.text.word_or_prefix(&word, Scope::Entry);
        let condition = condition.map_err(|detail| QueryError::new(position, detail))?;
        Ok(match word.parse() {
            Ok(id) => {
                Some(conditions::any(condition.into_iter().chain([Condition::Id(id)]).collect()))
            }
            Err(_) => condition,
        })
    }

    fn count_condition(&mut self, position: usize) -> Result<(), QueryError> {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            let detail = format!("must have at most {MAX_CONDITIONS} conditions");
            return Err(QueryError::new(position, detail));
        }
        Ok(())
    }

    /// An error in a query that may have been meant as text.
    fn mistake(&self, position: usize, detail: impl Display) -> QueryError {
        let quoted = quoted(self.cursor.text().trim());
        let hint = format!("to find this text, write all of it in quotes: {quoted}");
        QueryError::new(position, format!("{detail}; {hint}"))
    }

    fn operator_mistake(&self, position: usize, operator: &str, place: &str) -> QueryError {
        self.mistake(position, format!("{operator} needs a condition {place}"))
    }
}

/// The query that finds `text` verbatim.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn negate(condition: Condition) -> Condition {
    match condition {
        Condition::Not(condition) => *condition,
        condition => Condition::Not(Box::new(condition)),
    }
}

/// Whether the condition, or one of its alternatives, finds text.
fn is_text(condition: &Condition) -> bool {
    match condition {
        Condition::Words(_) | Condition::Prefix(_) | Condition::Fragment(_) => true,
        Condition::Any(alternatives) => alternatives.iter().any(is_text),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
