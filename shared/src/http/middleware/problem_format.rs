//! Sends problems in the format of the function's protocol, if it has its own. Otherwise, sends
//! them as `application/json` if the client accepts nothing else: some generated clients can only
//! parse errors in the media type that they accept.

use poem::http::{HeaderMap, HeaderValue, header};
use poem::{Endpoint, Request, Response, Result};

use crate::http::problem::{PROBLEM_JSON, Problem};

const JSON: &str = "application/json";

/// Writes a problem in the format of a protocol, given the headers of the request. Headers of the
/// problem, such as `Retry-After`, are added to the response.
pub type ProblemFormat = fn(&Problem, &HeaderMap) -> Response;

pub(super) struct FormattedProblems<E> {
    pub(super) next: E,
    pub(super) format: Option<ProblemFormat>,
}

impl<E: Endpoint<Output = Response>> Endpoint for FormattedProblems<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let Some(format) = self.format else {
            let accepts_only_json = accepts_only_json(request.headers());
            let mut response = self.next.call(request).await?;
            if accepts_only_json && response.content_type() == Some(PROBLEM_JSON) {
                let json = HeaderValue::from_static(JSON);
                response.headers_mut().insert(header::CONTENT_TYPE, json);
            }
            return Ok(response);
        };
        let headers = request.headers().clone();
        let response = self.next.call(request).await?;
        Ok(match response.data::<Problem>() {
            Some(problem) => replace(format(problem, &headers), response),
            None => response,
        })
    }
}

/// The formatted response, with the other headers and the data of the original one.
fn replace(mut formatted: Response, mut original: Response) -> Response {
    original.set_status(formatted.status());
    let headers = original.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::CONTENT_TYPE);
    headers.extend(std::mem::take(formatted.headers_mut()));
    original.set_body(formatted.take_body());
    original
}

/// Whether the client accepts JSON, but neither problem documents nor wildcards.
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
