//! A response shown in a document.

use serde_json::Value;

use crate::pattern;

/// A status, and a pattern for the body if the document shows one.
#[derive(Debug)]
pub(super) struct Expectation {
    pub(super) status: u16,
    body: Option<Value>,
}

impl Expectation {
    /// Parses `STATUS` or `STATUS BODY`. Returns `None` if the text does not begin with a status.
    ///
    /// # Errors
    /// When the body is not a valid pattern.
    pub(super) fn parse(text: &str) -> Option<Result<Self, String>> {
        let (status, body) = text.split_once(' ').unwrap_or((text, ""));
        let is_status = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
        let status = if is_status { status.parse().ok()? } else { return None };
        if body.is_empty() {
            return Some(Ok(Self { status, body: None }));
        }
        let pattern = pattern::parse(body).map_err(|error| format!("{body}: {error}"));
        Some(pattern.map(|pattern| Self { status, body: Some(pattern) }))
    }

    /// Compares a response with the expectation.
    ///
    /// # Errors
    /// When the response differs from the expectation. The error describes the first difference.
    pub(super) fn check(&self, status: u16, body: &str) -> Result<(), String> {
        if status != self.status {
            return Err(format!("expected status {}, got {status}: {body}", self.status));
        }
        let Some(pattern) = &self.body else { return Ok(()) };
        let body: Value = serde_json::from_str(body).map_err(|error| format!("{error}: {body}"))?;
        pattern::compare(pattern, &body).map_err(|difference| format!("{difference} in {body}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_without_a_status_is_not_an_expectation() {
        for text in ["", "Save an entry.", "2000 entries", "20", "201: created", "HTTP 200"] {
            assert!(Expectation::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_expected_body_that_is_not_json_is_rejected() {
        for text in ["201 created", r#"200 {"id":}"#] {
            assert!(Expectation::parse(text).unwrap().is_err(), "{text}");
        }
    }

    #[test]
    fn a_response_that_differs_is_reported() {
        for (expectation, status, body, difference) in [
            ("200", 200, "pong", None),
            ("200", 404, "{}", Some("expected status 200, got 404")),
            (r#"201 {"id":"…"}"#, 201, r#"{"id":"0190"}"#, None),
            (r#"201 {"id":"…"}"#, 201, r#"{"id":17}"#, Some(r#"$.id: expected "…", got 17"#)),
            (r#"201 {"id":"…"}"#, 201, "", Some("EOF")),
        ] {
            let expectation = Expectation::parse(expectation).unwrap().unwrap();
            match (expectation.check(status, body), difference) {
                (Ok(()), None) => {}
                (Err(error), Some(difference)) => assert!(error.contains(difference), "{error}"),
                (result, expected) => {
                    panic!("{expectation:?}: {result:?}, expected {expected:?}")
                }
            }
        }
    }
}
