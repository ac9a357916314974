//! LogPulse's OpenAPI document, merged from the functions' documents.
//! `make openapi` writes it to `openapi.json`; a test verifies that the file is up to date.

use serde_json::Value;

/// Returns the merged document of all functions.
///
/// # Errors
/// When two functions define the same operation, or the same component differently.
pub fn document() -> anyhow::Result<Value> {
    shared::http::join(vec![
        any::document(),
        ingest::document(),
        otlp::document(),
        bulk::document(),
        loki::document(),
        get::document(),
        delete::document(),
        context::document(),
        export::document(),
        stats::document(),
        fields::document(),
        patterns::document(),
        search::document(),
        tail::document(),
        shared::http::document(),
    ])
}

/// Returns the document as formatted in `openapi.json`.
///
/// # Errors
/// When [`document`] returns an error.
pub fn text() -> anyhow::Result<String> {
    Ok(shared::http::to_text(&document()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_document_is_up_to_date() {
        let committed = include_str!("../openapi.json");
        assert!(
            committed == text().unwrap(),
            "openapi/openapi.json is out of date: run `make openapi`"
        );
    }

    #[test]
    fn every_operation_has_a_description_and_a_unique_id() {
        let document = document().unwrap();
        let mut ids = Vec::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                for field in ["summary", "description", "operationId"] {
                    assert!(operation[field].is_string(), "{method} {path} has no {field}");
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
    fn every_reference_resolves() {
        let document = document().unwrap();
        let text = document.to_string();
        let references = text.split(r##""$ref":"#"##).skip(1);
        let references: Vec<&str> = references.filter_map(|text| text.split('"').next()).collect();
        assert!(!references.is_empty());
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }
}
