//! Delete: deletes an entry by its id, or all entries that match a query.
//! `lookup --> store.delete, then index.delete and cache.remove`

mod document;
mod filters;
mod job;
mod parameters;
mod removal;
mod worker;

use std::net::IpAddr;
use std::sync::Arc;

use poem::Request;
use poem::http::{StatusCode, header};
use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::{ApiResponse, OpenApi};
use shared::cache::Cache;
use shared::config::DeleteConfig;
use shared::http::{
    Filters, Function, Json, PathId, Problem, ProblemResponse, Problems, Query, Selection, Tag,
    client_address, is_from_foreign_page, missing_entry, rebuilding,
};
use shared::index::Index;
use shared::query::{Condition, TimeRange};
use shared::store::{DeleteJob, DeleteJobs, Store};
use shared::telemetry::{DELETE_METRICS, start_counters};
use shared::{Arrival, EntryId, Timestamp};

pub use document::document;
use filters::SavedFilters;
use job::Job;
use parameters::DeleteParameters;
pub use worker::Worker;

/// The maximum number of jobs that are not finished.
const MAX_JOBS: usize = 16;

/// What deletion needs: where entries are, and the jobs that delete them.
#[derive(Clone)]
pub struct Ports {
    /// The store, which never accepts a deleted entry again.
    pub store: Arc<dyn Store>,
    /// The index.
    pub index: Arc<dyn Index>,
    /// The cache.
    pub cache: Arc<dyn Cache>,
    /// The jobs.
    pub jobs: Arc<dyn DeleteJobs>,
}

/// The API.
pub struct Delete {
    ports: Ports,
    config: DeleteConfig,
}

/// The function `delete`, ready to serve. A [`Worker`] runs the jobs that it creates.
#[must_use]
pub fn function(ports: Ports, config: DeleteConfig) -> Function {
    start_counters(&DELETE_METRICS);
    let api = Delete { ports: ports.clone(), config };
    Function::new("delete", api).requires("store", ports.store).requires("index", ports.index)
}

#[OpenApi]
impl Delete {
    /// Delete a log entry
    ///
    /// From now on the entry is not found, and it is not saved again if it is sent once more with
    /// its id. Deleting it again has no effect. Off unless the server's `DELETE_ENABLED` is `true`.
    #[oai(path = "/logs/:id", method = "delete", operation_id = "deleteLog", tag = "Tag::Logs")]
    async fn delete(
        &self,
        request: &Request,
        /// The entry's id.
        id: Path<PathId>,
    ) -> Result<DeleteResponse, ProblemResponse<DeleteProblems>> {
        self.check_allowed(request)?;
        let now = Timestamp::now();
        let PathId(Some(id)) = *id else { return Err(missing_entry(None, now).into()) };
        let stored = self.ports.store.lookup(&[id]).await?;
        if stored.is_empty() {
            return Err(missing_entry(Some(id), now).into());
        }
        if stored.values().any(|stored| !stored.is_deleted) {
            let client = client_address(request);
            tracing::info!(%client, %id, "deleting an entry");
        }
        self.ports.clone().remove_completely(vec![id], stored).await?;
        Ok(DeleteResponse::Deleted)
    }

    /// Delete log entries by query
    ///
    /// Deletes the entries that match the filters, which are those of a search, and that arrived
    /// before the request. A job does so in the background; `Location` is its path. With `dry_run`,
    /// nothing is deleted. Off unless the server's `DELETE_ENABLED` is `true`.
    #[oai(path = "/logs/delete", method = "post", operation_id = "deleteLogs", tag = "Tag::Logs")]
    async fn delete_by_query(
        &self,
        request: &Request,
        arrival: Data<&Arrival>,
        Query(parameters): Query<DeleteParameters>,
    ) -> Result<DeleteByQueryResponse, ProblemResponse<DeleteByQueryProblems>> {
        self.check_allowed(request)?;
        check_has_no_body(request)?;
        // A retry by the proxy has the same arrival, and therefore the same id.
        let id = arrival.id(0);
        let created = id.time();
        if let Some(job) = self.ports.jobs.get(id).await? {
            return Ok(DeleteByQueryResponse::accepted(&job));
        }
        if parameters.filters.condition()? == Condition::everything() {
            return Err(no_filter().into());
        }
        let filters = SavedFilters::from(&parameters.filters);
        let condition = filters.condition(created).map_err(Problem::from)?;
        let matched = self.count(condition).await?;
        if parameters.dry_run {
            return Ok(DeleteByQueryResponse::Counted(Json(Job::dry_run(matched))));
        }
        let job = new_job(id, created, client_address(request), &filters, matched);
        if !self.ports.jobs.add(&job, MAX_JOBS).await? {
            return Err(too_many_jobs().into());
        }
        metrics::counter!("delete_jobs_total", "state" => "created").increment(1);
        let DeleteJob { client, filters, .. } = &job;
        tracing::info!(%client, filters, matched, job = %id, "deleting entries by query");
        Ok(DeleteByQueryResponse::accepted(&job))
    }

    /// Get a deletion
    ///
    /// Returns the progress of the job that deletes entries by query. Jobs are kept for at least 30
    /// days after they have finished.
    #[oai(
        path = "/logs/delete/:id",
        method = "get",
        operation_id = "getDeletion",
        tag = "Tag::Logs"
    )]
    async fn job(
        &self,
        /// The job's id.
        id: Path<PathId>,
    ) -> Result<Json<Job>, ProblemResponse<JobProblems>> {
        let missing = || Problem::new(StatusCode::NOT_FOUND, "no job has this id");
        let PathId(Some(id)) = *id else { return Err(missing().into()) };
        let job = self.ports.jobs.get(id).await?.ok_or_else(missing)?;
        Ok(Json(Job::from(&job)))
    }
}

impl Delete {
    fn check_allowed(&self, request: &Request) -> Result<(), Problem> {
        if !self.config.enabled {
            return Err(disabled());
        }
        let is_foreign = is_from_foreign_page(request, &self.config.cors_allowed_origins);
        if is_foreign { Err(foreign_page()) } else { Ok(()) }
    }

    /// The exact number of entries that meet the condition.
    async fn count(&self, condition: Condition) -> Result<u64, Problem> {
        let selection = Selection::of_condition(&*self.ports.index, condition).await?;
        let all = selection.within(TimeRange::default());
        let aggregates = selection.aggregate(&all).await.map_err(Filters::problem)?;
        if aggregates.is_rebuilding {
            return Err(rebuilding());
        }
        Ok(aggregates.total)
    }
}

/// Checks that the request has no body: a client that sends its filters there would delete other
/// entries than it means to.
fn check_has_no_body(request: &Request) -> Result<(), Problem> {
    let length = request.header(header::CONTENT_LENGTH).unwrap_or("0");
    if length != "0" || request.headers().contains_key(header::TRANSFER_ENCODING) {
        return Err(unexpected_body());
    }
    Ok(())
}

fn new_job(
    id: EntryId,
    created: Timestamp,
    client: IpAddr,
    filters: &SavedFilters,
    matched: u64,
) -> DeleteJob {
    DeleteJob {
        id,
        created,
        client: client.to_string(),
        filters: filters.to_json(),
        matched,
        deleted: 0,
        pending: Vec::new(),
        finished: None,
        error: None,
        version: 0,
    }
}

fn disabled() -> Problem {
    let detail = "deleting entries is turned off, because there is no authentication yet; to turn it \
                  on, start the server with DELETE_ENABLED=true";
    Problem::new(StatusCode::FORBIDDEN, detail)
}

fn foreign_page() -> Problem {
    let detail = "a page of another origin sent the request; to allow this, start the server with the \
                  origin in CORS_ALLOWED_ORIGINS";
    Problem::new(StatusCode::FORBIDDEN, detail)
}

fn unexpected_body() -> Problem {
    let detail = "the body must be empty: send the filters as query parameters";
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

fn no_filter() -> Problem {
    let detail = "at least one of q, service_name, level, trace_id, span_id, from and to is \
                  required; to delete everything before a time, set to";
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

fn too_many_jobs() -> Problem {
    let detail = format!("{MAX_JOBS} deletions are not finished; retry once one has finished");
    Problem::new(StatusCode::CONFLICT, detail)
}

#[derive(ApiResponse)]
enum DeleteResponse {
    /// The entry is deleted.
    #[oai(status = 204)]
    Deleted,
}

#[derive(ApiResponse)]
enum DeleteByQueryResponse {
    /// With `dry_run`: the number of entries that would be deleted.
    #[oai(status = 200)]
    Counted(Json<Job>),
    /// The job that deletes the entries.
    #[oai(status = 202)]
    Accepted(
        Json<Job>,
        /// The path of the job.
        #[oai(header = "Location")]
        String,
    ),
}

impl DeleteByQueryResponse {
    fn accepted(job: &DeleteJob) -> Self {
        Self::Accepted(Json(Job::from(job)), format!("/logs/delete/{}", job.id))
    }
}

const FORBIDDEN: &str =
    "Deleting entries is turned off, or a page of another origin sent the request.";

struct DeleteProblems;

impl Problems for DeleteProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::FORBIDDEN, FORBIDDEN),
        (
            StatusCode::NOT_FOUND,
            "No entry has this id. With `Retry-After`, it may still be on the queue.",
        ),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The store, the index or the cache is unavailable, and the entry may be deleted; retry \
             later.",
        ),
    ];
}

struct DeleteByQueryProblems;

impl Problems for DeleteByQueryProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (
            StatusCode::BAD_REQUEST,
            "A parameter is invalid, which `errors` names, there is no filter, or the request has a \
             body.",
        ),
        (StatusCode::FORBIDDEN, FORBIDDEN),
        (StatusCode::CONFLICT, "Too many deletions are not finished; retry later."),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The store or the index is unavailable, or the index is being built; retry later.",
        ),
    ];
}

struct JobProblems;

impl Problems for JobProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (StatusCode::NOT_FOUND, "No job has this id."),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "The jobs cannot be read, because the store is unavailable; retry later.",
        ),
    ];
}
