//! The OpenAPI document of the service: what each function says of itself, joined.
//! `openapi.json` is this document, written by `make openapi`; a test holds the two together.

use serde_json::Value;

/// The document of all functions.
///
/// # Errors
/// When two functions have the same operation or say different things of the same component.
pub fn document() -> anyhow::Result<Value> {
    shared::http::join(vec![
        ingest::document(),
        get::document(),
        search::document(),
        shared::http::document(),
    ])
}

/// The document as `openapi.json` holds it.
///
/// # Errors
/// As [`document`].
pub fn text() -> anyhow::Result<String> {
    Ok(shared::http::to_text(&document()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_the_one_that_the_functions_describe() {
        let committed = include_str!("../openapi.json");
        assert!(
            committed == text().unwrap(),
            "openapi/openapi.json is out of date: run `make openapi`"
        );
    }

    #[test]
    fn every_operation_is_described_and_has_an_id_of_its_own() {
        let document = document().unwrap();
        let mut ids = Vec::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                for text in ["summary", "description", "operationId"] {
                    assert!(operation[text].is_string(), "{method} {path} has no {text}");
                }
                ids.push(operation["operationId"].to_string());
            }
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "{ids:?}");
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document().unwrap();
        let text = document.to_string();
        let references = text.split(r##""$ref":"#"##).skip(1);
        let references: Vec<&str> = references.filter_map(|rest| rest.split('"').next()).collect();
        assert!(!references.is_empty());
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }
}
