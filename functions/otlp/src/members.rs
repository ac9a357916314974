//! The members of a JSON object, such as the attributes of an entry.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::invalid::Invalid;
use crate::value::{Any, push_text};

/// A JSON object that is being written.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    json: Vec<u8>,
    names: HashSet<Cow<'a, str>>,
}

impl<'a> Members<'a> {
    /// Creates an empty object that is written to this buffer.
    pub(crate) fn new(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        buffer.push(b'{');
        Self { json: buffer, names: HashSet::new() }
    }

    /// Adds a member under its own name.
    pub(crate) fn add(
        &mut self,
        name: Cow<'a, str>,
        value: &Any<'_>,
        levels: usize,
    ) -> Result<(), Invalid> {
        self.begin(&name);
        self.names.insert(name);
        value.write(levels, &mut self.json)
    }

    /// Adds a member that is already JSON. If another member has the same name, underscores are
    /// appended to the new name.
    pub(crate) fn add_json(&mut self, name: impl Into<Cow<'a, str>>, json: &[u8]) {
        let mut name = name.into();
        while self.names.contains(&name) {
            name.to_mut().push('_');
        }
        self.begin(&name);
        self.names.insert(name);
        self.json.extend_from_slice(json);
    }

    /// Adds a string, unless it is empty.
    pub(crate) fn add_text(&mut self, name: &'static str, text: &str) {
        if !text.is_empty() {
            let mut json = Vec::with_capacity(text.len() + 2);
            push_text(text, &mut json);
            self.add_json(name, &json);
        }
    }

    /// Adds a number, unless it is zero.
    pub(crate) fn add_number(&mut self, name: &'static str, number: i128) {
        if number != 0 {
            self.add_json(name, number.to_string().as_bytes());
        }
    }

    /// Whether there are no members.
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The JSON of the object.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.json.push(b'}');
        self.json
    }

    fn begin(&mut self, name: &str) {
        if !self.names.is_empty() {
            self.json.push(b',');
        }
        push_text(name, &mut self.json);
        self.json.push(b':');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn underscores_are_appended_to_a_name_that_is_taken() {
        let mut members = Members::new(b"old".to_vec());
        members.add("a".into(), &Any::Int(1), 1).unwrap();
        members.add("a_".into(), &Any::Empty, 1).unwrap();
        members.add_text("a", "x\"");
        members.add_text("b", "");
        members.add_number("c", 0);
        members.add_number("d", 7);
        let json = String::from_utf8(members.finish()).unwrap();
        assert_eq!(json, r#"{"a":1,"a_":null,"a__":"x\"","d":7}"#);
    }
}
