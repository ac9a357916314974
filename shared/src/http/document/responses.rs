//! The responses of operations: the shared responses, headers, and an example for each.

use std::time::Duration;

use poem::http::StatusCode;
use serde_json::{Value, json};

use super::members;
use crate::error::Error;
use crate::http::problem::{self, PROBLEM_JSON, Problem};
use crate::log_entry::ValidationError;

/// The responses that operations share, by name.
pub(super) fn shared() -> Value {
    let retry = [("Retry-After", "RetryAfter")];
    let limits = [("RateLimit", "RateLimit"), ("RateLimit-Policy", "RateLimitPolicy")];
    json!({
        "UnknownParameter": problem_response(
            &json!(unknown_parameter()),
            "The operation has no such query parameter.",
            &limits,
        ),
        "UriTooLong": response(
            StatusCode::URI_TOO_LONG,
            "The method, the URL and the HTTP version together exceed 16 KiB.",
            &[],
        ),
        "InternalError": response(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Internal error; quote the `X-Request-Id` of the response when you report it.",
            &limits,
        ),
        "TooManyRequests": response(
            StatusCode::TOO_MANY_REQUESTS,
            "The client's bucket is empty.",
            &[limits.as_slice(), &retry].concat(),
        ),
        "BadGateway": response(
            StatusCode::BAD_GATEWAY,
            "From a cluster's proxy: no replica is available; retry later.",
            &retry,
        ),
        "GatewayTimeout": response(
            StatusCode::GATEWAY_TIMEOUT,
            "From a cluster's proxy: no replica responded in time, and the request may have \
             been processed; retry later.",
            &retry,
        ),
    })
}

/// Adds the shared responses, and adds headers and examples to every response. A public operation
/// is rate limited and reachable through the proxy. A null response means that the operation never
/// returns it, although others do.
pub(super) fn complete(responses: &mut Value, is_public: bool) {
    let excluded = remove_null(responses);
    for (status, response) in members(responses) {
        if response["description"] == "" {
            response["description"] = json!("Success.");
        }
        if let Some(headers) = response["headers"].as_object_mut() {
            let named = std::mem::take(headers).into_iter();
            *headers = named.map(|(name, header)| (header_case(&name), header)).collect();
        }
        if status == "503" {
            response["headers"]["Retry-After"] = header("RetryAfter");
        }
        response["headers"]["X-Request-Id"] = header("RequestId");
        if is_public {
            response["headers"]["RateLimit"] = header("RateLimit");
            response["headers"]["RateLimit-Policy"] = header("RateLimitPolicy");
        }
        if let Some(content) = response.pointer_mut("/content/application~1problem+json")
            && let Ok(status) = status.parse()
        {
            if content.get("example").is_none() {
                content["example"] = example(status);
            }
            let content = content.clone();
            // The same problem, for clients that accept only JSON.
            response["content"]["application/json"] = content;
        }
    }
    let mut share = |status: &str, name: &str| {
        let is_excluded = excluded.iter().any(|excluded| excluded == status);
        if responses[status].is_null() && !is_excluded {
            responses[status] = json!({ "$ref": format!("#/components/responses/{name}") });
        }
    };
    share("400", "UnknownParameter");
    share("500", "InternalError");
    if is_public {
        share("414", "UriTooLong");
        share("429", "TooManyRequests");
        share("502", "BadGateway");
        share("504", "GatewayTimeout");
    }
}

/// Removes the responses that are null, and returns their statuses.
fn remove_null(responses: &mut Value) -> Vec<String> {
    let Some(responses) = responses.as_object_mut() else { return Vec::new() };
    let is_null =
        |(status, response): (&String, &Value)| response.is_null().then(|| status.clone());
    let excluded: Vec<String> = responses.iter().filter_map(is_null).collect();
    responses.retain(|_, response| !response.is_null());
    excluded
}

fn response(status: StatusCode, description: &str, headers: &[(&str, &str)]) -> Value {
    problem_response(&example(status), description, headers)
}

fn problem_response(example: &Value, description: &str, headers: &[(&str, &str)]) -> Value {
    let mut named = json!({ "X-Request-Id": header("RequestId") });
    for (name, component) in headers {
        named[name] = header(component);
    }
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    let content = json!({ "schema": schema, "example": example });
    json!({
        "description": description,
        "headers": named,
        "content": { PROBLEM_JSON: content, "application/json": content },
    })
}

fn unknown_parameter() -> Problem {
    let detail = "unknown parameter; this operation has no query parameters";
    ValidationError::field("verbose", detail).into()
}

/// A problem with this status, as operations return it.
pub(super) fn example(status: StatusCode) -> Value {
    let problem = match status {
        StatusCode::BAD_REQUEST => ValidationError::field("message", "is required").into(),
        StatusCode::TOO_MANY_REQUESTS => problem::too_many_requests(Duration::from_secs(1)),
        StatusCode::INTERNAL_SERVER_ERROR => problem::internal_error(),
        StatusCode::SERVICE_UNAVAILABLE => Error::unavailable("queue", "").into(),
        StatusCode::NOT_FOUND => Problem::new(status, "no log entry has this id"),
        StatusCode::REQUEST_TIMEOUT => Problem::new(status, "the body took longer than 30 s"),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(status, "the body exceeds 10485760 bytes"),
        StatusCode::URI_TOO_LONG => Problem::new(status, "the request line exceeds 16 KiB"),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::new(status, "Content-Type must be application/json")
        }
        StatusCode::BAD_GATEWAY => Problem::new(status, "no replica is available; retry later"),
        StatusCode::GATEWAY_TIMEOUT => {
            let detail = "no replica responded in time, and the request may have been processed; \
                          retry later";
            Problem::new(status, detail)
        }
        _ => Problem::new(status, "see the description of this response"),
    };
    json!(problem)
}

fn header(name: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{name}") })
}

/// `RETRY-AFTER` becomes `Retry-After`: poem-openapi writes header names in upper case.
fn header_case(name: &str) -> String {
    let capitalise = |word: &str| match word.split_at_checked(1) {
        Some((first, tail)) => first.to_uppercase() + &tail.to_lowercase(),
        None => String::new(),
    };
    name.split('-').map(capitalise).collect::<Vec<_>>().join("-")
}
