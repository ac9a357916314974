//! Ingest: accepts log entries and puts them on the queue.
//! `NewLogEntry -- arrive --> LogEntry -- queue.publish --> 201 {id}`

mod batch;
mod entry;
mod responses;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use serde_json::json;
use shared::http::{
    BodyContent, Function, Parameter, Parameters, Problem, ProblemResponse, Query, Reader, Tag,
    Upload, document_of,
};
use shared::intake::{Intake, Limits, Protocol, Report};
use shared::log_entry::UnknownFields;
use shared::queue::Producer;
use shared::{Arrival, TraceParent};

use batch::{BatchBody, NdjsonBody};
use entry::EntryBody;
use responses::{BatchResponse, SaveProblems, SaveResponse};

/// The protocol of all operations, in the metrics.
const PROTOCOL: Protocol = Protocol::Logs;

/// The maximum number of rejected lines that the response to a batch lists.
const MAX_LINE_ERRORS: usize = 100;

/// The API, with the queue it publishes to, its limits, and the threads that parse large bodies.
pub struct Ingest {
    intake: Intake,
}

/// The `ingest` function, ready to serve.
#[must_use]
pub fn function(queue: Arc<dyn Producer>, limits: Limits) -> Function {
    let ingest = Ingest { intake: Intake::new(PROTOCOL, queue.clone(), limits) };
    Function::new("ingest", ingest).requires("queue", queue)
}

/// The function's OpenAPI document.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Ingest>();
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    let error = json!({"line": 2, "detail": "message: is required"});
    let schemas = &mut document["components"]["schemas"];
    schemas["Saved"]["example"] = json!({"message": "Log saved", "id": id});
    schemas["Saved"]["properties"]["id"]["format"] = json!("uuid");
    schemas["LineError"]["example"] = error.clone();
    schemas["BatchSaved"]["example"] = json!({"accepted": 1, "rejected": 1, "errors": [error]});
    schemas["BatchSaved"]["properties"]["ids"]["example"] = json!([id]);
    // Poem-openapi cannot express these.
    schemas["BatchSaved"]["properties"]["ids"]["items"]["nullable"] = json!(true);
    schemas["BatchSaved"]["properties"]["errors"]["maxItems"] = json!(MAX_LINE_ERRORS);
    schemas["LineError"]["properties"]["line"]["minimum"] = json!(1);
    schemas["NewLogEntry"]["additionalProperties"] = json!(false);
    document["paths"]["/logs/ndjson"]["post"]["responses"]["201"]["description"] =
        json!("The accepted lines are durable; `errors` lists the rejected ones.");
    let saved = &mut document["paths"]["/logs"]["post"]["responses"]["201"];
    saved["headers"]["LOCATION"]["example"] = json!(format!("/logs/{id}"));
    saved["links"]["GetSavedLog"] = json!({
        "operationId": "getLog",
        "parameters": {"id": "$response.body#/id"},
        "description": "The saved entry.",
    });
    document
}

#[OpenApi]
impl Ingest {
    /// Save a log entry
    ///
    /// `201` means that the entry is durable: it is on the queue and survives a crash of any
    /// process. It can be fetched by its id and found by search soon after (`GET /logs/{id}` with
    /// `Prefer: wait=10` waits for it). After a `503` or a broken connection, the entry may or may
    /// not be saved; retry with your own `id` to avoid duplicates. The body may be compressed
    /// (`Content-Encoding: gzip`, `deflate`, `zstd` or `snappy`).
    #[oai(path = "/logs", method = "post", operation_id = "saveLog", tag = "Tag::Logs")]
    async fn save(
        &self,
        arrival: Data<&Arrival>,
        trace: Data<&TraceParent>,
        Query(parameters): Query<EntryParameters>,
        body: Upload<EntryBody>,
    ) -> Result<SaveResponse, ProblemResponse<SaveProblems>> {
        let body = self.intake.read(body).await?;
        let (arrival, limits) = (**arrival, self.intake.limits().clone());
        let pack = move |body| entry::pack(body, &arrival, parameters.unknown, &limits);
        let packed = self.intake.pack(body, pack).await?;
        let (entry, _body) = packed?;
        let id = self.intake.publish(entry, **trace).await?;
        Ok(SaveResponse::saved(id))
    }

    /// Save many log entries
    ///
    /// Each entry is accepted or rejected independently. `errors` lists the first 100 rejected
    /// lines, numbered from 1. The accepted entries are as durable as with `POST /logs`. A batch
    /// costs one token of the rate limit. If every entry is rejected, or a closing bracket is
    /// missing, the response is `400`. NDJSON (`application/x-ndjson`) is also accepted.
    #[oai(path = "/logs/batch", method = "post", operation_id = "saveLogs", tag = "Tag::Logs")]
    async fn save_batch(
        &self,
        arrival: Data<&Arrival>,
        trace: Data<&TraceParent>,
        Query(parameters): Query<BatchParameters>,
        body: Upload<BatchBody>,
    ) -> Result<BatchResponse, ProblemResponse<SaveProblems>> {
        Ok(self.save_entries(*arrival, *trace, parameters, body).await?)
    }

    /// Save log entries as NDJSON
    ///
    /// Like `POST /logs/batch`, with one JSON entry per line. Blank lines are ignored. The content
    /// type may be `application/octet-stream`, `application/json`, `text/plain`, any name for
    /// NDJSON (`application/x-ndjson`, `ndjson`, `x-jsonl`, `jsonl`, `x-jsonlines` or `jsonlines`),
    /// or absent.
    #[oai(
        path = "/logs/ndjson",
        method = "post",
        operation_id = "saveLogsNdjson",
        tag = "Tag::Logs"
    )]
    async fn save_ndjson(
        &self,
        arrival: Data<&Arrival>,
        trace: Data<&TraceParent>,
        Query(parameters): Query<BatchParameters>,
        body: Upload<NdjsonBody>,
    ) -> Result<BatchResponse, ProblemResponse<SaveProblems>> {
        Ok(self.save_entries(*arrival, *trace, parameters, body).await?)
    }
}

impl Ingest {
    /// Saves a batch in either format.
    async fn save_entries<C: BodyContent>(
        &self,
        arrival: &Arrival,
        trace: &TraceParent,
        parameters: BatchParameters,
        body: Upload<C>,
    ) -> Result<BatchResponse, Problem> {
        let body = self.intake.read(body).await?;
        let report = Report { ids: parameters.ids, max_rejections: MAX_LINE_ERRORS };
        let packer = self.intake.packer(*arrival, report);
        let pack = move |body| batch::pack(body, parameters.unknown, packer);
        let (entries, _body) = self.intake.pack(body, pack).await?;
        let outcome = self.intake.publish(entries, *trace).await?;
        BatchResponse::try_from(outcome)
    }
}

/// The query parameters of a request with one entry.
struct EntryParameters {
    unknown: UnknownFields,
}

impl Parameters for EntryParameters {
    fn read(query: &mut Reader) -> Self {
        Self { unknown: read_unknown(query) }
    }
}

/// The query parameters of a batch.
struct BatchParameters {
    ids: bool,
    unknown: UnknownFields,
}

impl Parameters for BatchParameters {
    fn read(query: &mut Reader) -> Self {
        let ids = Parameter {
            name: "ids",
            description: "Return the id of each entry, in order; null for rejected ones.",
            example: "true",
            synonyms: &[],
        };
        Self { ids: query.with_default(ids, false), unknown: read_unknown(query) }
    }
}

fn read_unknown(query: &mut Reader) -> UnknownFields {
    let unknown = Parameter {
        name: "unknown",
        description: "What to do with unknown fields: reject the entry, or keep them as \
                      attributes. If an attribute of the same name exists, a number is appended \
                      to the field's name.",
        example: "attributes",
        synonyms: &["unknown_fields", "additional"],
    };
    query.with_default(unknown, UnknownFields::Reject)
}
