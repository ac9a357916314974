//! Export: streams all entries that match a query.
//! `index.snapshot --> pages of entries --> NDJSON or CSV`

mod compression;
mod format;
mod pages;
mod parameters;
mod writer;

use std::sync::Arc;

use poem::http::StatusCode;
use poem::{Body, Request, Response};
use poem_openapi::OpenApi;
use serde_json::json;
use shared::Error;
use shared::http::{
    Filters, Function, PROBLEM_JSON, Problem, ProblemResponse, Problems, Query, StreamFormat,
    Streamed, Tag, document_of, rebuilding,
};
use shared::index::Index;
use shared::query::TimeRange;
use shared::search::SearchQuery;
use tokio::sync::Semaphore;

use compression::Compressor;
use format::Format;
use pages::Pages;
use parameters::ExportParameters;
use writer::Writer;

/// The maximum number of exports at the same time. Each holds a page of entries in memory.
const MAX_EXPORTS: usize = 4;

/// The `Retry-After` value, in seconds, while too many exports are running.
const RETRY_AFTER_SECONDS: u32 = 10;

/// An example of NDJSON in the OpenAPI document.
const NDJSON_EXAMPLE: &str = concat!(
    r#"{"id":"0190163d-8694-739b-aea5-966c26f8ad91","timestamp":"2024-06-14T12:00:00.123456Z","#,
    r#""level":"ERROR","service_name":"payment-service","message":"connection timeout"}"#,
    "\n",
);

/// The same entry as CSV.
const CSV_EXAMPLE: &str = "id,timestamp,level,service_name,message,trace_id,span_id,attributes\r\n\
    0190163d-8694-739b-aea5-966c26f8ad91,2024-06-14T12:00:00.123456Z,ERROR,payment-service,\
    connection timeout,,,\r\n";

/// The API, and the index that it reads.
pub struct Export {
    index: Arc<dyn Index>,
    running: Arc<Semaphore>,
}

/// The function `export`, ready to be served.
#[must_use]
pub fn function(index: Arc<dyn Index>) -> Function {
    let running = Arc::new(Semaphore::new(MAX_EXPORTS));
    Function::new("export", Export { index: index.clone(), running }).requires("index", index)
}

/// The OpenAPI document of the function.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Export>();
    let get = &mut document["paths"]["/logs/export"]["get"];
    let content = &mut get["responses"]["200"]["content"];
    content[Format::Ndjson.media_type()]["schema"]["example"] = json!(NDJSON_EXAMPLE);
    content[Format::Csv.media_type()]["schema"]["example"] = json!(CSV_EXAMPLE);
    get["responses"]["400"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::bad_parameter("format", "must be ndjson or csv"));
    get["responses"]["503"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::from(Error::unavailable("index", "")));
    document
}

#[OpenApi]
impl Export {
    /// Export log entries
    ///
    /// Streams every entry that matches the filters, which are those of a search. The export
    /// contains the entries that are searchable when it starts, and none that are added later. It is
    /// compressed with zstd or gzip if `Accept-Encoding` allows it. If it cannot be completed, the
    /// connection is closed before the end of the response, which clients report as an error. Each
    /// replica runs at most four exports at the same time.
    #[oai(path = "/logs/export", method = "get", operation_id = "exportEntries", tag = "Tag::Logs")]
    async fn export(
        &self,
        request: &Request,
        Query(parameters): Query<ExportParameters>,
    ) -> Result<Streamed<Format>, ProblemResponse<ExportProblems>> {
        let time = parameters.filters.time;
        let condition = parameters.filters.condition()?;
        let format = parameters.format.unwrap_or_else(|| Format::accepted(request.headers()));
        let compressor = Compressor::accepted(request.headers())
            .map_err(|error| Error::failed("compression", error))?;
        let content_encoding = compressor.content_encoding();
        let permit = self.running.clone().try_acquire_owned();
        let permit = permit.map_err(|_| busy())?;

        let snapshot = self.index.snapshot().await?;
        let writer = Writer::new(format, compressor);
        let sort = parameters.sort.into();
        let query = SearchQuery { sort, ..SearchQuery::new(condition, 0) };
        let pages = Pages::open(snapshot, query, parameters.limit, writer, permit);
        let pages = pages.await.map_err(Filters::problem)?;
        if pages.is_incomplete() {
            return Err(rebuilding().into());
        }

        let file = format!("attachment; filename=\"{}\"", file_name(time, format));
        let response = Response::builder()
            .content_type(format.media_type())
            .header("Content-Disposition", file)
            .header("Vary", "Accept, Accept-Encoding");
        let response = match content_encoding {
            Some(coding) => response.header("Content-Encoding", coding),
            None => response,
        };
        Ok(Streamed::new(response.body(Body::from_bytes_stream(pages.into_stream()))))
    }
}

/// The name under which a browser saves the export: `logs`, and the bounds of the time range.
fn file_name(time: TimeRange, format: Format) -> String {
    let bounds = [("from", time.from), ("to", time.to)];
    let bounds = bounds.into_iter().filter_map(|(word, time)| {
        let minute = time?.to_string().get(..16)?.replace(':', "");
        Some(format!("-{word}-{minute}Z"))
    });
    format!("logs{}.{}", bounds.collect::<String>(), format.name())
}

fn busy() -> Problem {
    let detail = "too many exports are running; retry later";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(RETRY_AFTER_SECONDS)
}

struct ExportProblems;

impl Problems for ExportProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (
            StatusCode::BAD_REQUEST,
            "A filter, `sort`, `limit` or `format` is invalid; `errors` names it.",
        ),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The index is unavailable or being built, or too many exports are running; retry later.",
        ),
    ];
}
