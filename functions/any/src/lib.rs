//! Any: accepts records of any shape and puts them on the queue as log entries.
//! `Record -- into_entry --> NewLogEntry -- arrive --> LogEntry -- queue.publish --> 200`

mod body;
pub mod decode;
mod journal;
mod msgpack;
mod parameters;
mod responses;

use std::sync::Arc;

use poem::http::HeaderMap;
use poem::web::Data;
use poem_openapi::OpenApi;
use serde_json::json;
use shared::http::{Function, ProblemResponse, Query, Tag, Upload, document_of};
use shared::intake::shape::Names;
use shared::intake::{Intake, Limits, Protocol, Report};
use shared::queue::Producer;
use shared::{Arrival, TraceParent};

use body::AnyBody;
use parameters::AnyParameters;
use responses::{AnyProblems, AnyResponse};

/// The maximum number of rejected records that a response lists.
const MAX_ERRORS: usize = 100;

/// The API, with the queue it publishes to, its limits, the field names it recognizes, and the
/// threads that parse large bodies.
pub struct Any {
    intake: Intake,
    names: Arc<Names>,
}

/// The `any` function, ready to serve.
#[must_use]
pub fn function(queue: Arc<dyn Producer>, limits: Limits) -> Function {
    let names = Arc::new(Names::standard());
    let any = Any { intake: Intake::new(Protocol::Any, queue.clone(), limits), names };
    Function::new("any", any).requires("queue", queue)
}

/// The function's OpenAPI document.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Any>();
    let error = json!({"record": 2, "detail": "the entry must be a JSON object"});
    let schemas = &mut document["components"]["schemas"];
    schemas["RejectedRecord"]["example"] = error.clone();
    schemas["RecordsSaved"]["example"] = json!({"accepted": 1, "rejected": 1, "errors": [error]});
    // Poem-openapi cannot express these.
    schemas["RecordsSaved"]["properties"]["errors"]["maxItems"] = json!(MAX_ERRORS);
    schemas["RejectedRecord"]["properties"]["record"]["minimum"] = json!(1);
    document
}

#[OpenApi]
impl Any {
    /// Save records of any shape
    ///
    /// For loggers and shippers whose format cannot be changed. The body may be a JSON object, an
    /// array, NDJSON, concatenated JSON, an object with only the field `logs`, `records`, `events`
    /// or `lines` (an array), the `MessagePack` of Fluent Bit, the export format of the systemd
    /// journal, or plain text with one entry per line. The content type is optional, but if it is
    /// that of JSON, `MessagePack` or the journal, the body must have this format.
    /// `systemd-journal-upload` sends the same request to `/logs/any/upload`.
    ///
    /// LogPulse recognizes the time, level, service, message, trace id and span id by the names
    /// that common loggers use, also in nested objects; the query parameters add names that take
    /// precedence. All other fields become attributes, as does the original of a value that the
    /// entry cannot represent exactly, such as a time in nanoseconds. If a record has no message,
    /// its JSON becomes the message. A record is never rejected because of the value of a field,
    /// but only if it is empty, too large or malformed.
    ///
    /// Records are accepted or rejected independently, and the accepted ones are as durable as with
    /// `POST /logs`. If every record is rejected, the response is `400`.
    #[oai(path = "/logs/any", method = "post", operation_id = "saveAnyLogs", tag = "Tag::Logs")]
    async fn save(
        &self,
        arrival: Data<&Arrival>,
        trace: Data<&TraceParent>,
        headers: &HeaderMap,
        Query(parameters): Query<AnyParameters>,
        body: Upload<AnyBody>,
    ) -> Result<AnyResponse, ProblemResponse<AnyProblems>> {
        let context = parameters.context(&self.names, headers);
        let body = self.intake.read(body).await?;
        let packer =
            self.intake.packer(**arrival, Report { ids: false, max_rejections: MAX_ERRORS });
        let max_entry_bytes = self.intake.limits().max_entry_bytes;
        let pack = move |body| body::pack(body, &context, packer, max_entry_bytes);
        let (entries, _body) = self.intake.pack(body, pack).await?;
        let outcome = self.intake.publish(entries, **trace).await?;
        Ok(AnyResponse::try_from(outcome)?)
    }

    /// Save the entries of a journal
    ///
    /// `systemd-journal-upload` appends `/upload` to the path that it is given.
    #[oai(path = "/logs/any/upload", method = "post", hidden)]
    async fn upload(
        &self,
        arrival: Data<&Arrival>,
        trace: Data<&TraceParent>,
        headers: &HeaderMap,
        query: Query<AnyParameters>,
        body: Upload<AnyBody>,
    ) -> Result<AnyResponse, ProblemResponse<AnyProblems>> {
        self.save(arrival, trace, headers, query, body).await
    }
}
