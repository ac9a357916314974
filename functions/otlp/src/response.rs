//! The responses to export requests: an `ExportLogsServiceResponse` or a `google.rpc.Status`, in
//! the format of the request.

use poem::http::{HeaderMap, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, Registry};
use poem_openapi::types::{Example, Type};
use poem_openapi::{ApiResponse, Object};
use serde::Serialize;
use serde_json::{Value, json};
use shared::http::{Problem, Problems, document_problems};
use shared::intake::{Outcome, Rejection};
use shared::log_entry::FieldError;
use shared::protobuf::{push_bytes, push_varint};

use crate::decode::{Format, JSON};

/// An `ExportLogsServiceResponse`.
#[derive(Debug, Default, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", read_only_all, example)]
pub(crate) struct ExportLogsServiceResponse {
    /// The rejected records; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(skip_serializing_if_is_none)]
    partial_success: Option<PartialSuccess>,
}

/// The records that were rejected, because they can never be saved.
#[derive(Debug, Default, Serialize, Object)]
#[serde(rename_all = "camelCase")]
#[oai(rename_all = "camelCase", read_only_all, example)]
struct PartialSuccess {
    /// The number of rejected records.
    rejected_log_records: String,
    /// Why the first of them were rejected.
    error_message: String,
}

impl Example for ExportLogsServiceResponse {
    fn example() -> Self {
        Self { partial_success: Some(PartialSuccess::example()) }
    }
}

impl Example for PartialSuccess {
    fn example() -> Self {
        Self {
            rejected_log_records: "1".to_owned(),
            error_message: "log record 2: the entry exceeds 1048576 bytes".to_owned(),
        }
    }
}

/// The response to a request in this format.
pub(crate) struct ExportResponse {
    format: Format,
    message: ExportLogsServiceResponse,
}

impl ExportResponse {
    /// Returns a problem if every record was rejected.
    pub(crate) fn new(format: Format, outcome: Outcome) -> Result<Self, Problem> {
        let Outcome { accepted, rejected, rejections, .. } = outcome;
        let errors: Vec<FieldError> = rejections.into_iter().map(field_error).collect();
        if rejected > 0 && accepted == 0 {
            let detail = match rejected {
                1 => "the only log record was rejected".to_owned(),
                rejected => format!("all {rejected} log records were rejected"),
            };
            return Err(Problem { errors, ..Problem::new(StatusCode::BAD_REQUEST, detail) });
        }
        let partial_success = (rejected > 0).then(|| PartialSuccess {
            rejected_log_records: rejected.to_string(),
            error_message: errors.iter().map(FieldError::to_string).collect::<Vec<_>>().join("; "),
        });
        Ok(Self { format, message: ExportLogsServiceResponse { partial_success } })
    }
}

fn field_error(rejection: Rejection) -> FieldError {
    FieldError::new(format!("log record {}", rejection.position + 1), rejection.error.detail)
}

impl ExportLogsServiceResponse {
    fn to_protobuf(&self) -> Vec<u8> {
        let mut response = Vec::new();
        if let Some(PartialSuccess { rejected_log_records, error_message }) = &self.partial_success
        {
            let mut partial = Vec::new();
            push_varint(&mut partial, 1, rejected_log_records.parse().unwrap_or_default());
            push_bytes(&mut partial, 2, error_message.as_bytes());
            push_bytes(&mut response, 1, &partial);
        }
        response
    }
}

impl IntoResponse for ExportResponse {
    fn into_response(self) -> Response {
        match self.format {
            Format::Json => shared::http::Json(self.message).into_response(),
            Format::Protobuf => Response::builder()
                .content_type(self.format.media_type())
                .body(self.message.to_protobuf()),
        }
    }
}

/// The document only describes the response in JSON, because client generators support it.
impl ApiResponse for ExportResponse {
    fn meta() -> MetaResponses {
        let schema = ExportLogsServiceResponse::schema_ref();
        let response = MetaResponse {
            description: "The records are durable, except for those that `partialSuccess` counts.",
            status: Some(StatusCode::OK.as_u16()),
            status_range: None,
            content: vec![MetaMediaType { content_type: JSON, schema }],
            headers: Vec::new(),
        };
        MetaResponses { responses: vec![response] }
    }

    fn register(registry: &mut Registry) {
        ExportLogsServiceResponse::register(registry);
    }
}

/// Formats a problem as a `google.rpc.Status`, in the format of the request.
pub(crate) fn status(problem: &Problem, headers: &HeaderMap) -> Response {
    let format = format_of(headers);
    let code = code(problem.status);
    let errors = problem.errors.iter().map(FieldError::to_string);
    let details: Vec<String> = std::iter::once(problem.detail.clone()).chain(errors).collect();
    let message = details.join("; ");
    let body = match format {
        Format::Json => (json!({"code": code, "message": message}).to_string() + "\n").into_bytes(),
        Format::Protobuf => {
            let mut status = Vec::new();
            push_varint(&mut status, 1, code);
            push_bytes(&mut status, 2, message.as_bytes());
            status
        }
    };
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let response = Response::builder().status(status).content_type(format.media_type());
    response.header(header::CACHE_CONTROL, "no-store").body(body)
}

/// The format of the response to a request with these headers, which may be invalid.
fn format_of(headers: &HeaderMap) -> Format {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = sent.and_then(|sent| sent.split(';').next()).unwrap_or_default();
    Format::of(&media_type.trim().to_ascii_lowercase())
}

/// The `google.rpc.Code` of an HTTP status.
fn code(status: u16) -> u64 {
    const DEADLINE_EXCEEDED: u64 = 4;
    const NOT_FOUND: u64 = 5;
    const RESOURCE_EXHAUSTED: u64 = 8;
    const UNIMPLEMENTED: u64 = 12;
    const INTERNAL: u64 = 13;
    const UNAVAILABLE: u64 = 14;
    const INVALID_ARGUMENT: u64 = 3;
    match status {
        404 => NOT_FOUND,
        405 | 501 => UNIMPLEMENTED,
        408 => DEADLINE_EXCEEDED,
        429 => RESOURCE_EXHAUSTED,
        502..=504 => UNAVAILABLE,
        500.. => INTERNAL,
        _ => INVALID_ARGUMENT,
    }
}

/// Documents the errors as `google.rpc.Status`, including those that all operations share.
pub(crate) fn document_errors(document: &mut Value) {
    document["components"]["schemas"]["Status"] = json!({
        "type": "object",
        "description": "Why an export failed: a `google.rpc.Status`.",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "integer", "format": "int32", "description": "The `google.rpc.Code`."},
            "message": {"type": "string", "description": "What is wrong and how to correct it."},
        },
        "example": {"code": 14, "message": "the queue is unavailable; retry later"},
    });
    let responses = &mut document["paths"]["/v1/logs"]["post"]["responses"];
    document_problems::<ExportProblems>(
        responses,
        "The body is a `google.rpc.Status`.",
        |_| json!({JSON: {"schema": {"$ref": "#/components/schemas/Status"}}}),
    );
}

pub(crate) struct ExportProblems;

impl Problems for ExportProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::BAD_REQUEST, "No record was saved: the body or each record is invalid."),
        (StatusCode::REQUEST_TIMEOUT, "The body took longer than 30 s, or stalled for 5 s."),
        (
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body exceeds 10 MiB, or 64 MiB decompressed, or its entries exceed 128 MiB (default \
             limits).",
        ),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The content type or encoding is not supported."),
        (StatusCode::SERVICE_UNAVAILABLE, "The queue is full or unavailable; retry later."),
    ];
}
