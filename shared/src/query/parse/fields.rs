//! Parses a field and the test of its value: `level:>=warn`, `status:[500 TO 599]`, `user="jane"`.

use super::conditions::{self, Comparison, Field, Test, Value};
use super::cursor::Cursor;
use super::{Parser, QueryError, text};
use crate::query::{Condition, Scope};

/// The maximum number of values in a list.
const MAX_VALUES: usize = 64;

impl Parser {
    /// Parses a field and its test. Returns `None` and consumes nothing if neither follows here.
    pub(super) fn field(&mut self) -> Result<Option<Condition>, QueryError> {
        let start = self.cursor.position();
        let condition = self.field_test(start)?;
        if condition.is_none() {
            self.cursor.return_to(start);
        }
        Ok(condition)
    }

    fn field_test(&mut self, start: usize) -> Result<Option<Condition>, QueryError> {
        let Some(name) = take_name(&mut self.cursor) else { return Ok(None) };
        let field = Field::named(&name);
        let is_known = !matches!(field, Field::Attribute { is_explicit: false, .. });
        let has_colon = self.cursor.take(':');
        let comparison = take_comparison(&mut self.cursor);
        if !has_colon && comparison.is_none() {
            return Ok(None);
        }
        let value_position = self.cursor.position();
        let Some(test) = self.test(comparison)? else {
            if is_known && has_colon && self.is_at_end_of_query() {
                let detail = format!("{name} needs a value; to find the word, write it in quotes");
                return Err(QueryError::new(start, detail));
            }
            return Ok(None);
        };
        if !is_known && !has_colon && test.compares_text() {
            // `List<String>` is text.
            return Ok(None);
        }
        let is_equality = matches!(test, Test::Equals(_));
        let condition = match self.condition(&field, test) {
            Ok(condition) => condition,
            // The value is invalid for the field, so this may be pasted text.
            Err(_) if is_equality && matches!(field, Field::Id | Field::Timestamp) => {
                let field = Field::Attribute { path: name, is_explicit: false };
                return self.attribute_or_text(start, &field, value_position);
            }
            Err(detail) => return Err(QueryError::new(value_position, detail)),
        };
        if is_equality && !is_known {
            return self.or_text(start, condition);
        }
        Ok(Some(condition))
    }

    /// Reparses the value as that of an attribute.
    fn attribute_or_text(
        &mut self,
        start: usize,
        field: &Field,
        value_position: usize,
    ) -> Result<Option<Condition>, QueryError> {
        self.cursor.return_to(value_position);
        let value = self.value();
        let condition = self.condition(field, Test::Equals(value));
        let condition = condition.map_err(|detail| QueryError::new(value_position, detail))?;
        self.or_text(start, condition)
    }

    /// Builds a condition with two alternatives: `condition`, or the text since `start`.
    fn or_text(
        &mut self,
        start: usize,
        condition: Condition,
    ) -> Result<Option<Condition>, QueryError> {
        let text = self.cursor.text_since(start);
        let text = self.text.word_or_stem(&text, Scope::Entry);
        let text = text.map_err(|detail| QueryError::new(start, detail))?;
        Ok(Some(Condition::Any([Some(condition), text].into_iter().flatten().collect())))
    }

    /// Parses what follows the colon or the comparison; `None` if it is not a test.
    fn test(&mut self, comparison: Option<Comparison>) -> Result<Option<Test>, QueryError> {
        let is_group_end = self.depth > 0 && self.cursor.peek() == Some(')');
        if self.cursor.is_at_boundary() || is_group_end {
            return Ok(None);
        }
        if let Some(comparison) = comparison {
            let value = self.value();
            return Ok(Some(match comparison {
                Comparison::Equal => Test::Equals(value),
                _ => Test::Compare(comparison, value),
            }));
        }
        match self.cursor.peek() {
            Some('[' | '{') => Ok(self.range()),
            Some('(') if self.cursor.has_closing_parenthesis() => self.list(),
            _ => {
                let value = self.value();
                let is_star = value.text == "*" && !value.is_quoted;
                Ok(Some(if is_star { Test::Exists } else { Test::Equals(value) }))
            }
        }
    }

    fn value(&mut self) -> Value {
        if self.cursor.peek() == Some('"') && self.cursor.has_closing_quote() {
            return Value { text: self.cursor.take_quoted(), is_quoted: true };
        }
        Value { text: self.cursor.take_word(self.depth > 0), is_quoted: false }
    }

    /// Parses `[lower TO upper]`, where `{` and `}` exclude the bound, and `*` stands for no bound.
    fn range(&mut self) -> Option<Test> {
        let includes_lower = self.cursor.peek() == Some('[');
        self.cursor.advance();
        let lower = self.bound()?;
        self.cursor.take_keyword("TO")?;
        let upper = self.bound()?;
        let includes_upper = match self.cursor.peek()? {
            ']' => true,
            '}' => false,
            _ => return None,
        };
        self.cursor.advance();
        let bound = |value: Value, is_inclusive| {
            (value.text != "*" || value.is_quoted).then_some((value, is_inclusive))
        };
        Some(Test::Between(bound(lower, includes_lower), bound(upper, includes_upper)))
    }

    fn bound(&mut self) -> Option<Value> {
        self.cursor.skip_spaces();
        let value = if self.cursor.peek() == Some('"') && self.cursor.has_closing_quote() {
            Value { text: self.cursor.take_quoted(), is_quoted: true }
        } else {
            let start = self.cursor.position();
            while self.cursor.peek().is_some_and(|c| !c.is_whitespace() && c != ']' && c != '}') {
                self.cursor.advance();
            }
            Value { text: self.cursor.text_since(start), is_quoted: false }
        };
        self.cursor.skip_spaces();
        (value.is_quoted || !value.text.is_empty()).then_some(value)
    }

    /// Parses `(value OR value)`; the `OR` is optional.
    fn list(&mut self) -> Result<Option<Test>, QueryError> {
        let start = self.cursor.position();
        self.cursor.advance();
        let mut values = Vec::new();
        self.depth += 1;
        loop {
            self.cursor.skip_spaces();
            self.cursor.take_keyword("OR");
            if self.cursor.is_at_end() || self.cursor.peek() == Some(')') {
                break;
            }
            values.push(self.value());
        }
        self.depth -= 1;
        if !self.cursor.take(')') || values.is_empty() {
            return Ok(None);
        }
        if values.len() > MAX_VALUES {
            let detail = format!("a list must have at most {MAX_VALUES} values");
            return Err(QueryError::new(start, detail));
        }
        Ok(Some(Test::AnyOf(values)))
    }

    fn condition(&mut self, field: &Field, test: Test) -> Result<Condition, String> {
        match field {
            Field::Message => self.message(test),
            Field::Level => conditions::level(test),
            Field::Timestamp => conditions::timestamp(test, self.now),
            Field::Id => conditions::id(test),
            Field::Keyword(name, keyword) => conditions::keyword(name, *keyword, test),
            Field::Attribute { path, .. } => Ok(conditions::attribute(path, test)),
        }
    }

    fn message(&mut self, test: Test) -> Result<Condition, String> {
        let values = match test {
            Test::Exists => return Ok(Condition::everything()),
            Test::Equals(value) => vec![value],
            Test::AnyOf(values) => values,
            Test::Compare(Comparison::NotEqual, value) => {
                let equal = self.message(Test::Equals(value))?;
                return Ok(Condition::Not(Box::new(equal)));
            }
            Test::Compare(..) | Test::Between(..) => {
                return Err(
                    "message does not support comparisons or ranges; write message:word".to_owned()
                );
            }
        };
        let mut alternatives = Vec::new();
        for value in values {
            let condition = if value.is_quoted {
                text::fragment(&value.text)?
            } else {
                self.text.word_or_stem(&value.text, Scope::Message)?
            };
            alternatives.extend(condition);
        }
        Ok(conditions::any(alternatives))
    }
}

/// Consumes a field name or attribute path: letters, digits and `_ . - / @`, starting with a
/// letter, `_` or `@`.
fn take_name(cursor: &mut Cursor) -> Option<String> {
    let start = cursor.position();
    let is_first = |c: char| c.is_alphabetic() || c == '_' || c == '@';
    if !cursor.peek().is_some_and(is_first) {
        return None;
    }
    while cursor.peek().is_some_and(|c| c.is_alphanumeric() || "_.-/@".contains(c)) {
        cursor.advance();
    }
    Some(cursor.text_since(start))
}

fn take_comparison(cursor: &mut Cursor) -> Option<Comparison> {
    let (comparison, length) = match (cursor.peek()?, cursor.peek_at(1)) {
        ('>', Some('=')) => (Comparison::GreaterOrEqual, 2),
        ('<', Some('=')) => (Comparison::LessOrEqual, 2),
        ('!', Some('=')) => (Comparison::NotEqual, 2),
        ('>', _) => (Comparison::Greater, 1),
        ('<', _) => (Comparison::Less, 1),
        ('=', _) => (Comparison::Equal, 1),
        _ => return None,
    };
    for _ in 0..length {
        cursor.advance();
    }
    Some(comparison)
}
