//! Adapts poem-openapi's output to client generators.

use serde_json::{Map, Value, json};

/// Rewrites every schema and parameter within `value`.
pub(super) fn tidy(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in &mut *members {
                if !matches!(name.as_str(), "example" | "examples" | "default") {
                    tidy(member);
                }
            }
            tidy_members(members);
        }
        Value::Array(elements) => elements.iter_mut().for_each(tidy),
        Value::Number(number) => {
            let whole = number.as_f64().filter(|number| number.fract() == 0.0);
            #[expect(clippy::cast_possible_truncation, reason = "limits are small")]
            if let Some(whole) = whole {
                *value = json!(whole as i64);
            }
        }
        _ => {}
    }
}

fn tidy_members(members: &mut Map<String, Value>) {
    // Response types are marked read-only so that poem-openapi requires no parser for them, but
    // some client generators make every read-only field optional.
    remove_if(members, "readOnly", &json!(true));
    remove_if(members, "deprecated", &json!(false));
    remove_if(members, "explode", &json!(true));
    // The description of a property that refers to a schema is written twice.
    let description = json!({ "description": members.get("description") });
    if let Some(Value::Array(parts)) = members.get_mut("allOf") {
        parts.retain(|part| *part != description);
    }
    if members.get("additionalProperties") == Some(&json!({})) {
        members.insert("additionalProperties".to_owned(), json!(true));
    }
    // OpenAPI has no unsigned formats, and some client generators treat an unknown format as
    // 32-bit.
    let signed = match members.get("format").and_then(Value::as_str) {
        Some("uint16") => "int32",
        Some("uint32" | "uint64") => "int64",
        _ => return,
    };
    members.insert("format".to_owned(), json!(signed));
    members.entry("minimum").or_insert(json!(0));
}

fn remove_if(members: &mut Map<String, Value>, name: &str, value: &Value) {
    if members.get(name) == Some(value) {
        members.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsigned_numbers_become_signed_with_a_minimum_of_zero() {
        let mut schema = json!({"type": "integer", "format": "uint64"});
        tidy(&mut schema);
        assert_eq!(schema, json!({"type": "integer", "format": "int64", "minimum": 0}));
        let mut limit = json!({"format": "int32", "minimum": 1.0, "maximum": 1000.0});
        tidy(&mut limit);
        assert_eq!(limit.to_string(), r#"{"format":"int32","maximum":1000,"minimum":1}"#);
    }

    #[test]
    fn read_only_and_redundant_fields_are_removed() {
        let mut schema = json!({"properties": {"a": {"readOnly": true}, "b": {"explode": true}}});
        tidy(&mut schema);
        assert_eq!(schema, json!({"properties": {"a": {}, "b": {}}}));
    }

    #[test]
    fn the_description_of_a_reference_is_written_once() {
        let reference = json!({"$ref": "#/components/schemas/A"});
        let mut schema =
            json!({"description": "a", "allOf": [reference, {"description": "a"}, {"title": "t"}]});
        tidy(&mut schema);
        assert_eq!(schema, json!({"description": "a", "allOf": [reference, {"title": "t"}]}));
    }

    #[test]
    fn examples_are_not_changed() {
        let example = json!({"example": {"format": "uint64", "readOnly": true, "number": 1.0}});
        let mut schema = example.clone();
        tidy(&mut schema);
        assert_eq!(schema, example);
    }
}
