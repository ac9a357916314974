//! Tail: streams entries as they arrive.
//! `queue.follow -- hub --> matching entries --> Server-Sent Events or NDJSON`

mod catch_up;
mod hub;
mod listener;
mod parameters;
mod progress;
mod recent;
mod record;
mod stream;

use std::sync::Arc;

use poem::http::{HeaderMap, StatusCode};
use poem::{Body, Request, Response};
use poem_openapi::OpenApi;
use serde_json::json;
use shared::Error;
use shared::http::{
    Function, PROBLEM_JSON, Problem, ProblemResponse, Problems, Query, StreamFormat, Streamed, Tag,
    document_of,
};
use shared::queue::Follower;
use tokio_util::sync::CancellationToken;

use hub::{Hub, Refusal};
use listener::Selection;
use parameters::{StartAt, TailParameters};
use progress::EventId;
use stream::Format;

/// The header with the id of the last event that the client received.
const LAST_EVENT_ID: &str = "last-event-id";

/// The `Retry-After` value, in seconds, while too many clients listen.
const RETRY_AFTER_SECONDS: u32 = 10;

/// An example of Server-Sent Events in the OpenAPI document.
const SSE_EXAMPLE: &str = concat!(
    "id: 0190163d-8694-739b-aea5-966c26f8ad91@0:1204.1\n",
    r#"data: {"id":"0190163d-8694-739b-aea5-966c26f8ad91","timestamp":"2024-06-14T12:00:00.123456Z","#,
    r#""level":"ERROR","service_name":"payment-service","message":"connection timeout"}"#,
    "\n\n",
);

/// The same entry as NDJSON.
const NDJSON_EXAMPLE: &str = concat!(
    r#"{"id":"0190163d-8694-739b-aea5-966c26f8ad91","timestamp":"2024-06-14T12:00:00.123456Z","#,
    r#""level":"ERROR","service_name":"payment-service","message":"connection timeout"}"#,
    "\n",
);

/// The API, and the clients that listen.
pub struct Tail {
    hub: Arc<Hub>,
    shutdown: CancellationToken,
}

/// The function `tail`, ready to be served. Its streams end on shutdown.
#[must_use]
pub fn function(follower: Arc<dyn Follower>, shutdown: CancellationToken) -> Function {
    let tail = Tail { hub: Hub::new(follower.clone()), shutdown };
    Function::new("tail", tail).requires("queue", follower)
}

/// The OpenAPI document of the function.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Tail>();
    let get = &mut document["paths"]["/logs/tail"]["get"];
    let content = &mut get["responses"]["200"]["content"];
    content[Format::Sse.media_type()]["schema"]["example"] = json!(SSE_EXAMPLE);
    content[Format::Ndjson.media_type()]["schema"]["example"] = json!(NDJSON_EXAMPLE);
    get["responses"]["400"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::bad_parameter("sample", "must be 1/ and a whole number"));
    get["responses"]["503"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::from(Error::unavailable("queue", "")));
    document
}

#[OpenApi]
impl Tail {
    /// Stream log entries as they arrive
    ///
    /// Sends each entry that matches the filters as soon as it is accepted, as an event whose data is
    /// the entry. With `Accept: application/x-ndjson`, each entry is a line. An event `dropped` says
    /// how many entries were left out because the client reads too slowly, and an event `end` why the
    /// stream ends: `limit` or `shutdown`. A client that reconnects with `Last-Event-ID`, as
    /// browsers do, continues after its last event without loss or repetition, on any replica.
    #[oai(path = "/logs/tail", method = "get", operation_id = "tailLogs", tag = "Tag::Logs")]
    async fn tail(
        &self,
        request: &Request,
        Query(parameters): Query<TailParameters>,
    ) -> Result<Streamed<Format>, ProblemResponse<TailProblems>> {
        let condition = parameters.filters.condition()?;
        let format = Format::accepted(request.headers());
        let start = last_event(request.headers())?.map(StartAt::Event).or(parameters.from);
        let selection = Selection { condition, sample: parameters.sample };
        let subscription = match start {
            None => self.hub.listen(selection).await,
            Some(StartAt::Event(id)) => self.hub.resume(selection, id.progress).await,
            Some(StartAt::Time(time)) => self.hub.listen_since(selection, time).await,
        };
        let subscription = subscription.map_err(refused)?;
        let body = stream::body(format, subscription, parameters.limit, self.shutdown.clone());
        let response = Response::builder()
            .content_type(format.media_type())
            .header("Cache-Control", "no-store")
            .header("Vary", "Accept")
            // nginx would otherwise collect events before it sends them.
            .header("X-Accel-Buffering", "no");
        Ok(Streamed::new(response.body(Body::from_bytes_stream(body))))
    }
}

fn last_event(headers: &HeaderMap) -> Result<Option<EventId>, Problem> {
    let Some(id) = headers.get(LAST_EVENT_ID) else { return Ok(None) };
    if id.is_empty() {
        return Ok(None);
    }
    let id = id.to_str().map_err(|error| error.to_string());
    let id = id.and_then(|id| id.parse().map_err(str::to_owned));
    id.map(Some).map_err(|reason| Problem::bad_parameter("Last-Event-ID", reason))
}

fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Unavailable(error) => error.into(),
        Refusal::TooMany => {
            let detail = "too many clients listen or catch up; retry later";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(RETRY_AFTER_SECONDS)
        }
    }
}

struct TailProblems;

impl Problems for TailProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::BAD_REQUEST, "A filter or another parameter is invalid; `errors` names it."),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The queue is unavailable, or too many clients listen; retry later.",
        ),
    ];
}
