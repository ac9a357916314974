//! The OpenAPI document: generated for each API, and joined into one for the service.

mod common;
mod components;
mod examples;
mod parameters;
mod responses;
mod tidy;

use std::marker::PhantomData;

use anyhow::{Context, bail, ensure};
use poem::http::StatusCode;
use poem_openapi::registry::{MetaApi, Registry};
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::{Map, Value, json};

use super::function::RouteTable;
use super::health::{Health, PROBES};

/// An example of the Prometheus text format.
const METRICS_EXAMPLE: &str = concat!(
    "# TYPE http_requests_total counter\n",
    r#"http_requests_total{method="GET",route="/ping",status="200"} 1"#,
    "\n"
);

/// The document for the operations that every function has: `/ping` and the probes.
#[must_use]
pub fn document() -> Value {
    let mut document = document_of::<Health>();
    for (path, description) in [
        ("/ping", "The service is reachable."),
        ("/healthz", "The process is running."),
        ("/readyz", "Every port is ready."),
    ] {
        document["paths"][path]["get"]["responses"]["200"]["description"] = json!(description);
    }
    let readiness = &mut document["components"]["schemas"]["Readiness"]["properties"];
    readiness["index"]["example"] = json!("rebuilding");
    let metrics = &mut document["paths"]["/metrics"]["get"]["responses"]["200"]["content"];
    for (_, media) in members(metrics) {
        media["example"] = json!(METRICS_EXAMPLE);
    }
    document
}

/// The document for an API type, without an instance of it.
#[must_use]
pub fn document_of<A: OpenApi>() -> Value {
    let spec = OpenApiService::new(WithoutRoutes::<A>(PhantomData), "", "").spec();
    // Poem-openapi always generates valid JSON.
    let mut document = serde_json::from_str(&spec).unwrap_or_default();
    parameters::name_types(&mut document);
    document
}

/// The schema of an API, without its routes, so that no instance is needed. Lists the parameters of
/// a [`Query`] individually.
///
/// [`Query`]: super::query::Query
struct WithoutRoutes<A>(PhantomData<A>);

impl<A: OpenApi> OpenApi for WithoutRoutes<A> {
    fn meta() -> Vec<MetaApi> {
        let mut apis = A::meta();
        let paths = apis.iter_mut().flat_map(|api| &mut api.paths);
        for operation in paths.flat_map(|path| &mut path.operations) {
            let parameters = std::mem::take(&mut operation.params);
            operation.params = parameters.into_iter().flat_map(parameters::split).collect();
        }
        apis
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
    }

    fn add_routes(self, _: &mut RouteTable) {}
}

/// Joins the functions' documents into the service's document.
///
/// # Errors
/// When two documents define the same operation, or different components or tags with the same
/// name.
pub fn join(documents: Vec<Value>) -> anyhow::Result<Value> {
    let mut joined = common::frame();
    for mut document in documents {
        add_paths(&mut joined["paths"], document["paths"].take())?;
        add_tags(&mut joined["tags"], document["tags"].take())?;
        for (kind, components) in entries(document["components"].take()) {
            for (name, component) in entries(components) {
                add_component(&mut joined["components"][&kind], &name, component)
                    .with_context(|| format!("two {kind} are named {name}"))?;
            }
        }
    }
    for (path, operations) in members(&mut joined["paths"]) {
        let is_public = !PROBES.contains(&path.as_str());
        for (_, operation) in members(operations) {
            responses::complete(&mut operation["responses"], is_public);
        }
    }
    let problem = &mut joined["components"]["schemas"]["Problem"];
    if problem.is_object() {
        problem["example"] = responses::example(StatusCode::BAD_REQUEST);
    }
    tidy::tidy(&mut joined);
    examples::add(&mut joined);
    components::share(&mut joined);
    Ok(joined)
}

/// The document as text: keys sorted, with a final newline.
#[must_use]
pub fn to_text(document: &Value) -> String {
    format!("{document:#}\n")
}

fn add_paths(joined: &mut Value, paths: Value) -> anyhow::Result<()> {
    for (path, operations) in entries(paths) {
        for (method, operation) in entries(operations) {
            let slot = &mut joined[&path][&method];
            ensure!(slot.is_null(), "two functions define the operation {method} {path}");
            *slot = operation;
        }
    }
    Ok(())
}

fn add_tags(joined: &mut Value, tags: Value) -> anyhow::Result<()> {
    let (Value::Array(joined), Value::Array(tags)) = (joined, tags) else {
        return Ok(());
    };
    for tag in tags {
        match joined.iter().find(|other| other["name"] == tag["name"]) {
            None => joined.push(tag),
            Some(other) if *other == tag => {}
            Some(_) => bail!("the tag {} has two descriptions", tag["name"]),
        }
    }
    Ok(())
}

/// Adds a component. Several documents may define it, but only identically.
fn add_component(components: &mut Value, name: &str, component: Value) -> anyhow::Result<()> {
    let slot = &mut components[name];
    ensure!(slot.is_null() || *slot == component, "they differ");
    *slot = component;
    Ok(())
}

fn entries(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document_with(path: &str, method: &str, schema: &str) -> Value {
        json!({
            "paths": { path: { method: { "responses": { "200": { "description": "" } } } } },
            "components": { "schemas": { schema: { "type": "object", "title": path } } },
        })
    }

    #[test]
    fn operations_on_the_same_path_are_joined() {
        let joined =
            join(vec![document_with("/a", "get", "A"), document_with("/a", "post", "A")]).unwrap();
        assert!(joined["paths"]["/a"]["get"].is_object());
        assert!(joined["paths"]["/a"]["post"].is_object());
        assert_eq!(joined["components"]["schemas"]["A"]["title"], "/a");
    }

    #[test]
    fn a_duplicate_operation_is_rejected() {
        let error = join(vec![document_with("/a", "get", "A"), document_with("/a", "get", "B")])
            .unwrap_err();
        assert!(error.to_string().ends_with("get /a"), "{error}");
    }

    #[test]
    fn different_components_with_the_same_name_are_rejected() {
        let error = join(vec![document_with("/a", "get", "A"), document_with("/b", "get", "A")])
            .unwrap_err();
        assert_eq!(error.to_string(), "two schemas are named A");
    }

    #[test]
    fn every_operation_except_the_probes_documents_the_rate_limit() {
        let joined = join(vec![document()]).unwrap();
        let ping = &joined["paths"]["/ping"]["get"]["responses"];
        assert!(ping["200"]["headers"]["RateLimit"].is_object());
        for status in ["400", "429", "500", "502", "504"] {
            assert!(ping[status].is_object(), "{status}");
        }
        for probe in PROBES {
            let responses = &joined["paths"][probe]["get"]["responses"];
            assert!(responses["200"]["headers"]["RateLimit"].is_null(), "{probe}");
            assert!(responses["429"].is_null() && responses["502"].is_null(), "{probe}");
        }
        let not_ready = &joined["paths"]["/readyz"]["get"]["responses"]["503"];
        assert!(not_ready["headers"]["Retry-After"].is_object());
    }
}
