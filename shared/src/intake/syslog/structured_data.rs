//! The structured data of RFC 5424: `[id name="value" …][id …]`.

use std::borrow::Cow;
use std::collections::HashSet;

use serde_json::map::{Entry, Map};
use serde_json::{Value, json};

/// An element of structured data.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) id: &'a str,
    /// The parameters. A name may occur several times.
    pub(super) parameters: Vec<(&'a str, Cow<'a, str>)>,
}

/// Reads the elements at the beginning of `text`. Returns them and the rest, which is empty or
/// begins with a space, or `None` if they are malformed or an id occurs twice.
pub(super) fn parse(text: &str) -> Option<(Vec<Element<'_>>, &str)> {
    let mut rest = text;
    let mut elements = Vec::new();
    let mut ids = HashSet::new();
    while let Some(inner) = rest.strip_prefix('[') {
        let element;
        (element, rest) = read_element(inner)?;
        if !ids.insert(element.id) {
            return None;
        }
        elements.push(element);
    }
    let is_complete = !elements.is_empty() && (rest.is_empty() || rest.starts_with(' '));
    is_complete.then_some((elements, rest))
}

/// The elements as a JSON object of objects. The values of a repeated name become an array.
pub(super) fn to_json(elements: &[Element<'_>]) -> String {
    let mut data = Map::new();
    for Element { id, parameters } in elements {
        let mut object = Map::new();
        for (name, value) in parameters {
            match object.entry(*name) {
                Entry::Vacant(entry) => drop(entry.insert(json!(value))),
                Entry::Occupied(mut entry) => match entry.get_mut() {
                    Value::Array(values) => values.push(json!(value)),
                    first => *first = json!([first.take(), value]),
                },
            }
        }
        data.insert((*id).to_owned(), Value::Object(object));
    }
    Value::Object(data).to_string()
}

/// Reads an element after its opening bracket. Returns it and the text after its closing bracket.
fn read_element(text: &str) -> Option<(Element<'_>, &str)> {
    let (id, mut rest) = read_name(text)?;
    let mut parameters = Vec::new();
    loop {
        if let Some(rest) = rest.strip_prefix(']') {
            return Some((Element { id, parameters }, rest));
        }
        let (name, after) = read_name(rest.strip_prefix(' ')?.trim_start_matches(' '))?;
        let (value, after) = read_value(after.strip_prefix("=\"")?)?;
        parameters.push((name, value));
        rest = after;
    }
}

fn read_name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, '=' | ']' | '[' | '"'))?;
    (end > 0).then(|| text.split_at(end))
}

/// Reads a value after its opening quote. Returns it and the text after its closing quote. Only
/// `\"`, `\\` and `\]` are escape sequences.
fn read_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut is_escaped = false;
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })?;
    let (value, rest) = (&text[..end], &text[end + 1..]);
    if !value.contains('\\') {
        return Some((Cow::Borrowed(value), rest));
    }
    let mut unescaped = String::with_capacity(value.len());
    let mut chars = value.chars().peekable();
    while let Some(char) = chars.next() {
        let escaped = chars.next_if(|next| char == '\\' && matches!(next, '"' | '\\' | ']'));
        unescaped.push(escaped.unwrap_or(char));
    }
    Some((Cow::Owned(unescaped), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_have_ids_and_parameters() {
        for (text, expected, after) in [
            ("[a]", r#"{"a":{}}"#, ""),
            (r#"[a b="c" d=""] m"#, r#"{"a":{"b":"c","d":""}}"#, " m"),
            (r#"[a@1 x="1"][b] "#, r#"{"a@1":{"x":"1"},"b":{}}"#, " "),
            (r#"[a ip="1" ip="2" ip="3"]"#, r#"{"a":{"ip":["1","2","3"]}}"#, ""),
            (r#"[a b="\"\\\]\n"]"#, r#"{"a":{"b":"\"\\]\\n"}}"#, ""),
            (r#"[a b="]"]"#, r#"{"a":{"b":"]"}}"#, ""),
            (r#"[a  b="ü" ] m"#, "", ""),
        ] {
            let found = parse(text).map(|(elements, rest)| (to_json(&elements), rest));
            let expected = (!expected.is_empty()).then(|| (expected.to_owned(), after));
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn malformed_elements_are_not_parsed() {
        for text in [
            "",
            "[",
            "[]",
            "[ a]",
            "[a",
            "[a b]",
            "[a b=c]",
            r#"[a b="c]"#,
            r#"[a b="c"d="e"]"#,
            "[a]x",
            "[a][a]",
            "[a][",
            "[not data] m",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
