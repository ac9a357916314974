//! Bulk: accepts log entries from clients of Elasticsearch and OpenSearch, and puts them on the
//! queue. `document -- shape --> NewLogEntry -- arrive --> LogEntry -- queue.publish --> 200
//! {items}`

mod action;
mod document;
mod documentation;
mod items;
mod pack;
mod probes;
mod protocol;
mod response_items;
mod single;

use std::sync::Arc;
use std::time::Instant;

use poem::http::{Method, StatusCode};
use poem::{Endpoint, Request, Response};
use poem_openapi::{ApiExtractor, ExtractParamOptions, OpenApi};
use serde_json::Value;
use shared::http::{Function, Problem, ProblemResponse, Tag, Upload, document_of};
use shared::intake::shape::Names;
use shared::intake::{Intake, Limits, Protocol, Report};
use shared::queue::Producer;
use shared::{Arrival, Timestamp, TraceParent};

pub use document::decode;
use documentation::{Actions, BulkResponse, SaveProblems};

/// LogPulse serves everything that it supports of Elasticsearch's API below this path.
const PREFIX: &str = "/elastic";

/// The queue that entries are published to, the limits, the threads that parse bodies, and the
/// field names that are recognized.
struct Bulk {
    intake: Intake,
    names: Arc<Names>,
}

/// The `bulk` function, ready to serve.
#[must_use]
pub fn function(queue: Arc<dyn Producer>, limits: Limits) -> Function {
    let names = Arc::new(Names::standard());
    let intake = Intake::new(Protocol::Elasticsearch, queue.clone(), limits.clone());
    let bulk = Arc::new(Bulk { intake, names });
    let mut function = Function::ignoring_queries("bulk", Api(bulk.clone())).route_for(
        Method::PUT,
        "/_bulk",
        SaveDocuments { bulk: bulk.clone(), index: None },
    );
    for (path, index) in [
        ("/:index/_bulk", None),
        // The router would otherwise read `_bulk` as the id in `/logs/{id}`.
        ("/logs/_bulk", Some("logs")),
        ("/elastic/_bulk", None),
        ("/elastic/:index/_bulk", None),
    ] {
        for method in [Method::POST, Method::PUT] {
            let save = SaveDocuments { bulk: bulk.clone(), index };
            function = function.route_for(method, path, save);
        }
    }
    function = single::add(function, &bulk);
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
    /// document follows a line with its action, `create` or `index`. A document may have any
    /// fields: those with common names become the entry's time, level, service and message, and the
    /// others become attributes. The index becomes the attribute `index`, and the service of
    /// documents that do not name one. The response has an item for each action; an item with a
    /// status of 400 or 413 was not saved and never will be. A document with an `_id` and a time in
    /// the last seven days is saved once, no matter how often it is sent in that week. The same
    /// operation also has the paths `/{index}/_bulk`, `/elastic/_bulk` and
    /// `/elastic/{index}/_bulk`, and accepts `PUT`; query parameters are ignored. A single document
    /// can also be sent to `/{index}/_doc`, `/{index}/_doc/{id}` and `/{index}/_create/{id}`.
    #[oai(path = "/_bulk", method = "post", operation_id = "saveDocuments", tag = "Tag::Logs")]
    async fn save(
        &self,
        request: &Request,
        body: Upload<Actions>,
    ) -> Result<BulkResponse, ProblemResponse<SaveProblems>> {
        Ok(BulkResponse(self.0.save(request, None, body).await?))
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
        let body = self.intake.read(body).await?;
        let packer = self.intake.packer(arrival, Report { ids: false, max_rejections: 0 });
        let (names, index_of_actions) = (self.names.clone(), index.clone());
        let pack = move |body| {
            let index = index_of_actions.as_deref();
            let request = pack::Request { index, arrival, names: &names };
            pack::pack(body, &request, packer)
        };
        let (entries, body) = self.intake.pack(body, pack).await?;
        let response = match self.intake.publish(entries, trace).await {
            Ok(response) => response,
            Err(error) => {
                let refuse = move || pack::refuse_all(error.into(), &body, index.as_deref());
                return Err(self.intake.run(refuse).await?);
            }
        };
        let json = response.into_json(started.elapsed().as_millis());
        Ok(protocol::respond(StatusCode::OK, request.headers(), json))
    }
}

/// When the request arrived, and its trace. The runtime sets both.
fn origin(request: &Request) -> (Arrival, TraceParent) {
    let arrival = request.data().copied().unwrap_or_else(|| Arrival::new(Timestamp::now()));
    (arrival, request.data().copied().unwrap_or_else(TraceParent::start))
}
