//! Bulk: accepts log entries from clients of Elasticsearch and OpenSearch, and puts them on the
//! queue. `document -- shape --> NewLogEntry -- arrive --> LogEntry -- queue.publish --> 200
//! {items}`

mod action;
mod answer;
mod document;
mod documentation;
mod items;
mod pack;
mod probes;
mod protocol;

use std::sync::Arc;
use std::time::Instant;

use poem::http::{Method, StatusCode};
use poem::{Endpoint, Request, Response};
use poem_openapi::{ApiExtractor, ExtractParamOptions, OpenApi};
use serde_json::Value;
use shared::config::LimitsConfig;
use shared::http::{BodyLimits, Function, Problem, ProblemResponse, Tag, Upload, document_of};
use shared::intake::shape::Names;
use shared::intake::{Packer, Protocol, Report, Workers, count_rejected, start_counters};
use shared::queue::Producer;
use shared::{Arrival, Timestamp, TraceParent};

pub use document::decode;
use documentation::{Actions, Answered, SaveProblems};

/// The path below which LogPulse serves everything it supports of Elasticsearch's API.
const PREFIX: &str = "/elastic";

/// The protocol label in the metrics.
const PROTOCOL: Protocol = Protocol::Elasticsearch;

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

/// The queue that entries are published to, the limits, the threads that parse bodies, and the
/// field names that have a meaning.
struct Bulk {
    queue: Arc<dyn Producer>,
    limits: Limits,
    workers: Workers,
    names: Arc<Names>,
}

/// The `bulk` function, ready to serve.
#[must_use]
pub fn function(queue: Arc<dyn Producer>, limits: Limits) -> Function {
    let names = Arc::new(Names::standard());
    let workers = Workers::default();
    let bulk = Arc::new(Bulk { queue: queue.clone(), limits: limits.clone(), workers, names });
    start_counters(PROTOCOL);
    let mut function = Function::ignoring_queries("bulk", Api(bulk.clone())).route_for(
        Method::PUT,
        "/_bulk",
        SaveDocuments { bulk: bulk.clone(), index: None },
    );
    for (path, index) in [
        ("/:index/_bulk", None),
        // In `/logs/{id}`, this would be an id.
        ("/logs/_bulk", Some("logs")),
        ("/elastic/_bulk", None),
        ("/elastic/:index/_bulk", None),
    ] {
        for method in [Method::POST, Method::PUT] {
            let save = SaveDocuments { bulk: bulk.clone(), index };
            function = function.route_for(method, path, save);
        }
    }
    function = probes::add(function, &queue, &limits.body);
    function.requires("queue", queue).problems_as(protocol::format)
}

/// The function's OpenAPI document.
#[must_use]
pub fn document() -> Value {
    let mut document = document_of::<Api>();
    documentation::complete(&mut document);
    document
}

/// The operation in the OpenAPI document. The other paths are plain routes.
struct Api(Arc<Bulk>);

#[OpenApi]
impl Api {
    /// Save documents sent by clients of Elasticsearch
    ///
    /// The bulk API of Elasticsearch and OpenSearch, for shippers and loggers that support it. Each
    /// document follows a line with its action, `create` or `index`. A document may have any fields:
    /// those with the usual names become the entry's time, level, service and message, and the
    /// others become attributes. The index becomes the attribute `index`, and the service of
    /// documents that name none. The answer has an item for each action; an item with a status of
    /// 400 or 413 was not saved and never will be. A document with an `_id` is saved once, however
    /// often it is sent. The same operation also has the paths `/{index}/_bulk`, `/elastic/_bulk`
    /// and `/elastic/{index}/_bulk`, and accepts `PUT`; query parameters are ignored.
    #[oai(path = "/_bulk", method = "post", operation_id = "saveDocuments", tag = "Tag::Logs")]
    async fn save(
        &self,
        request: &Request,
        body: Upload<Actions>,
    ) -> Result<Answered, ProblemResponse<SaveProblems>> {
        Ok(Answered(self.0.save(request, None, body).await?))
    }
}

/// The same operation on another path.
struct SaveDocuments {
    bulk: Arc<Bulk>,
    /// The index in the path, if it is not a parameter.
    index: Option<&'static str>,
}

impl Endpoint for SaveDocuments {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let (request, body) = upload(request).await?;
        let index = self.index.or(request.raw_path_param("index")).map(str::to_owned);
        Ok(self.bulk.save(&request, index, body).await?)
    }
}

/// Separates the body from a request, as the extractor of the documented operation does.
async fn upload(request: Request) -> poem::Result<(Request, Upload<Actions>)> {
    let (request, mut body) = request.split();
    let upload = Upload::from_request(&request, &mut body, ExtractParamOptions::default()).await?;
    Ok((request, upload))
}

impl Bulk {
    /// Saves the documents, and responds once they are durable. Actions that do not name an index
    /// use `index`.
    async fn save(
        &self,
        request: &Request,
        index: Option<String>,
        body: Upload<Actions>,
    ) -> Result<Response, Problem> {
        let started = Instant::now();
        let (arrival, trace) = origin(request);
        let body = body.read(&self.limits.body).await.inspect_err(count_rejected_body)?;
        let report = Report { ids: false, max_rejections: 0 };
        let packer = Packer::new(PROTOCOL, arrival, self.limits.max_entry_bytes, report);
        let (names, index_of_actions) = (self.names.clone(), index.clone());
        let pack = move || {
            let index = index_of_actions.as_deref();
            let request = pack::Request { index, arrival, names: &names };
            pack::pack(body, &request, packer)
        };
        let result = self.workers.run(pack).await?;
        let (entries, body) = result.inspect_err(count_rejected_body)?;
        let answer = match entries.publish(&*self.queue, trace).await {
            Ok(answer) => answer,
            Err(error) => {
                let refuse = move || pack::refuse_all(error.into(), &body, index.as_deref());
                return Err(self.workers.run(refuse).await?);
            }
        };
        let json = answer.into_json(started.elapsed().as_millis());
        Ok(protocol::respond(StatusCode::OK, request.headers(), json))
    }
}

/// When the request arrived, and its trace. The runtime sets both.
fn origin(request: &Request) -> (Arrival, TraceParent) {
    let arrival = request.data().copied().unwrap_or_else(|| Arrival::new(Timestamp::now()));
    (arrival, request.data().copied().unwrap_or_else(TraceParent::start))
}

/// Counts a body that could not be read, decoded or parsed as one rejected entry, because the
/// number of entries in it is unknown.
fn count_rejected_body(problem: &Problem) {
    count_rejected(PROTOCOL, problem.into(), 1);
}
