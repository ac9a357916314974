//! Responses and errors in Elasticsearch's format: JSON, with the API version that the client uses.
//! Clients refuse to work with a server that does not send `X-Elastic-Product`.

use std::error::Error;
use std::fmt;

use poem::http::{HeaderMap, StatusCode, header};
use poem::{Body, Response};
use serde_json::json;
use shared::http::Problem;

use crate::response_items::ResponseItems;

/// A response with this status and JSON body.
pub(crate) fn respond(status: StatusCode, request: &HeaderMap, json: impl Into<Body>) -> Response {
    Response::builder()
        .status(status)
        .header("X-Elastic-Product", "Elasticsearch")
        .content_type(media_type(request))
        .body(json)
}

/// The media type of the response, with the version that the client asks for, if any.
fn media_type(request: &HeaderMap) -> String {
    let sent = [header::ACCEPT, header::CONTENT_TYPE];
    let mut values = sent.iter().filter_map(|name| request.get(name)?.to_str().ok());
    let version = values.find_map(compatible_version);
    version.map_or_else(
        || "application/json".to_owned(),
        |version| format!("application/vnd.elasticsearch+json;compatible-with={version}"),
    )
}

/// The version in `application/vnd.elasticsearch+json; compatible-with=8`.
fn compatible_version(media_type: &str) -> Option<&str> {
    let (_, version) = media_type.split_once("compatible-with=")?;
    let end = version.find(|c: char| !c.is_ascii_digit()).unwrap_or(version.len());
    Some(&version[..end]).filter(|version| (1..=2).contains(&version.len()))
}

/// Formats a problem as Elasticsearch does.
///
/// The rate limit's 429 becomes 503, because several clients drop documents on 429 but resend them
/// on 503, which is also the status of any other overload.
pub(crate) fn format(problem: &Problem, request: &HeaderMap) -> Response {
    let status = match StatusCode::from_u16(problem.status) {
        Ok(StatusCode::TOO_MANY_REQUESTS) => StatusCode::SERVICE_UNAVAILABLE,
        Ok(status) => status,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let cause = json!({ "type": error_type(status), "reason": problem.detail });
    let mut error = cause.clone();
    error["root_cause"] = json!([cause]);
    let rest = format!(r#""error":{error},"status":{}}}"#, status.as_u16());
    let cause = problem.cause.as_deref();
    let body = match cause.and_then(|cause| cause.downcast_ref::<Overload>()) {
        Some(Overload { items, .. }) => {
            format!("{{\"took\":0,\"errors\":true,\"items\":{items},{rest}\n")
        }
        None => format!("{{{rest}\n"),
    };
    respond(status, request, body)
}

/// Elasticsearch's name for an error with this status.
fn error_type(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "resource_not_found_exception",
        StatusCode::REQUEST_TIMEOUT => "receive_timeout_transport_exception",
        StatusCode::PAYLOAD_TOO_LARGE => "content_too_long_exception",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "media_type_header_exception",
        StatusCode::SERVICE_UNAVAILABLE => "es_rejected_execution_exception",
        status if status.is_server_error() => "exception",
        _ => "illegal_argument_exception",
    }
}

/// The cause of a problem that affects all documents of a request, so that the client must resend
/// the request. The response has an item for each action, because rsyslog only checks the items.
#[derive(Debug)]
pub(crate) struct Overload {
    items: String,
    problem: Problem,
}

impl Overload {
    /// Adds the items of the response to the problem.
    pub(crate) fn with_items(problem: Problem, response: ResponseItems) -> Problem {
        let overload = Self { items: response.into_items(), problem: problem.clone() };
        problem.caused_by(overload)
    }
}

impl fmt::Display for Overload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem.cause {
            Some(cause) => write!(f, "{cause}"),
            None => f.write_str(&self.problem.detail),
        }
    }
}

impl Error for Overload {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.problem.cause.as_deref().and_then(|cause| cause.source())
    }
}

#[cfg(test)]
mod tests {
    use poem::http::HeaderValue;
    use serde_json::Value;

    use super::*;

    fn headers(accept: &'static str, content_type: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers
    }

    #[test]
    fn the_media_type_has_the_version_that_the_client_asks_for() {
        let versioned =
            |version| format!("application/vnd.elasticsearch+json;compatible-with={version}");
        let plain = || "application/json".to_owned();
        for (accept, content_type, expected) in [
            ("*/*", "application/x-ndjson", plain()),
            ("", "application/vnd.elasticsearch+x-ndjson; compatible-with=8", versioned(8)),
            ("application/vnd.elasticsearch+json; compatible-with=9", "", versioned(9)),
            ("application/vnd.elasticsearch+json;compatible-with=8, */*", "", versioned(8)),
            ("application/vnd.elasticsearch+json; compatible-with=x", "", plain()),
            ("application/vnd.elasticsearch+json; compatible-with=1234", "", plain()),
        ] {
            assert_eq!(media_type(&headers(accept, content_type)), expected, "{accept}");
        }
    }

    #[tokio::test]
    async fn a_rate_limited_request_gets_503_instead_of_429() {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too \"many\"");
        let response = format(&problem, &HeaderMap::new());
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.header("x-elastic-product"), Some("Elasticsearch"));
        let cause = json!({"type": "es_rejected_execution_exception", "reason": "too \"many\""});
        let mut error = cause.clone();
        error["root_cause"] = json!([cause]);
        let body: Value = response.into_body().into_json().await.unwrap();
        assert_eq!(body, json!({"error": error, "status": 503}));
    }
}
