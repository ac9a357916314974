//! Reads the body of a bulk request: action lines, each followed by its document.

use std::borrow::Cow;

use memchr::memchr;
use shared::json::without_byte_order_mark;

use crate::action::Action;

/// The actions of a request, with their documents. Blank lines are ignored.
pub(crate) struct Items<'a> {
    unread: &'a [u8],
    /// The number of lines read so far.
    line: usize,
    /// The index of actions that do not name one.
    default_index: Option<&'a str>,
    /// The previous action and its line. Most clients repeat the same line.
    previous: Option<(&'a [u8], Action<'a>)>,
}

/// An action and its document.
#[derive(Debug)]
pub(crate) struct Item<'a> {
    pub(crate) action: Action<'a>,
    /// Empty if the action has no document.
    pub(crate) document: &'a [u8],
}

/// Why the whole request is refused: after this line, actions and documents cannot be told apart.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("Malformed action/metadata line [{line}], {mistake}")]
    Action { line: usize, mistake: String },
    #[error("the action on line [{line}] has no document; each line must end with a newline [\\n]")]
    NoDocument { line: usize },
}

impl<'a> Items<'a> {
    pub(crate) fn of(body: &'a [u8], default_index: Option<&'a str>) -> Self {
        let unread = without_byte_order_mark(body);
        Self { unread, line: 0, default_index, previous: None }
    }

    /// The next line that is not blank, without surrounding white space.
    fn next_line(&mut self) -> Option<&'a [u8]> {
        while !self.unread.is_empty() {
            self.line += 1;
            let end = memchr(b'\n', self.unread).unwrap_or(self.unread.len());
            let line = self.unread[..end].trim_ascii();
            self.unread = self.unread.get(end + 1..).unwrap_or_default();
            if !line.is_empty() {
                return Some(line);
            }
        }
        None
    }

    fn action(&mut self, line: &'a [u8]) -> Result<Action<'a>, Malformed> {
        if let Some((_, action)) = self.previous.as_ref().filter(|(text, _)| *text == line) {
            return Ok(action.clone());
        }
        let action = Action::parse(line);
        let mut action =
            action.map_err(|mistake| Malformed::Action { line: self.line, mistake })?;
        action.index = action.index.or(self.default_index.map(Cow::Borrowed));
        if let Some(mistake) = too_long(&action) {
            return Err(Malformed::Action { line: self.line, mistake });
        }
        self.previous = Some((line, action.clone()));
        Ok(action)
    }
}

/// Checks Elasticsearch's limits on the index and the id, and describes the mistake.
pub(crate) fn too_long(action: &Action<'_>) -> Option<String> {
    let limits = [("_index", &action.index, 255), ("_id", &action.id, 512)];
    let too_long = |name: &Option<Cow<'_, str>>, max| name.as_ref().is_some_and(|n| n.len() > max);
    let (name, _, max) = limits.into_iter().find(|(_, value, max)| too_long(value, *max))?;
    Some(format!("[{name}] must not be longer than {max} bytes"))
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.next_line()?;
        let action = match self.action(line) {
            Ok(action) => action,
            Err(error) => return Some(Err(error)),
        };
        if !action.operation.has_document() {
            return Some(Ok(Item { action, document: &[] }));
        }
        let line = self.line;
        let document = self.next_line().ok_or(Malformed::NoDocument { line });
        Some(document.map(|document| Item { action, document }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The index of each action, and its document.
    fn items(body: &str) -> Result<Vec<(String, String)>, Malformed> {
        Items::of(body.as_bytes(), Some("default"))
            .map(|item| {
                let Item { action, document } = item?;
                let index = action.index.unwrap_or_default().into_owned();
                Ok((index, String::from_utf8(document.to_vec()).unwrap()))
            })
            .collect()
    }

    #[test]
    fn each_action_is_followed_by_its_document() {
        let body = concat!(
            "\u{feff}{\"index\":{\"_index\":\"a\"}}\n{\"n\":1}\n",
            "{\"create\":{}}\r\n\r\n{\"n\":2}\r\n",
            "\n{\"delete\":{\"_index\":\"b\"}}\n",
            "{\"create\":{}}\n{\"n\":3}\n",
            "{\"create\":{}}\nnot json",
        );
        let expected = [
            ("a", r#"{"n":1}"#),
            ("default", r#"{"n":2}"#),
            ("b", ""),
            ("default", r#"{"n":3}"#),
            ("default", "not json"),
        ];
        let expected = expected.map(|(index, document)| (index.to_owned(), document.to_owned()));
        assert_eq!(items(body).unwrap(), expected);
        assert_eq!(items("\n \r\n").unwrap(), []);
    }

    #[test]
    fn errors_include_the_line_number() {
        let no_document = |line| Malformed::NoDocument { line };
        for (body, error) in [
            ("{\"index\":{}}", no_document(1)),
            ("\n{\"index\":{}}\n{}\n{\"update\":{}}\n\n", no_document(4)),
        ] {
            assert_eq!(items(body).unwrap_err(), error);
        }
        let error = items("{\"index\":{}}\n{}\n\n{\"n\":1}\n").unwrap_err().to_string();
        let expected = "Malformed action/metadata line [4], expected one of [create, delete, index";
        assert!(error.starts_with(expected), "{error}");
    }
}
