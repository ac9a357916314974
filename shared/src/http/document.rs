//! The OpenAPI document: each API's own, and all of them joined into one.
//! What is true of every operation (429, 500, the rate limit's fields) is added here, once.

use std::marker::PhantomData;

use poem_openapi::{OpenApi, OpenApiService};
use serde_json::Value;

/// The document of the runtime's own operations.
pub fn document() -> Value {
    Value::Null
}
/// The document of an API, without an instance of it.
pub fn document_of<A: OpenApi>() -> Value {
    Value::Null
}
/// Joins.
pub fn join(_documents: Vec<Value>) -> anyhow::Result<Value> {
    Ok(Value::Null)
}
/// The document as the file has it.
pub fn to_text(document: &Value) -> String {
    document.to_string()
}
