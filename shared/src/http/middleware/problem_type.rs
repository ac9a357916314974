//! Sends problems as `application/json` to clients that accept only that.
//! Some generated clients do, and they can parse errors only in the media type that they accept.

use poem::http::{HeaderMap, HeaderValue, header};
use poem::{Endpoint, Request, Response, Result};

use crate::http::problem::PROBLEM_JSON;

const JSON: &str = "application/json";

pub(super) struct ProblemType<E> {
    pub(super) next: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for ProblemType<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let accepts_only_json = accepts_only_json(request.headers());
        let mut response = self.next.call(request).await?;
        if accepts_only_json && response.content_type() == Some(PROBLEM_JSON) {
            let json = HeaderValue::from_static(JSON);
            response.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        Ok(response)
    }
}

/// Whether the client accepts JSON, but neither problems nor wildcards.
fn accepts_only_json(headers: &HeaderMap) -> bool {
    let mut accepts_json = false;
    for value in headers.get_all(header::ACCEPT) {
        for range in value.to_str().unwrap_or_default().split(',') {
            match range.split(';').next().unwrap_or_default().trim() {
                JSON => accepts_json = true,
                PROBLEM_JSON | "application/*" | "*/*" => return false,
                _ => {}
            }
        }
    }
    accepts_json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clients_that_accept_json_but_not_problems_get_json() {
        for (accept, expected) in [
            (&["application/json"][..], true),
            (&["text/html, application/json;q=0.9"], true),
            (&[], false),
            (&["*/*"], false),
            (&["application/json, */*;q=0.1"], false),
            (&["application/json", "application/problem+json"], false),
            (&["application/*, application/json"], false),
            (&["text/html"], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(header::ACCEPT, HeaderValue::from_static(value));
            }
            assert_eq!(accepts_only_json(&headers), expected, "{accept:?}");
        }
    }
}
