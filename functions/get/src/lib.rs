//! Get: answers the entry with an id.
//! `cache.get, else store.get then cache.put --> LogEntry or 404`

mod prefer;

use std::{sync::Arc, time::Duration};

use poem::http::StatusCode;
use poem_openapi::param::{Header, Path};
use poem_openapi::{ApiResponse, OpenApi};
use serde_json::json;
use shared::cache::Cache;
use shared::http::{Function, Json, Problem, ProblemResponse, Problems, Tag, document_of};
use shared::store::Store;
use shared::telemetry::{CACHE_METRICS, start_counters};
use shared::{EntryId, Error, LogEntry, Timestamp};
use tokio::sync::Semaphore;

/// An entry whose id is younger than this may still be on its way, in microseconds.
const ON_ITS_WAY_MICROS: u64 = 10 * 60 * 1_000_000;

/// How often a held request looks for its entry.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How many requests are held at once; beyond that they are answered at once.
const MAX_HELD: usize = 256;

/// The function: the cache and the store that it reads.
pub struct Get {
    cache: Arc<dyn Cache>,
    store: Arc<dyn Store>,
    held: Semaphore,
}

/// The function `get`, ready to be served. Without the cache it is slower and still ready.
#[must_use]
pub fn function(cache: Arc<dyn Cache>, store: Arc<dyn Store>) -> Function {
    let held = Semaphore::new(MAX_HELD);
    start_counters(&CACHE_METRICS);
    Function::new("get", Get { cache, store: store.clone(), held }).requires("store", store)
}

/// What the function answers, as an OpenAPI document.
#[must_use]
pub fn document() -> serde_json::Value {
    let mut document = document_of::<Get>();
    document["paths"]["/logs/{id}"]["get"]["responses"]["404"]["headers"] = json!({
        "Retry-After": {"$ref": "#/components/headers/RetryAfter"},
    });
    document
}

#[OpenApi]
impl Get {
    /// Get a log entry
    ///
    /// An entry is there shortly after it was saved. While its id is younger than ten minutes, a
    /// `404` carries `Retry-After`.
    #[oai(path = "/logs/:id", method = "get", operation_id = "getLog", tag = "Tag::Logs")]
    async fn get(
        &self,
        /// The entry's id.
        id: Path<String>,
        /// `wait=N`: hold the answer until the entry is there, N seconds (10 at most; RFC 7240).
        #[oai(name = "Prefer")]
        prefer: Header<Option<String>>,
    ) -> Result<GetResponse, ProblemResponse<GetProblems>> {
        // What is no id names no entry.
        let Ok(id) = id.parse::<EntryId>() else { return Err(not_found().into()) };
        let young = may_be_on_its_way(id, Timestamp::now());
        let wait = prefer.as_deref().and_then(prefer::wait).filter(|_| young);
        match self.find_within(id, wait).await? {
            Some(entry) => Ok(GetResponse::Found(Json(entry))),
            None if young => Err(not_found().retry_after(1).into()),
            None => Err(not_found().into()),
        }
    }
}

impl Get {
    /// Looks for the entry until it is there or the time is over.
    async fn find_within(
        &self,
        id: EntryId,
        wait: Option<Duration>,
    ) -> Result<Option<LogEntry>, Error> {
        let found = self.find(id).await?;
        let (None, Some(wait)) = (&found, wait) else { return Ok(found) };
        let Ok(_held) = self.held.try_acquire() else { return Ok(found) };
        let look = async {
            loop {
                tokio::time::sleep(LOOK_AGAIN).await;
                if let Some(entry) = self.find(id).await? {
                    return Ok(Some(entry));
                }
            }
        };
        tokio::time::timeout(wait, look).await.unwrap_or(Ok(None))
    }

    async fn find(&self, id: EntryId) -> Result<Option<LogEntry>, Error> {
        match self.cache.get(id).await {
            Ok(Some(entry)) => {
                looked_up("hit");
                return Ok(Some(entry));
            }
            Ok(None) => looked_up("miss"),
            Err(error) => {
                looked_up("failure");
                tracing::warn!(%error, "reading around the cache");
            }
        }
        let found = self.store.get(id).await?;
        if let Some(entry) = &found
            && let Err(error) = self.cache.put(entry).await
        {
            tracing::warn!(%error, "not cached");
        }
        Ok(found)
    }
}

/// How the cache did, for the person on call.
fn looked_up(result: &'static str) {
    metrics::counter!("cache_lookups_total", "result" => result).increment(1);
}

fn may_be_on_its_way(id: EntryId, now: Timestamp) -> bool {
    id.time().as_micros().abs_diff(now.as_micros()) <= ON_ITS_WAY_MICROS
}

fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "there is no log entry with this id")
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
        (StatusCode::NOT_FOUND, "There is no such entry; with `Retry-After`: not yet."),
        (StatusCode::SERVICE_UNAVAILABLE, "The store is away: try again."),
    ];
}
