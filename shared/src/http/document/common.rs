//! The parts of the document that all operations share: headers, and the responses 429 and 500.

use serde_json::{Value, json};

use super::members;
use crate::http::problem::PROBLEM_JSON;

/// The description of the service.
const DESCRIPTION: &str = include_str!("description.md");

/// The document without any operation.
pub(super) fn frame() -> Value {
    json!({
        "openapi": "3.0.0",
        "info": {
            "title": "LogPulse",
            "version": crate::VERSION,
            "description": DESCRIPTION,
            "license": { "name": "MIT", "url": "https://spdx.org/licenses/MIT.html" },
        },
        "servers": [{ "url": "/" }],
        "tags": [],
        "paths": {},
        "components": {
            "headers": {
                "RateLimit": header(
                    "string",
                    "The client's remaining quota: `r` requests may follow immediately, more after \
                     `t` seconds. Absent while the limiter is unavailable and requests are not \
                     limited.",
                    &json!("\"client\";r=99;t=1"),
                ),
                "RateLimitPolicy": header(
                    "string",
                    "The token bucket of a client (an IPv4 address or an IPv6 /64): `q` tokens, \
                     refilled within `w` seconds (draft-ietf-httpapi-ratelimit-headers-11).",
                    &json!("\"client\";q=100;w=2"),
                ),
                "RequestId": header(
                    "string",
                    "Identifies the request in the log. A proxy may set it.",
                    &json!("0190163d8694739baea5966c26f8ad91"),
                ),
                "RetryAfter": header("integer", "Seconds to wait before a retry.", &json!(1)),
            },
            "responses": {
                "InternalError": problem(
                    "Internal error; quote the `X-Request-Id` of the response when you report it.",
                ),
                "TooManyRequests": too_many_requests(),
            },
        },
    })
}

/// Adds the headers and responses that all operations share.
pub(super) fn complete(operation: &mut Value, is_limited: bool) {
    let responses = &mut operation["responses"];
    for (status, response) in members(responses) {
        if response["description"] == "" {
            response["description"] = json!("Success.");
        }
        if status == "503" {
            response["headers"]["Retry-After"] = reference("RetryAfter");
        }
        if let Some(headers) = response["headers"].as_object_mut() {
            let named = std::mem::take(headers).into_iter();
            *headers = named.map(|(name, header)| (header_case(&name), header)).collect();
        }
        response["headers"]["X-Request-Id"] = reference("RequestId");
        if is_limited {
            response["headers"]["RateLimit"] = reference("RateLimit");
            response["headers"]["RateLimit-Policy"] = reference("RateLimitPolicy");
        }
    }
    if is_limited {
        responses["429"] = json!({ "$ref": "#/components/responses/TooManyRequests" });
    }
    if responses["500"].is_null() {
        responses["500"] = json!({ "$ref": "#/components/responses/InternalError" });
    }
}

fn header(kind: &str, description: &str, example: &Value) -> Value {
    json!({ "description": description, "schema": { "type": kind }, "example": example })
}

fn problem(description: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    json!({ "description": description, "content": { PROBLEM_JSON: { "schema": schema } } })
}

fn too_many_requests() -> Value {
    let mut response = problem("The client's bucket is empty.");
    response["headers"] = json!({
        "RateLimit": reference("RateLimit"),
        "RateLimit-Policy": reference("RateLimitPolicy"),
        "Retry-After": reference("RetryAfter"),
    });
    response
}

fn reference(header: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{header}") })
}

/// `RETRY-AFTER` becomes `Retry-After`: poem-openapi writes header names in capitals.
fn header_case(name: &str) -> String {
    let capitalise = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) => first.to_uppercase() + &rest.to_lowercase(),
        None => String::new(),
    };
    name.split('-').map(capitalise).collect::<Vec<_>>().join("-")
}
