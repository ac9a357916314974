//! Loki: accepts log entries from Loki's clients and puts them on the queue.
//! `Stream, Entry -- in_stream --> NewLogEntry -- arrive --> LogEntry -- queue.publish --> 204`

mod body;
mod entry;
mod json;
mod labels;
mod protobuf;
mod readiness;
mod response;
mod sink;

use std::sync::Arc;

use poem::web::Data;
use poem_openapi::OpenApi;
use shared::http::{Function, ProblemResponse, Tag, Upload, document_of};
use shared::intake::shape::Names;
use shared::intake::{Intake, Limits, Protocol, Report};
use shared::queue::Producer;
use shared::{Arrival, TraceParent};

use body::PushBody;
use readiness::Readiness;
use response::{PushProblems, PushResponse, document_errors, text_of};

pub use body::{Form, decode};
pub use sink::Bounds;

/// The maximum number of rejected entries that a response lists.
const MAX_REJECTIONS: usize = 10;

/// The maximum entry size divided by this is the maximum size of a parsed line. An entry contains a
/// parsed line twice, with additional escapes.
const PARSED_LINE_DIVISOR: usize = 4;

/// The API, with the queue it publishes to, its limits, the field names it recognizes, and the
/// threads that parse large bodies.
pub struct Loki {
    intake: Intake,
    names: Arc<Names>,
}

/// The `loki` function, ready to serve.
#[must_use]
pub fn function(queue: Arc<dyn Producer>, limits: Limits) -> Function {
    let names = Arc::new(Names::standard());
    let loki = Loki { intake: Intake::new(Protocol::Loki, queue.clone(), limits), names };
    Function::ignoring_queries("loki", loki)
        .route("/ready", Readiness { queue: queue.clone() })
        .problems_as(text_of)
        .requires("queue", queue)
}

/// The function's OpenAPI document.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Loki>();
    document_errors(&mut document["paths"]["/loki/api/v1/push"]["post"]["responses"]);
    document
}

#[OpenApi]
impl Loki {
    /// Save log entries from a Loki client
    ///
    /// Accepts the push requests of Grafana Alloy, Promtail, Fluent Bit and Loki's logging
    /// libraries. `204` means that the entries are durable. Labels and structured metadata become
    /// the service name, the level and attributes. A line that is a JSON object or logfmt is
    /// parsed, and the original is kept as the attribute `log.record.original`. If some entries are
    /// invalid, the others are saved and the response is `204`, because clients would otherwise
    /// send all of them again or give up. If all are invalid, the response is `400`. Errors are
    /// plain text, as in Loki.
    #[oai(
        path = "/loki/api/v1/push",
        method = "post",
        operation_id = "pushLokiLogs",
        tag = "Tag::Logs"
    )]
    async fn push(
        &self,
        arrival: Data<&Arrival>,
        trace: Data<&TraceParent>,
        body: Upload<PushBody>,
    ) -> Result<PushResponse, ProblemResponse<PushProblems>> {
        let body = self.intake.read(body).await?;
        let (names, bounds) = (self.names.clone(), self.bounds());
        let report = Report { ids: false, max_rejections: MAX_REJECTIONS };
        let packer = self.intake.packer(**arrival, report);
        let pack = move |body| body::pack(body, &names, bounds, packer);
        let (entries, _body) = self.intake.pack(body, pack).await?;
        let outcome = self.intake.publish(entries, **trace).await?;
        Ok(PushResponse::try_from(outcome)?)
    }
}

impl Loki {
    fn bounds(&self) -> Bounds {
        let Limits { body, max_entry_bytes, .. } = self.intake.limits();
        Bounds {
            parsed_line_bytes: max_entry_bytes / PARSED_LINE_DIVISOR,
            label_bytes: body.max_decompressed_bytes(),
        }
    }
}
