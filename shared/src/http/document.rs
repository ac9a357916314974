//! The OpenAPI document: each API's own, and all of them joined into one.
//! What is true of every operation (429, 500, the rate limit's fields) is added here, once.

use std::marker::PhantomData;

use anyhow::{Context, bail, ensure};
use poem_openapi::{
    OpenApi, OpenApiService,
    registry::{MetaApi, Registry},
};
use serde_json::{Map, Value, json};

use super::{
    function::Table,
    health::{Health, PROBES},
    problem::PROBLEM_JSON,
};

/// What the service is, in the words of the document.
const DESCRIPTION: &str = include_str!("document.md");

/// The document of the operations that every function has: `/ping` and the probes.
#[must_use]
pub fn document() -> Value {
    document_of::<Health>()
}

/// The document of an API, without an instance of it.
#[must_use]
pub fn document_of<A: OpenApi>() -> Value {
    let spec = OpenApiService::new(Described::<A>(PhantomData), "", "").spec();
    // What poem-openapi has just written is JSON.
    serde_json::from_str(&spec).unwrap_or_default()
}

/// An API that describes what it does and does nothing.
struct Described<A>(PhantomData<A>);

impl<A: OpenApi> OpenApi for Described<A> {
    fn meta() -> Vec<MetaApi> {
        A::meta()
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
    }

    fn add_routes(self, _: &mut Table) {}
}

/// Joins documents into the one of the service.
///
/// # Errors
/// When two of them have the same operation, or say different things of the same component or tag.
pub fn join(documents: Vec<Value>) -> anyhow::Result<Value> {
    let mut joined = frame();
    for mut document in documents {
        add_paths(&mut joined["paths"], document["paths"].take())?;
        add_tags(&mut joined["tags"], document["tags"].take())?;
        for (kind, components) in entries(document["components"].take()) {
            for (name, component) in entries(components) {
                add(&mut joined["components"][&kind], &name, component)
                    .with_context(|| format!("two {kind} are called {name}"))?;
            }
        }
    }
    for (path, operations) in members(&mut joined["paths"]) {
        let limited = !PROBES.contains(&path.as_str());
        for (_, operation) in members(operations) {
            complete(operation, limited);
        }
    }
    Ok(joined)
}

/// The document as its file has it: keys in order, a line break at the end.
#[must_use]
pub fn to_text(document: &Value) -> String {
    format!("{document:#}\n")
}

/// The document before any operation.
fn frame() -> Value {
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
                    "How the client stands: `r` requests may follow at once, more in `t` seconds. \
                     Absent while the limiter is away: then nobody is limited.",
                    &json!("\"client\";r=99;t=1"),
                ),
                "RateLimitPolicy": header(
                    "string",
                    "The bucket of a client (an IPv4 address, or a /64 of IPv6): `q` tokens, full \
                     again after `w` seconds (draft-ietf-httpapi-ratelimit-headers-11).",
                    &json!("\"client\";q=100;w=2"),
                ),
                "RequestId": header(
                    "string",
                    "The request's name in the log; through a proxy, the one it gave.",
                    &json!("0190163d8694739baea5966c26f8ad91"),
                ),
                "RetryAfter": header(
                    "integer",
                    "Seconds to wait before the next try.",
                    &json!(1),
                ),
            },
            "responses": {
                "InternalError": problem("An error of ours. The log has it under `X-Request-Id`."),
                "TooManyRequests": too_many_requests(),
            },
        },
    })
}

fn header(kind: &str, description: &str, example: &Value) -> Value {
    json!({ "description": description, "schema": { "type": kind }, "example": example })
}

fn problem(description: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    json!({ "description": description, "content": { PROBLEM_JSON: { "schema": schema } } })
}

fn too_many_requests() -> Value {
    let mut answer = problem("The client's bucket is empty.");
    answer["headers"] = json!({
        "RateLimit": reference("RateLimit"),
        "RateLimit-Policy": reference("RateLimitPolicy"),
        "Retry-After": reference("RetryAfter"),
    });
    answer
}

fn reference(header: &str) -> Value {
    json!({ "$ref": format!("#/components/headers/{header}") })
}

/// Adds to an operation what is true of every one.
fn complete(operation: &mut Value, limited: bool) {
    let responses = &mut operation["responses"];
    for (status, response) in members(responses) {
        if response["description"] == "" {
            response["description"] = json!("The answer.");
        }
        if status == "503" {
            response["headers"]["Retry-After"] = reference("RetryAfter");
        }
        if let Some(headers) = response["headers"].as_object_mut() {
            *headers = std::mem::take(headers).into_iter().map(in_words).collect();
        }
        response["headers"]["X-Request-Id"] = reference("RequestId");
        if limited {
            response["headers"]["RateLimit"] = reference("RateLimit");
            response["headers"]["RateLimit-Policy"] = reference("RateLimitPolicy");
        }
    }
    if limited {
        responses["429"] = json!({ "$ref": "#/components/responses/TooManyRequests" });
    }
    if responses["500"].is_null() {
        responses["500"] = json!({ "$ref": "#/components/responses/InternalError" });
    }
}

/// poem-openapi writes the names of headers in capitals.
fn in_words((name, header): (String, Value)) -> (String, Value) {
    let word = |word: &str| match word.split_at_checked(1) {
        Some((first, rest)) => first.to_uppercase() + &rest.to_lowercase(),
        None => String::new(),
    };
    (name.split('-').map(word).collect::<Vec<_>>().join("-"), header)
}

fn add_paths(joined: &mut Value, paths: Value) -> anyhow::Result<()> {
    for (path, operations) in entries(paths) {
        for (method, operation) in entries(operations) {
            let there = &mut joined[&path][&method];
            ensure!(there.is_null(), "two functions have the operation {method} {path}");
            *there = operation;
        }
    }
    Ok(())
}

fn add_tags(joined: &mut Value, tags: Value) -> anyhow::Result<()> {
    let (Value::Array(joined), Value::Array(tags)) = (joined, tags) else {
        return Ok(());
    };
    for tag in tags {
        match joined.iter().find(|other| other["name"] == tag["name"]) {
            None => joined.push(tag),
            Some(other) if *other == tag => {}
            Some(_) => bail!("two descriptions of the tag {}", tag["name"]),
        }
    }
    Ok(())
}

/// Adds a component; the same one may come twice.
fn add(components: &mut Value, name: &str, component: Value) -> anyhow::Result<()> {
    let there = &mut components[name];
    ensure!(there.is_null() || *there == component, "and they differ");
    *there = component;
    Ok(())
}

fn entries(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(path: &str, method: &str, schema: &str) -> Value {
        json!({
            "paths": { path: { method: { "responses": { "200": { "description": "" } } } } },
            "components": { "schemas": { schema: { "type": "object", "title": path } } },
        })
    }

    #[test]
    fn operations_of_one_path_come_together() {
        let joined = join(vec![with("/a", "get", "A"), with("/a", "post", "A")]).unwrap();
        assert!(joined["paths"]["/a"]["get"].is_object());
        assert!(joined["paths"]["/a"]["post"].is_object());
        assert_eq!(joined["components"]["schemas"]["A"]["title"], "/a");
    }

    #[test]
    fn the_same_operation_twice_is_refused_by_name() {
        let error = join(vec![with("/a", "get", "A"), with("/a", "get", "B")]).unwrap_err();
        assert!(error.to_string().ends_with("get /a"), "{error}");
    }

    #[test]
    fn a_component_with_two_contents_is_refused_by_name() {
        let error = join(vec![with("/a", "get", "A"), with("/b", "get", "A")]).unwrap_err();
        assert_eq!(error.to_string(), "two schemas are called A");
    }

    #[test]
    fn every_operation_but_the_probes_tells_of_the_rate_limit() {
        let joined = join(vec![document()]).unwrap();
        let ping = &joined["paths"]["/ping"]["get"]["responses"];
        assert!(ping["200"]["headers"]["RateLimit"].is_object());
        assert!(ping["429"].is_object() && ping["500"].is_object());
        for probe in PROBES {
            let responses = &joined["paths"][probe]["get"]["responses"];
            assert!(responses["200"]["headers"]["RateLimit"].is_null(), "{probe}");
            assert!(responses["429"].is_null(), "{probe}");
        }
        let not_ready = &joined["paths"]["/readyz"]["get"]["responses"]["503"];
        assert!(not_ready["headers"]["Retry-After"].is_object());
    }
}
