//! The parser's position in a query, with lookahead.

/// The characters of a query, and a position in them.
pub(super) struct Cursor {
    chars: Vec<char>,
    position: usize,
}

impl Cursor {
    pub(super) fn new(query: &str) -> Self {
        Self { chars: query.chars().collect(), position: 0 }
    }

    /// The position in characters.
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// Returns to an earlier position.
    pub(super) fn return_to(&mut self, position: usize) {
        self.position = position;
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.peek_at(0)
    }

    pub(super) fn peek_at(&self, offset: usize) -> Option<char> {
        self.chars.get(self.position + offset).copied()
    }

    pub(super) fn previous(&self) -> Option<char> {
        self.chars.get(self.position.checked_sub(1)?).copied()
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.peek().is_none()
    }

    /// Whether the query ends here, or whitespace follows.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.peek().is_none_or(char::is_whitespace)
    }

    pub(super) fn advance(&mut self) {
        self.position += 1;
    }

    /// Consumes `expected` if it is next, and returns whether it was.
    pub(super) fn take(&mut self, expected: char) -> bool {
        let is_next = self.peek() == Some(expected);
        self.position += usize::from(is_next);
        is_next
    }

    pub(super) fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.advance();
        }
    }

    /// The text from an earlier position up to the current one.
    pub(super) fn text_since(&self, start: usize) -> String {
        self.chars[start..self.position].iter().collect()
    }

    /// The whole query.
    pub(super) fn text(&self) -> String {
        self.chars.iter().collect()
    }

    /// Whether only whitespace precedes a position.
    pub(super) fn is_first(&self, position: usize) -> bool {
        self.chars[..position].iter().all(|c| c.is_whitespace())
    }

    /// Whether the operator `keyword` is next, as a separate word.
    pub(super) fn is_at_keyword(&self, keyword: &str) -> bool {
        let mut length = 0;
        for expected in keyword.chars() {
            if self.peek_at(length) != Some(expected) {
                return false;
            }
            length += 1;
        }
        self.peek_at(length).is_none_or(|c| c.is_whitespace() || c == '(' || c == ')')
    }

    /// Consumes the operator `keyword` and the spaces after it, if it is next, and returns its
    /// position.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> Option<usize> {
        if !self.is_at_keyword(keyword) {
            return None;
        }
        let position = self.position;
        self.position += keyword.len();
        self.skip_spaces();
        Some(position)
    }

    /// Whether the next character is `-` or `!` and negates the condition after it.
    pub(super) fn is_at_negation(&self) -> bool {
        let previous = self.previous();
        // `(-9802)` is a number in parentheses.
        let is_number =
            previous == Some('(') && self.peek_at(1).is_some_and(|c| c.is_ascii_digit());
        previous.is_none_or(|c| c.is_whitespace() || "(-!".contains(c))
            && matches!(self.peek(), Some('-' | '!'))
            && self.peek_at(1).is_some_and(|c| c.is_alphanumeric() || "_@\"(".contains(c))
            && !is_number
    }

    /// Whether the parenthesis that opens here is closed.
    pub(super) fn has_closing_parenthesis(&self) -> bool {
        let mut depth = 0;
        let mut position = self.position;
        while let Some(&c) = self.chars.get(position) {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                '"' => position = self.closing_quote(position).unwrap_or(position),
                _ => {}
            }
            if depth == 0 {
                return true;
            }
            position += 1;
        }
        false
    }

    /// Whether the quote that opens here is closed.
    pub(super) fn has_closing_quote(&self) -> bool {
        self.closing_quote(self.position).is_some()
    }

    fn closing_quote(&self, opening: usize) -> Option<usize> {
        let mut position = opening + 1;
        while let Some(&c) = self.chars.get(position) {
            match c {
                '"' => return Some(position),
                '\\' => position += 2,
                _ => position += 1,
            }
        }
        None
    }

    /// Consumes a quoted text, which must have a closing quote. `\"` stands for a quote and `\\`
    /// for a backslash.
    pub(super) fn take_quoted(&mut self) -> String {
        self.advance();
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.advance();
            match c {
                '"' => break,
                '\\' if matches!(self.peek(), Some('"' | '\\')) => {
                    text.extend(self.peek());
                    self.advance();
                }
                c => text.push(c),
            }
        }
        text
    }

    /// Consumes a word: up to whitespace, a quoted text, or the parenthesis that closes the
    /// surrounding group.
    pub(super) fn take_word(&mut self, is_in_group: bool) -> String {
        let start = self.position;
        let mut depth = 0;
        while let Some(c) = self.peek() {
            match c {
                c if c.is_whitespace() => break,
                '"' if self.position > start && self.has_closing_quote() => break,
                '(' => depth += 1,
                ')' if is_in_group && depth == 0 => break,
                ')' if depth > 0 => depth -= 1,
                _ => {}
            }
            self.advance();
        }
        self.text_since(start)
    }
}
