//! Copies the examples of schemas to where tools look for them: next to each parameter, header and
//! content, and into each property.

use serde_json::{Value, json};

use super::members;

/// Adds an example to every parameter, header, body, response and schema that lacks one.
pub(super) fn add(document: &mut Value) {
    for (_, schema) in members(&mut document["components"]["schemas"]) {
        let choice = schema.pointer("/enum/0").cloned();
        set_example(schema, choice.as_ref());
    }
    let components = document["components"].clone();
    let schemas = &components["schemas"];
    for (_, header) in members(&mut document["components"]["headers"]) {
        copy_into_schema(header);
    }
    let paths = members(&mut document["paths"]);
    for (_, operation) in paths.flat_map(|(_, operations)| members(operations)) {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            add_example(parameter, schemas);
            spread(&mut parameter["schema"]);
        }
        if let Some(content) = operation.pointer_mut("/requestBody/content") {
            add_to_content(content, schemas);
        }
        for (_, response) in members(&mut operation["responses"]) {
            if let Some(headers) = response.get_mut("headers") {
                members(headers).for_each(|(_, header)| copy_into_schema(header));
            }
            if let Some(content) = response.get_mut("content") {
                add_to_content(content, schemas);
            }
        }
    }
}

/// Copies the example of a schema into its properties, or its items.
fn spread(schema: &mut Value) {
    let Some(example) = schema.get("example").cloned() else { return };
    let properties = schema.get_mut("properties").map(members).into_iter().flatten();
    for (name, property) in properties {
        set_example(property, example.get(name));
    }
    if let Some(items) = schema.get_mut("items") {
        set_example(items, example.get(0));
    }
}

/// Sets the example of a schema, unless it has one or is a reference.
fn set_example(schema: &mut Value, example: Option<&Value>) {
    let has_example = schema.get("example").is_some() || schema.get("$ref").is_some();
    if let Some(example) = example.filter(|_| !has_example) {
        schema["example"] = example.clone();
    }
    spread(schema);
}

/// Copies the example of a header into its schema.
fn copy_into_schema(header: &mut Value) {
    if let Some(example) = header.get("example").cloned() {
        set_example(&mut header["schema"], Some(&example));
    }
}

fn add_to_content(content: &mut Value, schemas: &Value) {
    for (_, media) in members(content) {
        add_example(media, schemas);
        spread(&mut media["schema"]);
        let example = media.get("example").cloned();
        set_example(&mut media["schema"], example.as_ref());
    }
}

/// Copies a schema's example to its parameter or content.
fn add_example(target: &mut Value, schemas: &Value) {
    if target.get("example").is_none()
        && let Some(example) = example_of(&target["schema"], schemas)
    {
        target["example"] = example;
    }
}

/// The example of a schema, of the schema that it refers to, or of an array's items.
fn example_of(schema: &Value, schemas: &Value) -> Option<Value> {
    if let Some(example) = schema.get("example") {
        return Some(example.clone());
    }
    if let Some(items) = schema.get("items") {
        return Some(json!([example_of(items, schemas)?]));
    }
    let name = schema.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/")?;
    example_of(&schemas[name], schemas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_and_items_get_their_part_of_an_example() {
        let mut schema = json!({
            "example": {"a": [1, 2], "b": 3},
            "properties": {"a": {"items": {}}, "b": {"example": 4}, "c": {}, "d": {"$ref": "#"}},
        });
        spread(&mut schema);
        let expected = json!({
            "a": {"example": [1, 2], "items": {"example": 1}},
            "b": {"example": 4},
            "c": {},
            "d": {"$ref": "#"},
        });
        assert_eq!(schema["properties"], expected);
    }

    #[test]
    fn the_first_choice_is_an_example() {
        let schemas = json!({"A": {"enum": ["a", "b"]}, "B": {"enum": ["a"], "example": "b"}});
        let mut document = json!({"components": {"schemas": schemas}});
        add(&mut document);
        let schemas = &document["components"]["schemas"];
        assert_eq!(
            (&schemas["A"]["example"], &schemas["B"]["example"]),
            (&json!("a"), &json!("b"))
        );
    }

    #[test]
    fn an_example_is_found_through_references_and_arrays() {
        let schemas = json!({"A": {"example": {"a": 1}}, "B": {}});
        let array = json!({"type": "array", "items": {"$ref": "#/components/schemas/A"}});
        assert_eq!(example_of(&array, &schemas), Some(json!([{"a": 1}])));
        assert_eq!(example_of(&json!({"$ref": "#/components/schemas/B"}), &schemas), None);
    }
}
