//! The OpenAPI document, with examples.

use serde_json::json;
use shared::Error;
use shared::http::{PROBLEM_JSON, Problem, document_of};

use crate::{Delete, disabled, no_filter, too_many_jobs};

/// The function's OpenAPI document.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Delete>();
    let job = json!({
        "id": "0190163d-8694-739b-aea5-966c26f8ad91",
        "state": "running",
        "created": "2024-06-14T12:00:00.000000Z",
        "filters": {"q": "card declined", "service_name": ["payment"]},
        "matched": 100_000,
        "deleted": 42_000,
    });
    let schemas = &mut document["components"]["schemas"];
    schemas["DeleteFilters"]["example"] = job["filters"].clone();
    let properties = &mut schemas["DeleteFilters"]["properties"];
    properties["fuzzy"]["example"] = json!(true);
    for (name, value) in [
        ("level", "ERROR"),
        ("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"),
        ("span_id", "00f067aa0ba902b7"),
    ] {
        properties[name]["example"] = json!([value]);
        properties[name]["items"]["example"] = json!(value);
    }
    let properties = &mut schemas["DeleteJob"]["properties"];
    properties["finished"]["example"] = json!("2024-06-14T12:00:10.000000Z");
    properties["error"]["example"] = json!("the query can no longer be evaluated");
    schemas["DeleteJob"]["example"] = job;
    for (path, method) in
        [("/logs/{id}", "delete"), ("/logs/delete", "post"), ("/logs/delete/{id}", "get")]
    {
        let responses = &mut document["paths"][path][method]["responses"];
        responses["503"]["content"][PROBLEM_JSON]["example"] =
            json!(Problem::from(Error::unavailable("store", "")));
        if method != "get" {
            responses["403"]["content"][PROBLEM_JSON]["example"] = json!(disabled());
        }
    }
    document["paths"]["/logs/{id}"]["delete"]["responses"]["404"]["headers"] = json!({
        "Retry-After": {"$ref": "#/components/headers/RetryAfter"},
    });
    let post = &mut document["paths"]["/logs/delete"]["post"]["responses"];
    post["200"]["content"]["application/json"]["example"] = json!({"matched": 100_000});
    // poem-openapi writes the names of headers in upper case.
    let location = &mut post["202"]["headers"]["LOCATION"];
    location["schema"]["example"] = json!("/logs/delete/0190163d-8694-739b-aea5-966c26f8ad91");
    location["example"] = location["schema"]["example"].clone();
    post["400"]["content"][PROBLEM_JSON]["example"] = json!(no_filter());
    post["409"]["content"][PROBLEM_JSON]["example"] = json!(too_many_jobs());
    document
}
