//! The body and the responses of the bulk API in the OpenAPI document.

use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{
    MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
};
use serde_json::{Value, json};
use shared::http::{BodyContent, Problems, document_problems};

const EXAMPLE: &str = concat!(
    r#"{"create":{"_index":"shop"}}"#,
    "\n",
    r#"{"@timestamp":"2024-06-14T12:00:00Z","log.level":"error","message":"card declined"}"#,
    "\n"
);

/// Action lines, each followed by its document. Any content type is accepted.
pub(crate) struct Actions;

impl BodyContent for Actions {
    const DESCRIPTION: &str = "Lines of JSON: an action, then its document.";

    /// Supported by every client generator.
    const MEDIA_TYPE: &str = "application/octet-stream";

    const ANY_MEDIA_TYPE: bool = true;

    fn schema() -> MetaSchemaRef {
        let lines = MetaSchema {
            description: Some("Each action and each document is on a line of its own."),
            example: Some(EXAMPLE.into()),
            ..MetaSchema::new_with_format("string", "binary")
        };
        MetaSchemaRef::Inline(Box::new(lines))
    }

    fn register(_: &mut Registry) {}
}

/// The response, written item by item.
pub(crate) struct BulkResponse(pub(crate) Response);

impl IntoResponse for BulkResponse {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for BulkResponse {
    fn meta() -> MetaResponses {
        // `complete` adds the schema, which is not in the registry.
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("object")));
        let response = MetaResponse {
            description: "Documents are durable if their items have the status 201.",
            status: Some(200),
            status_range: None,
            content: vec![MetaMediaType { content_type: "application/json", schema }],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(_: &mut Registry) {}
}

pub(crate) struct SaveProblems;

impl Problems for SaveProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (
            StatusCode::BAD_REQUEST,
            "No document was saved: a line is not an action, or an action has no document.",
        ),
        (StatusCode::REQUEST_TIMEOUT, "The body took longer than 30 s, or stalled for 5 s."),
        (
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body exceeds 10 MiB, or 64 MiB decompressed, or its entries exceed 128 MiB (default \
             limits).",
        ),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The content encoding is not supported."),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "Treat all documents as not saved: the queue is full or unavailable, or the \
             client's bucket is empty. Send all of them again later.",
        ),
    ];
}

/// Adds the schemas and the format of the errors.
pub(crate) fn complete(document: &mut Value) {
    document["components"]["schemas"] = json!({
        "BulkAnswer": bulk_response(),
        "BulkItem": item(),
        "ElasticError": error(),
        "ElasticErrorCause": cause(),
    });
    let responses = &mut document["paths"]["/_bulk"]["post"]["responses"];
    let response = json!({ "schema": { "$ref": "#/components/schemas/BulkAnswer" } });
    responses["200"]["content"] = json!({ "application/json": response });
    document_problems::<SaveProblems>(
        responses,
        "The body is an error in Elasticsearch's format.",
        |status| {
            let schema = json!({ "$ref": "#/components/schemas/ElasticError" });
            let example = error_example(status.as_u16());
            json!({ "application/json": { "schema": schema, "example": example } })
        },
    );
    // Never sent: the rate limit returns 503, because several clients drop documents on 429.
    responses["429"] = Value::Null;
}

fn bulk_response() -> Value {
    let created = json!({ "create": item_example() });
    json!({
        "type": "object",
        "description": "The outcome of each action, in order.",
        "required": ["took", "errors", "items"],
        "properties": {
            "took": {
                "type": "integer",
                "format": "int64",
                "minimum": 0,
                "description": "How long the request took, in milliseconds.",
            },
            "errors": { "type": "boolean", "description": "Whether an action was refused." },
            "items": {
                "type": "array",
                "description": "An item for each action, keyed by the name of its operation.",
                "items": {
                    "type": "object",
                    "additionalProperties": { "$ref": "#/components/schemas/BulkItem" },
                },
            },
        },
        "example": { "took": 3, "errors": false, "items": [created] },
    })
}

fn item_example() -> Value {
    json!({
        "_index": "shop",
        "_id": "0190163d-8694-739b-aea5-966c26f8ad91",
        "_version": 1,
        "result": "created",
        "status": 201,
    })
}

fn item() -> Value {
    json!({
        "type": "object",
        "description": "The outcome of an action.",
        "required": ["_index", "_id", "status"],
        "example": item_example(),
        "properties": {
            "_index": { "type": "string", "description": "The index that the action names." },
            "_id": {
                "type": "string",
                "nullable": true,
                "description": "The `_id` that the action names, or the id of the entry.",
            },
            "_version": {
                "type": "integer",
                "format": "int64",
                "description": "Always 1: entries do not change.",
            },
            "result": { "type": "string", "description": "`created`." },
            "status": {
                "type": "integer",
                "format": "int32",
                "description": "201, or why the document can never be saved: 400 or 413.",
            },
            "error": { "$ref": "#/components/schemas/ElasticErrorCause" },
        },
    })
}

fn error() -> Value {
    json!({
        "type": "object",
        "description": "Why a request failed.",
        "required": ["error", "status"],
        "properties": {
            "error": { "$ref": "#/components/schemas/ElasticErrorCause" },
            "status": {
                "type": "integer",
                "format": "int32",
                "description": "The status of the response.",
            },
        },
        "example": error_example(400),
    })
}

fn cause() -> Value {
    json!({
        "type": "object",
        "description": "What is wrong, and what to do about it.",
        "required": ["type", "reason"],
        "properties": {
            "type": { "type": "string", "description": "Elasticsearch's name for the error." },
            "reason": { "type": "string", "description": "What is wrong." },
        },
        "example": cause_example(400),
    })
}

fn error_example(status: u16) -> Value {
    json!({ "error": cause_example(status), "status": status })
}

fn cause_example(status: u16) -> Value {
    let (kind, reason) = match status {
        408 => ("receive_timeout_transport_exception", "the body took longer than 30 s"),
        413 => ("content_too_long_exception", "the body exceeds 10485760 bytes"),
        415 => (
            "media_type_header_exception",
            "Content-Encoding must be gzip, deflate, zstd, snappy or absent",
        ),
        500 => ("exception", "internal error"),
        503 => ("es_rejected_execution_exception", "the queue is unavailable; retry later"),
        _ => ("illegal_argument_exception", "request body is required"),
    };
    json!({ "type": kind, "reason": reason })
}
