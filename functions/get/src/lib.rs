//! Get: returns an entry by its id.
//! `cache.get, else store.get then cache.put --> LogEntry, 404, or 410 for a dropped day`

mod dropped;
mod prefer;

use std::{sync::Arc, time::Duration};

use poem::http::StatusCode;
use poem_openapi::param::{Header, Path};
use poem_openapi::{ApiResponse, OpenApi};
use serde_json::json;
use shared::cache::Cache;
use shared::http::{
    Function, Json, PROBLEM_JSON, PathId, Problem, ProblemResponse, Problems, Tag, document_of,
    dropped_day, may_be_pending, missing_entry,
};
use shared::log_entry::Day;
use shared::store::Store;
use shared::telemetry::{CACHE_METRICS, start_counters};
use shared::{EntryId, Error, LogEntry, Timestamp};
use tokio::sync::Semaphore;

use dropped::Dropped;

/// The pause between a waiting request's polls for its entry.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The maximum number of requests that wait at the same time. Further requests do not wait.
const MAX_WAITING_REQUESTS: usize = 256;

/// The API, with the cache and the store that it reads from.
pub struct Get {
    cache: Arc<dyn Cache>,
    store: Arc<dyn Store>,
    dropped: Dropped,
    waiting: Semaphore,
}

/// The `get` function, ready to serve. Readiness requires only the store: without the cache,
/// requests are merely slower.
#[must_use]
pub fn function(cache: Arc<dyn Cache>, store: Arc<dyn Store>) -> Function {
    let waiting = Semaphore::new(MAX_WAITING_REQUESTS);
    start_counters(&CACHE_METRICS);
    let dropped = Dropped::follow(&store);
    let get = Get { cache, store: store.clone(), dropped, waiting };
    Function::new("get", get).requires("store", store)
}

/// The function's OpenAPI document.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Get>();
    let get = &mut document["paths"]["/logs/{id}"]["get"];
    get["responses"]["404"]["headers"] = json!({
        "Retry-After": {"$ref": "#/components/headers/RetryAfter"},
    });
    get["responses"]["503"]["content"][PROBLEM_JSON]["example"] =
        json!(Problem::from(Error::unavailable("store", "")));
    get["parameters"][1]["schema"]["example"] = json!("wait=10");
    document
}

#[OpenApi]
impl Get {
    /// Get a log entry
    ///
    /// An entry becomes available shortly after it is saved. A `404` for an id that is less than
    /// ten minutes old has a `Retry-After` header: the entry may still be on the queue.
    #[oai(path = "/logs/:id", method = "get", operation_id = "getLog", tag = "Tag::Logs")]
    async fn get(
        &self,
        /// The entry's id.
        id: Path<PathId>,
        /// `wait=N`: wait up to N seconds, at most 10, until the entry is available (RFC 7240).
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
    ) -> Result<GetResponse, ProblemResponse<GetProblems>> {
        // No entry has an invalid id, so the response is 404 rather than 400.
        let now = Timestamp::now();
        let PathId(Some(id)) = *id else { return Err(missing_entry(None, now).into()) };
        let pending = may_be_pending(id, now);
        let wait = prefer.as_deref().and_then(prefer::parse_wait).filter(|_| pending);
        match self.find_within(id, wait).await? {
            Some(entry) => Ok(GetResponse::Found(Json(entry))),
            None => Err(self.why_missing(id, now).await?.into()),
        }
    }
}

impl Get {
    /// Finds the entry. If it is not available yet, polls for it until `wait` has elapsed, unless
    /// too many requests are already waiting.
    async fn find_within(
        &self,
        id: EntryId,
        wait: Option<Duration>,
    ) -> Result<Option<LogEntry>, Error> {
        let found = self.find(id).await?;
        let (None, Some(wait)) = (&found, wait) else { return Ok(found) };
        if self.is_deleted(id).await? {
            return Ok(None);
        }
        let Ok(_permit) = self.waiting.try_acquire() else { return Ok(found) };
        let poll = async {
            loop {
                tokio::time::sleep(POLL_INTERVAL).await;
                if let Some(entry) = self.find(id).await? {
                    return Ok(Some(entry));
                }
            }
        };
        tokio::time::timeout(wait, poll).await.unwrap_or(Ok(None))
    }

    async fn is_deleted(&self, id: EntryId) -> Result<bool, Error> {
        let stored = self.store.lookup(&[id]).await?;
        Ok(stored.get(&id).is_some_and(|stored| stored.is_deleted))
    }

    /// The problem for an entry that was not found.
    async fn why_missing(&self, id: EntryId, now: Timestamp) -> Result<Problem, Error> {
        if self.is_deleted(id).await? {
            return Ok(Problem::new(StatusCode::GONE, "the entry has been deleted"));
        }
        let day = Day::of(id);
        if day < Day::at(now)
            && let Some(class) = self.store.dropped(day).await?
        {
            return Ok(dropped_day(day, &class));
        }
        Ok(missing_entry(Some(id), now))
    }

    async fn find(&self, id: EntryId) -> Result<Option<LogEntry>, Error> {
        match self.cache.get(id).await {
            Ok(Some(entry)) if self.dropped.has(&entry) => return Ok(None),
            Ok(Some(entry)) => {
                count_lookup("hit");
                return Ok(Some(entry));
            }
            Ok(None) => count_lookup("miss"),
            Err(error) => {
                count_lookup("failure");
                log_cache_failure(&error, "cache lookup failed, reading from the store");
            }
        }
        let found = self.store.get(id).await?;
        if let Some(entry) = &found
            && let Err(error) = self.cache.put(entry).await
        {
            log_cache_failure(&error, "caching the entry failed");
        }
        Ok(found)
    }
}

/// Logs a cache failure, unless it repeats one that was just logged.
fn log_cache_failure(error: &Error, message: &str) {
    if !error.is_repeated() {
        tracing::warn!(%error, "{message}");
    }
}

fn count_lookup(result: &'static str) {
    metrics::counter!("cache_lookups_total", "result" => result).increment(1);
}

#[derive(ApiResponse)]
enum GetResponse {
    /// The entry.
    #[oai(status = 200)]
    Found(Json<LogEntry>),
}

struct GetProblems;

impl Problems for GetProblems {
    const LIST: &'static [(StatusCode, &'static str)] = &[
        (
            StatusCode::NOT_FOUND,
            "No entry has this id. With `Retry-After`, it may still be on the queue.",
        ),
        (
            StatusCode::GONE,
            "The entry has been deleted, or the entries of its day are no longer kept (see \
             `RETENTION`). If the setting has rules, some of the day's entries may still be there.",
        ),
        (StatusCode::SERVICE_UNAVAILABLE, "The store is unavailable; retry later."),
    ];
}
