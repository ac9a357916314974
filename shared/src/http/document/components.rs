//! Moves the error responses and parameters that several operations share into components, so that
//! clients have one type for each.

use std::collections::BTreeMap;

use poem::http::StatusCode;
use serde_json::{Value, json};

use super::members;

/// The kind and the name of a component.
type Key = (&'static str, String);

/// Replaces each response and parameter that several operations share with a reference.
pub(super) fn share(document: &mut Value) {
    let mut found: BTreeMap<Key, Vec<Value>> = BTreeMap::new();
    visit(document, &mut |key, part| found.entry(key).or_default().push(part.clone()));
    let shared: BTreeMap<Key, Value> = found
        .into_iter()
        .filter_map(|(key, parts)| Some((key, repeated(&parts)?.clone())))
        .collect();
    visit(document, &mut |key, part| {
        if shared.get(&key) == Some(part) {
            let (kind, name) = key;
            *part = json!({ "$ref": format!("#/components/{kind}/{name}") });
        }
    });
    for ((kind, name), part) in shared {
        document["components"][kind][name] = part;
    }
}

/// The first part that occurs more than once.
fn repeated(parts: &[Value]) -> Option<&Value> {
    let mut positions = parts.iter().enumerate();
    positions.find(|(index, part)| parts[index + 1..].contains(part)).map(|(_, part)| part)
}

/// Visits the parameters and the error responses that are not yet references.
fn visit(document: &mut Value, visitor: &mut dyn FnMut(Key, &mut Value)) {
    let paths = members(&mut document["paths"]);
    for (_, operation) in paths.flat_map(|(_, operations)| members(operations)) {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            if let Some(name) = parameter["name"].as_str() {
                visitor(("parameters", component_name(name)), parameter);
            }
        }
        for (status, response) in members(&mut operation["responses"]) {
            let status: Option<StatusCode> = status.parse().ok();
            let is_error = status.is_some_and(|status| status.as_u16() >= 400);
            let reason = status.and_then(|status| status.canonical_reason());
            if let Some(reason) = reason.filter(|_| is_error && response.get("$ref").is_none()) {
                visitor(("responses", component_name(reason)), response);
            }
        }
    }
}

/// `service_name` and `Payload Too Large` become `ServiceName` and `PayloadTooLarge`.
fn component_name(text: &str) -> String {
    let mut name = String::new();
    for word in text.split([' ', '_', '-']) {
        let (first, tail) = word.split_at_checked(1).unwrap_or(("", word));
        name.push_str(&first.to_uppercase());
        name.push_str(tail);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_parts_that_operations_have_in_common_are_shared() {
        let operation = |status: &str, description: &str| {
            json!({
                "parameters": [{"name": "page_size", "in": "query"}],
                "responses": {status: {"description": description}, "200": {"description": "ok"}},
            })
        };
        let mut document = json!({"paths": {
            "/a": {"get": operation("413", "too large")},
            "/b": {"get": operation("413", "too large"), "post": operation("413", "larger")},
            "/c": {"get": operation("400", "bad")},
        }});
        share(&mut document);
        let parameter = json!({"$ref": "#/components/parameters/PageSize"});
        let response = json!({"$ref": "#/components/responses/PayloadTooLarge"});
        for (path, method, status, expected) in [
            ("/a", "get", "413", &response),
            ("/b", "get", "413", &response),
            ("/b", "post", "413", &json!({"description": "larger"})),
            ("/c", "get", "400", &json!({"description": "bad"})),
        ] {
            let operation = &document["paths"][path][method];
            assert_eq!(operation["parameters"], json!([parameter]));
            assert_eq!(&operation["responses"][status], expected, "{method} {path}");
            assert_eq!(operation["responses"]["200"]["description"], "ok");
        }
        let components = json!({
            "parameters": {"PageSize": {"name": "page_size", "in": "query"}},
            "responses": {"PayloadTooLarge": {"description": "too large"}},
        });
        assert_eq!(document["components"], components);
    }
}
