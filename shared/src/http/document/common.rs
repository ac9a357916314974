//! The parts of the document that belong to no operation.

use serde_json::{Value, json};

use super::responses;

/// The description of the service.
const DESCRIPTION: &str = include_str!("description.md");

/// The document without operations.
pub(super) fn frame() -> Value {
    json!({
        // Client generators for Go and Rust do not support later versions.
        "openapi": "3.0.3",
        "info": {
            "title": "LogPulse",
            "version": crate::VERSION,
            "description": DESCRIPTION,
            "contact": { "name": "The operators of this server" },
            "license": { "name": "MIT", "url": "https://spdx.org/licenses/MIT.html" },
        },
        // Relative to the URL of the document.
        "servers": [{ "url": ".", "description": "The server that returned this document." }],
        "security": [],
        "tags": [],
        "paths": {},
        "components": {
            "headers": headers(),
            "responses": responses::shared(),
        },
    })
}

fn headers() -> Value {
    json!({
        "RateLimit": header(
            "string",
            "The client's remaining quota: `r` requests may follow immediately, more after `t` \
             seconds. Absent if requests are not limited: the rate limit is off, or the limiter is \
             unavailable.",
            &json!("\"client\";r=99;t=1"),
        ),
        "RateLimitPolicy": header(
            "string",
            "The token bucket of a client (an IPv4 address or an IPv6 /64): `q` tokens, refilled \
             within `w` seconds (draft-ietf-httpapi-ratelimit-headers-11).",
            &json!("\"client\";q=100;w=2"),
        ),
        "RequestId": header(
            "string",
            "Identifies the request in the log. A proxy may set it.",
            &json!("0190163d8694739baea5966c26f8ad91"),
        ),
        "RetryAfter": header("integer", "Seconds to wait before a retry.", &json!(1)),
    })
}

fn header(kind: &str, description: &str, example: &Value) -> Value {
    json!({ "description": description, "schema": { "type": kind }, "example": example })
}
