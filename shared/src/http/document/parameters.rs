//! Lists an operation's query parameters individually in the document. Poem-openapi combines them
//! into one parameter with an object schema.

use poem_openapi::registry::{MetaOperationParam, MetaParamIn, MetaSchema, MetaSchemaRef};
use serde_json::{Value, json};

use super::members;

/// The individual parameters that `parameter` combines.
pub(super) fn split(parameter: MetaOperationParam) -> Vec<MetaOperationParam> {
    match parameter.schema {
        MetaSchemaRef::Inline(schema)
            if parameter.in_type == MetaParamIn::Query && schema.ty == "object" =>
        {
            schema.properties.into_iter().map(query_parameter).collect()
        }
        _ => vec![parameter],
    }
}

/// Moves each parameter schema that has a title into the components.
pub(super) fn name_types(document: &mut Value) {
    let mut named = Vec::new();
    let paths = members(&mut document["paths"]);
    for (_, operation) in paths.flat_map(|(_, operations)| members(operations)) {
        let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            if let Some(title) = parameter["schema"]["title"].as_str().map(str::to_owned) {
                let reference = json!({ "$ref": format!("#/components/schemas/{title}") });
                let mut schema = std::mem::replace(&mut parameter["schema"], reference);
                let values = format!("The values of {} in {id}.", parameter["name"]);
                schema["description"] = json!(values);
                named.push((title, schema));
            }
        }
    }
    for (title, schema) in named {
        document["components"]["schemas"][title] = schema;
    }
}

fn query_parameter((name, schema): (&'static str, MetaSchemaRef)) -> MetaOperationParam {
    let description = match &schema {
        MetaSchemaRef::Inline(schema) => schema.description.map(str::to_owned),
        MetaSchemaRef::Reference(_) => None,
    };
    let schema = match schema {
        MetaSchemaRef::Inline(schema) => {
            MetaSchemaRef::Inline(Box::new(MetaSchema { description: None, ..*schema }))
        }
        reference @ MetaSchemaRef::Reference(_) => reference,
    };
    MetaOperationParam {
        name: name.to_owned(),
        schema,
        in_type: MetaParamIn::Query,
        description,
        required: false,
        deprecated: false,
        explode: true,
        style: None,
    }
}
