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
use shared::http::{Function, ProblemResponse, Tag, Upload, document_of};
use shared::intake::{Intake, Limits, Protocol, Report};
use shared::queue::Producer;
use shared::{Arrival, TraceParent};

pub use decode::{Format, decode};
use request::ExportRequest;
use response::{ExportProblems, ExportResponse};

/// The maximum number of rejected records that a response explains.
const MAX_REJECTIONS: usize = 10;

/// The API, with the queue it publishes to, its limits, and the threads that parse large bodies.
pub struct Otlp {
    intake: Intake,
}

/// The `otlp` function, ready to serve.
#[must_use]
pub fn function(queue: Arc<dyn Producer>, limits: Limits) -> Function {
    let otlp = Otlp { intake: Intake::new(Protocol::Otlp, queue.clone(), limits) };
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
    /// Accepts the requests of the OTLP/HTTP exporters in the OpenTelemetry SDKs and the Collector:
    /// an `ExportLogsServiceRequest` in protobuf or JSON, also compressed with gzip, deflate, zstd
    /// or snappy. `200` means that the records are durable. The resource's `service.name` becomes
    /// the service name, the severity the level, and the attributes keep their names; the
    /// resource's other attributes are in `resource`. Records that can never be saved are counted
    /// in `partialSuccess`. If every record is rejected, the response is `400`. After `429` and
    /// `503`, exporters send the request again. Errors are a `google.rpc.Status`. Responses have
    /// the format of the request.
    #[oai(path = "/v1/logs", method = "post", operation_id = "exportLogs", tag = "Tag::Logs")]
    async fn export(
        &self,
        arrival: Data<&Arrival>,
        trace: Data<&TraceParent>,
        body: Upload<ExportRequest>,
    ) -> Result<ExportResponse, ProblemResponse<ExportProblems>> {
        let body = self.intake.read(body).await?;
        let format = Format::of(&body.media_type);
        let report = Report { ids: false, max_rejections: MAX_REJECTIONS };
        let packer = self.intake.packer(**arrival, report);
        let pack = move |body| request::pack(body, format, packer);
        let (entries, _body) = self.intake.pack(body, pack).await?;
        let outcome = self.intake.publish(entries, **trace).await?;
        Ok(ExportResponse::new(format, outcome)?)
    }
}
