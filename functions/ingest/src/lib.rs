//! Ingest: takes log entries at once and puts them safely on the queue.
//! `NewLogEntry -- arrive --> LogEntry -- queue.publish --> 201 {id}`

mod batch;
mod figures;

use std::sync::Arc;
use std::thread::available_parallelism;

use poem::http::StatusCode;
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::registry::{MetaMediaType, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Serialize;
use serde_json::json;
use shared::config::LimitsConfig;
use shared::http::{
    BodyContent, BodyLimits, Function, Json, Problem, ProblemResponse, Problems, Tag, Upload,
    document_of,
};
use shared::queue::{Producer, Record};
use shared::telemetry::{INGEST_METRICS, start_counters};
use shared::{Arrival, EntryId, NewLogEntry, TraceParent};
use tokio::sync::Semaphore;

use batch::{BatchSaved, ManyEntries, pack, pack_one};

/// How large a request and an entry may be.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Of a body, as sent and as decompressed.
    pub body: BodyLimits,
    /// Of an entry as it is kept, in bytes of JSON.
    pub max_entry_bytes: usize,
}

/// The function: the queue that it writes to, and its limits.
pub struct Ingest {
    queue: Arc<dyn Producer>,
    limits: Limits,
    /// A turn for each processor, to parse what is large.
    processors: Arc<Semaphore>,
}

impl From<LimitsConfig> for Limits {
    fn from(config: LimitsConfig) -> Self {
        let body = BodyLimits::new(config.max_body_bytes);
        Self { body, max_entry_bytes: config.max_entry_bytes }
    }
}

/// The function `ingest`, ready to be served.
#[must_use]
pub fn function(queue: Arc<dyn Producer>, limits: Limits) -> Function {
    let processors = Arc::new(Semaphore::new(available_parallelism().map_or(1, usize::from)));
    let ingest = Ingest { queue: queue.clone(), limits, processors };
    start_counters(&INGEST_METRICS);
    Function::new("ingest", ingest).requires("queue", queue)
}

/// What the function answers, as an OpenAPI document.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Ingest>();
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    let saved = json!({"message": "Log saved", "id": id});
    let error = json!({"line": 2, "detail": "message: is required"});
    let batch = json!({"accepted": 1, "rejected": 1, "errors": [error], "ids": [id, null]});
    let schemas = &mut document["components"]["schemas"];
    schemas["Saved"]["example"] = saved;
    schemas["Saved"]["properties"]["id"]["format"] = json!("uuid");
    schemas["BatchSaved"]["example"] = batch;
    // poem-openapi does not say that the items of an array may be null.
    schemas["BatchSaved"]["properties"]["ids"]["items"] =
        json!({"type": "string", "format": "uuid", "nullable": true});
    document
}

#[OpenApi]
impl Ingest {
    /// Save a log entry
    ///
    /// `201` means that the entry survives the crash of any process: it is on the queue, and will
    /// be found by its id and by search shortly after (`GET /logs/{id}` with `Prefer: wait=10`
    /// waits for it). `503` and a broken connection say nothing: send it again; with an `id` of
    /// your own that is safe. The body may be compressed (`Content-Encoding: gzip` or `zstd`).
    #[oai(path = "/logs", method = "post", operation_id = "saveLog", tag = "Tag::Logs")]
    async fn save(
        &self,
        arrival: Data<&Arrival>,
        trace: Data<&TraceParent>,
        body: Upload<OneEntry>,
    ) -> Result<SaveResponse, ProblemResponse<SaveProblems>> {
        let saved = self.take(**arrival, **trace, body).await;
        let id = saved.inspect_err(|problem| figures::refused_by(problem, 1))?;
        figures::accepted(1);
        Ok(SaveResponse::saved(id))
    }

    /// Save many log entries
    ///
    /// Each entry is taken or refused by itself: `errors` tells the lines that were refused (from
    /// 1, the first 100), everything else is as safe as with `POST /logs`. A batch costs one token
    /// of the rate limit. If no entry can be taken, the answer is `400`.
    #[oai(path = "/logs/batch", method = "post", operation_id = "saveLogs", tag = "Tag::Logs")]
    async fn save_batch(
        &self,
        arrival: Data<&Arrival>,
        trace: Data<&TraceParent>,
        /// Answer the id of each line that is not blank, null where it was refused.
        #[oai(default)]
        ids: Query<bool>,
        body: Upload<ManyEntries>,
    ) -> Result<BatchResponse, ProblemResponse<SaveProblems>> {
        let body = body.read(&self.limits.body).await;
        let body = body.inspect_err(|problem| figures::refused_by(problem, 1))?;
        let (arrival, max_bytes) = (**arrival, self.limits.max_entry_bytes);
        let packed = self.work(false, move || pack(body, &arrival, max_bytes, *ids)).await?;
        let saved = packed.answer;
        let published = self.publish(packed.records, **trace).await;
        published.inspect_err(|problem| figures::refused_by(problem, saved.accepted))?;
        figures::accepted(saved.accepted);
        Ok(BatchResponse::Saved(Json(saved)))
    }
}

impl Ingest {
    async fn take(
        &self,
        arrival: Arrival,
        trace: TraceParent,
        body: Upload<OneEntry>,
    ) -> Result<EntryId, Problem> {
        let body = body.read(&self.limits.body).await?;
        let max_bytes = self.limits.max_entry_bytes;
        let is_small = body.is_small();
        let packed = self.work(is_small, move || pack_one(body, &arrival, max_bytes)).await?;
        self.publish(packed.records, trace).await?;
        Ok(packed.answer)
    }

    /// Puts records on the queue, as parts of the request's trace.
    async fn publish(&self, records: Vec<Record>, trace: TraceParent) -> Result<(), Problem> {
        let traced = records.into_iter().map(|record| record.traced(trace)).collect();
        Ok(self.queue.publish(traced).await?)
    }

    /// Does what takes a processor for a while: here if it is light, else where no other request
    /// waits for it, on as many threads at once as there are processors.
    async fn work<T: Send + 'static>(
        &self,
        is_small: bool,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        if is_small {
            return work();
        }
        let turn = self.processors.clone().acquire_owned().await.map_err(|_| stopped())?;
        let in_turn = move || {
            // The work keeps its turn even if the client has gone.
            let _turn = turn;
            work()
        };
        match tokio::task::spawn_blocking(in_turn).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(stopped()),
        }
    }
}

fn stopped() -> Problem {
    let detail = "the service is stopping: try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1)
}

/// The body of `POST /logs`.
struct OneEntry;

impl BodyContent for OneEntry {
    fn content() -> Vec<MetaMediaType> {
        vec![MetaMediaType { content_type: "application/json", schema: NewLogEntry::schema_ref() }]
    }

    fn register(registry: &mut Registry) {
        NewLogEntry::register(registry);
    }
}

#[derive(Debug, Serialize, Object)]
#[oai(read_only_all)]
struct Saved {
    /// `Log saved`.
    message: &'static str,
    /// The entry's id: a `UUIDv7`.
    id: String,
}

#[derive(ApiResponse)]
enum SaveResponse {
    /// The entry is safe.
    #[oai(status = 201)]
    Saved(
        Json<Saved>,
        /// Where the entry is found.
        #[oai(header = "Location")]
        String,
    ),
}

impl SaveResponse {
    fn saved(id: EntryId) -> Self {
        let saved = Saved { message: "Log saved", id: id.to_string() };
        let location = format!("/logs/{id}");
        Self::Saved(Json(saved), location)
    }
}

#[derive(ApiResponse)]
enum BatchResponse {
    /// The accepted entries are safe; the others are listed.
    #[oai(status = 201)]
    Saved(Json<BatchSaved>),
}

struct SaveProblems;

impl Problems for SaveProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::BAD_REQUEST, "Nothing was saved: `errors` names each wrong field or line."),
        (StatusCode::REQUEST_TIMEOUT, "The body did not arrive within 30 s, or stalled for 5 s."),
        (StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 10 MiB or the entry than 1 MiB."),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The content type or encoding is not taken."),
        (StatusCode::SERVICE_UNAVAILABLE, "The queue is full or away: send it again."),
    ];
}
