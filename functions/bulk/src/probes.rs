//! The requests that clients make before they send documents: about the product, its health, and
//! the templates, policies and aliases that they need.
//!
//! LogPulse stores no such resources. It responds that a template does not exist, and if the client
//! then creates it, LogPulse acknowledges the request but ignores it.

use std::sync::Arc;

use poem::endpoint::make_sync;
use poem::http::{HeaderMap, Method, StatusCode};
use poem::{Endpoint, Request, Response};
use serde_json::{Value, json};
use shared::Timestamp;
use shared::http::{BodyLimits, Function, Problem};
use shared::queue::Producer;

use crate::protocol::respond;
use crate::{PREFIX, upload};

/// The version of Elasticsearch that LogPulse reports. Some clients refuse to work with a version
/// older than their own.
const VERSION: &str = "8.19.0";

/// The resources that clients look up by name, and create if they do not exist.
const IGNORED_RESOURCES: [&str; 7] = [
    "_alias",
    "_component_template",
    "_data_stream",
    "_ilm/policy",
    "_index_template",
    "_ingest/pipeline",
    "_template",
];

/// Adds the probes to the function, both at the top level and below the prefix.
pub(crate) fn add(
    mut function: Function,
    queue: &Arc<dyn Producer>,
    limits: &BodyLimits,
) -> Function {
    for prefix in ["", PREFIX] {
        for (path, response) in
            [("_license", license as fn() -> Value), ("_xpack", features as fn() -> Value)]
        {
            function = function.route(&format!("{prefix}/{path}"), constant(response));
        }
        for kind in IGNORED_RESOURCES {
            let path = format!("{prefix}/{kind}/:name");
            let create = Acknowledgement {
                limits: limits.clone(),
                response: |_| Some(json!({ "acknowledged": true })),
            };
            function = function.route(&path, make_sync(|_| not_found()));
            function = function.route_for(Method::PUT, &path, create);
        }
        let path = format!("{prefix}/:index");
        let create = Acknowledgement { limits: limits.clone(), response: index_created };
        function = function.route_for(Method::PUT, &path, create);
        for (path, render) in [
            ("_cluster/health", cluster_health as RenderHealth),
            ("_cluster/health/:index", cluster_health),
            ("_cat/health", cat_health),
        ] {
            let health = Health { queue: queue.clone(), render };
            function = function.route(&format!("{prefix}/{path}"), health);
        }
    }
    let below = format!("{PREFIX}/*path");
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        function = function.route_for(method, &below, make_sync(|_| unknown()));
    }
    function =
        function.route(PREFIX, constant(product)).route(&below, make_sync(product_or_unknown));
    function
        .route(&format!("{PREFIX}/:index"), make_sync(|_| not_found()))
        .home_for_programs(constant(product))
}

/// Always returns the same response.
fn constant(response: fn() -> Value) -> impl Endpoint<Output = Response> {
    make_sync(move |request: Request| ok(request.headers(), &response()))
}

fn ok(request: &HeaderMap, response: &Value) -> Response {
    respond(StatusCode::OK, request, format!("{response}\n"))
}

fn product() -> Value {
    json!({
        "name": "logpulse",
        "cluster_name": "logpulse",
        "cluster_uuid": "logpulse",
        "version": {
            "number": VERSION,
            "build_flavor": "default",
            "build_type": "logpulse",
            "build_hash": shared::VERSION,
            "build_date": "1970-01-01T00:00:00.000Z",
            "build_snapshot": false,
            "lucene_version": "9.12.0",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    })
}

/// Filebeat does not send documents without an active license.
fn license() -> Value {
    json!({ "license": { "status": "active", "uid": UID, "type": "basic", "mode": "basic" } })
}

const UID: &str = "00000000-0000-0000-0000-000000000000";

/// With `setup.ilm.enabled: true`, Filebeat does not send documents without lifecycle management.
fn features() -> Value {
    let license = license()["license"].take();
    let features = json!({
        "ilm": { "available": true, "enabled": true },
        "security": { "available": false, "enabled": false },
    });
    json!({ "license": license, "features": features, "tagline": "You know, for X" })
}

fn not_found() -> poem::Result<Response> {
    let detail = "not found: LogPulse stores no templates, policies, aliases or indexes; requests to \
                  create one are acknowledged and ignored";
    Err(Problem::new(StatusCode::NOT_FOUND, detail).into())
}

/// The product at the prefix with a trailing slash, which poem's router does not distinguish from
/// longer paths.
fn product_or_unknown(request: Request) -> poem::Result<Response> {
    let is_product = request.uri().path().ends_with("elastic/");
    if is_product { Ok(ok(request.headers(), &product())) } else { unknown() }
}

/// The response to a request for an operation of Elasticsearch that LogPulse does not support.
fn unknown() -> poem::Result<Response> {
    let detail =
        "unknown operation; LogPulse supports only those that clients need to write documents";
    Err(Problem::new(StatusCode::NOT_FOUND, detail).into())
}

/// Acknowledges a request to create a resource, without creating it.
struct Acknowledgement {
    limits: BodyLimits,
    response: fn(&Request) -> Option<Value>,
}

impl Endpoint for Acknowledgement {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        let (request, body) = upload(request).await?;
        body.read(&self.limits).await?;
        match (self.response)(&request) {
            Some(response) => Ok(ok(request.headers(), &response)),
            None => not_found(),
        }
    }
}

/// The response, if the name is allowed for an index. Clients can send documents to any index.
fn index_created(request: &Request) -> Option<Value> {
    let index = request.raw_path_param("index").filter(|index| !index.starts_with('_'))?;
    Some(json!({ "acknowledged": true, "shards_acknowledged": true, "index": index }))
}

/// Writes the response to a health request if the queue is ready.
type RenderHealth = fn(&HeaderMap) -> Response;

/// Reports the cluster as healthy while the queue is ready. A client that checks the health first
/// therefore sends its documents only once they can be saved.
struct Health {
    queue: Arc<dyn Producer>,
    render: RenderHealth,
}

impl Endpoint for Health {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        self.queue.ready().await.map_err(Problem::from)?;
        Ok((self.render)(request.headers()))
    }
}

fn cluster_health(request: &HeaderMap) -> Response {
    let health = json!({
        "cluster_name": "logpulse",
        "status": "green",
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": 0,
        "active_shards": 0,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0,
    });
    ok(request, &health)
}

/// The columns are: epoch, time, cluster, status, nodes, data nodes, shards, primaries, relocating,
/// initializing, unassigned, pending tasks, longest wait, active shards.
fn cat_health(_: &HeaderMap) -> Response {
    let now = Timestamp::now().to_string();
    let seconds = Timestamp::now().as_micros() / 1_000_000;
    let time = now.get(11..19).unwrap_or_default();
    let line = format!("{seconds} {time} logpulse green 1 1 0 0 0 0 0 0 - 100.0%\n");
    Response::builder()
        .header("X-Elastic-Product", "Elasticsearch")
        .content_type("text/plain; charset=UTF-8")
        .body(line)
}
