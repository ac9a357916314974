//! Parses a field and the test of its value: `level:>=warn`, `status:[500 TO 599]`, `user="jane"`.

use super::conditions::{self, Comparison, Field, Test, Value};
use super::cursor::Cursor;
use super::{Parser, QueryError, text};
use crate::query::{Condition, Scope};

/// The maximum number of values in a list.
const MAX_VALUES: usize = 64;

impl Parser {
    /// Parses a field and its test. Returns `None` and consumes nothing if the text here is
    /// neither.
    pub(super) fn field(&mut self) -> Result<Option<Condition>, QueryError> {
        let start = self.cursor.position();
        let condition = self.field_test(start)?;
        if condition.is_none() {
            self.cursor.return_to(start);
        }
        Ok(condition)
    }

    fn field_test(&mut self, start: usize) -> Result<Option<Condition>, QueryError> {
        let Some(field) = self.take_field() else { return Ok(None) };
        let name = self.cursor.text_since(start);
        let has_colon = self.cursor.take(':');
        let comparison = take_comparison(&mut self.cursor);
        if !has_colon && comparison.is_none() {
            return Ok(None);
        }
        let value_position = self.cursor.position();
        let test = match self.test(comparison) {
            Ok(Some(test)) => test,
            Ok(None) if field.is_known() && has_colon && self.is_at_end_of_query() => {
                return Err(self.mistake(start, format!("{name} needs a value")));
            }
            Err(detail) if field.is_known() => return Err(self.mistake(value_position, detail)),
            Ok(None) | Err(_) => return Ok(None),
        };
        if !field.is_known() && !has_colon && test.compares_text() {
            // `List<String>` is text.
            return Ok(None);
        }
        if let Some(condition) = conditions::pattern(&field, &test) {
            return Ok(Some(condition));
        }
        let field = match (field, &test) {
            // `id=42` is not the id of an entry.
            (Field::Id, Test::Equals(value)) if value.is_other_id() => {
                Field::Attribute { path: name, is_explicit: false }
            }
            (field, _) => field,
        };
        let alternative = if field.is_known() { None } else { self.verbatim(start, &test)? };
        let condition = self.condition(&field, test);
        let condition = condition.map_err(|detail| QueryError::new(value_position, detail))?;
        Ok(Some(conditions::any([condition].into_iter().chain(alternative).collect())))
    }

    /// The condition that the text since `start` occurs verbatim: an alternative to the test of an
    /// unknown field. `None` for tests without this alternative.
    fn verbatim(&mut self, start: usize, test: &Test) -> Result<Option<Condition>, QueryError> {
        let written = self.cursor.text_since(start);
        let condition = match test {
            Test::Exists | Test::Compare(Comparison::NotEqual, _) => return Ok(None),
            Test::Equals(value) if text::has_words(&value.text) => {
                self.text.word_or_prefix(&written, Scope::Entry)
            }
            _ => text::fragment(&written),
        };
        condition.map_err(|detail| QueryError::new(start, detail))
    }

    /// Consumes a field name or an attribute path, which may be quoted after `@`.
    fn take_field(&mut self) -> Option<Field> {
        if self.cursor.peek() != Some('@') || self.cursor.peek_at(1) != Some('"') {
            return take_name(&mut self.cursor).map(|name| Field::named(&name));
        }
        self.cursor.advance();
        let is_closed = self.cursor.has_closing_quote();
        is_closed.then(|| Field::Attribute { path: self.cursor.take_quoted(), is_explicit: true })
    }

    /// Parses the value or values after the colon or the comparison; `None` if there are none.
    fn test(&mut self, comparison: Option<Comparison>) -> Result<Option<Test>, &'static str> {
        let is_group_end = self.depth > 0 && self.cursor.peek() == Some(')');
        if self.cursor.is_at_boundary() || is_group_end {
            return Ok(None);
        }
        Ok(Some(match (comparison, self.cursor.peek()) {
            (Some(Comparison::Equal), _) => Test::Equals(self.value()),
            (Some(comparison), _) => Test::Compare(comparison, self.value()),
            (None, Some('[' | '{')) => self.range()?,
            (None, Some('(')) => self.list()?,
            (None, _) => {
                let value = self.value();
                let is_star = value.text == "*" && !value.is_quoted;
                if is_star { Test::Exists } else { Test::Equals(value) }
            }
        }))
    }

    fn value(&mut self) -> Value {
        if self.cursor.peek() == Some('"') && self.cursor.has_closing_quote() {
            return Value { text: self.cursor.take_quoted(), is_quoted: true };
        }
        Value { text: self.cursor.take_word(self.depth > 0), is_quoted: false }
    }

    /// Parses `[lower TO upper]`, where `{` and `}` exclude the bound, and `*` stands for no bound.
    fn range(&mut self) -> Result<Test, &'static str> {
        let includes_lower = self.cursor.peek() == Some('[');
        self.cursor.advance();
        let lower = self.bound();
        let to = self.cursor.take_keyword("TO");
        let upper = self.bound();
        let (Some(lower), Some(_), Some(upper)) = (lower, to, upper) else {
            return Err("a range needs the form [lower TO upper]");
        };
        let includes_upper = match self.cursor.peek() {
            Some(']') => true,
            Some('}') => false,
            _ => return Err("the range needs a ] or } after its upper bound"),
        };
        self.cursor.advance();
        let bound = |value: Value, is_inclusive| {
            (value.text != "*" || value.is_quoted).then_some((value, is_inclusive))
        };
        Ok(Test::Between(bound(lower, includes_lower), bound(upper, includes_upper)))
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
    fn list(&mut self) -> Result<Test, &'static str> {
        if !self.cursor.has_closing_parenthesis() {
            return Err("the list has no closing )");
        }
        self.cursor.advance();
        self.depth += 1;
        let values = self.values();
        self.depth -= 1;
        values.map(Test::AnyOf).ok_or("a list needs the form (value OR value)")
    }

    /// Parses the values of a list and the parenthesis after them; `None` if a value is missing.
    fn values(&mut self) -> Option<Vec<Value>> {
        let mut values = Vec::new();
        loop {
            self.cursor.skip_spaces();
            let is_value = !["OR", "AND", "NOT"].iter().any(|word| self.cursor.is_at_keyword(word));
            if !is_value || self.cursor.is_at_end() || self.cursor.peek() == Some(')') {
                return None;
            }
            values.push(self.value());
            self.cursor.skip_spaces();
            if self.cursor.take(')') {
                return Some(values);
            }
            self.cursor.take_keyword("OR");
        }
    }

    fn condition(&mut self, field: &Field, test: Test) -> Result<Condition, String> {
        if matches!(&test, Test::AnyOf(values) if values.len() > MAX_VALUES) {
            return Err(format!("a list must have at most {MAX_VALUES} values"));
        }
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
                self.text.word_or_prefix(&value.text, Scope::Message)?
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
