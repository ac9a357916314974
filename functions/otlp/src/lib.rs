//! OTLP: accepts OpenTelemetry log records and puts them on the queue.
//! `LogRecord -- EntryBuilder --> NewLogEntry -- arrive --> LogEntry -- queue.publish --> 200`

mod decode;
mod entry;
mod id;
mod invalid;
mod json;
mod map_body;
mod members;
mod protobuf;
mod record;
mod request;
mod response;
mod severity;
mod value;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use shared::config::LimitsConfig;
use shared::http::{BodyLimits, Function, Problem, ProblemResponse, Tag, Upload, document_of};
use shared::intake::{Packer, Protocol, Report, Workers, count_rejected, start_counters};
use shared::queue::Producer;
use shared::{Arrival, TraceParent};

pub use decode::{Format, decode};
use request::ExportRequest;
use response::{ExportProblems, ExportResponse};

/// The maximum number of rejected records whose reasons are in a response.
const MAX_REJECTIONS: usize = 10;

/// The limits on the size of requests and entries.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The limits on request bodies.
    pub body: BodyLimits,
    /// The maximum size of an entry as stored, in bytes of JSON.
    pub max_entry_bytes: usize,
}

impl From<LimitsConfig> for Limits {
    fn from(config: LimitsConfig) -> Self {
        Self {
            body: BodyLimits::new(config.max_body_bytes, config.max_decompressed_bytes),
            max_entry_bytes: config.max_entry_bytes,
        }
    }
}

/// The API, with the queue it publishes to, its limits, and the threads that parse large bodies.
pub struct Otlp {
    queue: Arc<dyn Producer>,
    limits: Limits,
    workers: Workers,
}

/// The `otlp` function, ready to serve.
#[must_use]
pub fn function(queue: Arc<dyn Producer>, limits: Limits) -> Function {
    let otlp = Otlp { queue: queue.clone(), limits, workers: Workers::default() };
    start_counters(Protocol::Otlp);
    Function::ignoring_queries("otlp", otlp).problems_as(response::status).requires("queue", queue)
}

/// The function's OpenAPI document.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Otlp>();
    response::document_errors(&mut document);
    document
}

#[OpenApi]
impl Otlp {
    /// Export OpenTelemetry logs
    ///
    /// Accepts what the OTLP/HTTP exporters of the OpenTelemetry SDKs and of the Collector send: an
    /// `ExportLogsServiceRequest` in protobuf or JSON, also compressed with gzip, deflate, zstd or snappy.
    /// `200` means that the records are durable. The resource's `service.name` becomes the service
    /// name, the severity the level, and the attributes keep their names; the resource's other
    /// attributes are in `resource`. Records that can never be saved are counted in
    /// `partialSuccess`. If every record is rejected, the response is `400`. After `429` and `503`,
    /// exporters send the request again. Errors are a `google.rpc.Status`. Responses have the
    /// format of the request.
    #[oai(path = "/v1/logs", method = "post", operation_id = "exportLogs", tag = "Tag::Logs")]
    async fn export(
        &self,
        arrival: Data<&Arrival>,
        trace: Data<&TraceParent>,
        body: Upload<ExportRequest>,
    ) -> Result<ExportResponse, ProblemResponse<ExportProblems>> {
        let body = body.read(&self.limits.body).await.inspect_err(count_rejected_body)?;
        let format = Format::of(&body.media_type);
        let is_small = body.is_small();
        let max_entry_bytes = self.limits.max_entry_bytes;
        let report = Report { ids: false, max_rejections: MAX_REJECTIONS };
        let packer = Packer::new(Protocol::Otlp, **arrival, max_entry_bytes, report);
        let pack = move || request::pack(body, format, packer);
        let result = if is_small { pack() } else { self.workers.run(pack).await? };
        let (entries, _body) = result.inspect_err(count_rejected_body)?;
        let outcome = entries.publish(&*self.queue, **trace).await?;
        Ok(ExportResponse::new(format, outcome)?)
    }
}

/// Counts a body that could not be read, decoded or parsed as one rejected entry, because the
/// number of records in it is unknown.
fn count_rejected_body(problem: &Problem) {
    count_rejected(Protocol::Otlp, problem.into(), 1);
}
