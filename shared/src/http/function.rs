//! A function as the HTTP runtime sees it: its operations and the ports that it requires.

use std::{collections::HashMap, sync::Arc};

use poem::{Endpoint, EndpointExt, endpoint::BoxEndpoint, http::Method};
use poem_openapi::OpenApi;
use poem_openapi::registry::{MetaApi, MetaParamIn, MetaPath};

use super::middleware::problem_format::ProblemFormat;
use super::query;
use crate::error::Ready;

/// Operations by path and method, as poem-openapi collects them.
pub(super) type RouteTable = HashMap<String, HashMap<Method, BoxEndpoint<'static>>>;

/// A function: an API, and the ports that it requires.
pub struct Function {
    pub(super) name: &'static str,
    pub(super) operations: Vec<Operation>,
    pub(super) requirements: Vec<Requirement>,
    pub(super) problem_format: Option<ProblemFormat>,
    /// Whether requests take tokens from the client's rate limit bucket.
    pub(super) is_rate_limited: bool,
    /// Serves `GET /` to clients other than browsers.
    pub(super) home: Option<BoxEndpoint<'static>>,
}

/// The operation for one method of one path.
pub(super) struct Operation {
    /// The path in poem's syntax, e.g. `/logs/:param0`.
    pub(super) path: String,
    /// The path in the syntax of the OpenAPI document and of metrics, e.g. `/logs/{id}`.
    pub(super) template: String,
    pub(super) method: Method,
    pub(super) endpoint: BoxEndpoint<'static>,
}

/// A port that must be ready for the function to work.
#[derive(Clone)]
pub(super) struct Requirement {
    pub(super) name: &'static str,
    pub(super) port: Arc<dyn Ready>,
}

impl Function {
    /// A function with the operations of `api`. An operation rejects query parameters that it does
    /// not document.
    pub fn new(name: &'static str, api: impl OpenApi + 'static) -> Self {
        Self::with_operations(name, api, without_query)
    }

    /// A function for a protocol with clients that send query parameters without a meaning here. An
    /// operation without documented query parameters ignores them.
    pub fn ignoring_queries(name: &'static str, api: impl OpenApi + 'static) -> Self {
        Self::with_operations(name, api, |endpoint| endpoint)
    }

    /// A function with the operations of `api`; `without_query` wraps those that have no query
    /// parameters.
    fn with_operations(
        name: &'static str,
        api: impl OpenApi + 'static,
        without_query: impl Fn(BoxEndpoint<'static>) -> BoxEndpoint<'static>,
    ) -> Self {
        let documented = documented_paths(&api);
        let mut table = RouteTable::new();
        api.add_routes(&mut table);
        let mut operations = Vec::new();
        for (path, methods) in table {
            let documented = documented.get(&path_shape(&path));
            let template = documented.map_or(&path, |documented| &documented.path).clone();
            for (method, mut endpoint) in methods {
                if !documented.is_some_and(|documented| has_query(documented, &method)) {
                    endpoint = without_query(endpoint);
                }
                let (path, template) = (path.clone(), template.clone());
                operations.push(Operation { path, template, method, endpoint });
            }
        }
        Self { operations, ..Self::without_api(name) }
    }

    /// A function with only the runtime's probes and metrics.
    #[must_use]
    pub fn without_api(name: &'static str) -> Self {
        Self {
            name,
            operations: Vec::new(),
            requirements: Vec::new(),
            problem_format: None,
            is_rate_limited: true,
            home: None,
        }
    }

    /// Requires a port: while it is not ready, `/readyz` responds with 503 and the port's name.
    #[must_use]
    pub fn requires(mut self, name: &'static str, port: Arc<dyn Ready>) -> Self {
        self.requirements.push(Requirement { name, port });
        self
    }

    /// Serves its requests without the rate limit. Use it for responses that cost no more than
    /// refusing the request.
    #[must_use]
    pub fn without_rate_limit(mut self) -> Self {
        self.is_rate_limited = false;
        self
    }

    /// Sends every problem on the function's paths in this format, including those of the runtime,
    /// such as 429 and 405.
    #[must_use]
    pub fn problems_as(mut self, format: ProblemFormat) -> Self {
        self.problem_format = Some(format);
        self
    }

    /// Serves GET requests for `path` (in poem's syntax), which is not in the OpenAPI document.
    #[must_use]
    pub fn route(self, path: &str, endpoint: impl Endpoint + 'static) -> Self {
        self.route_for(Method::GET, path, endpoint)
    }

    /// Serves requests for `path` with this method. The route is not in the OpenAPI document.
    #[must_use]
    pub fn route_for(
        mut self,
        method: Method,
        path: &str,
        endpoint: impl Endpoint + 'static,
    ) -> Self {
        self.operations.push(Operation {
            path: path.to_owned(),
            template: path.to_owned(),
            method,
            endpoint: endpoint.map_to_response().boxed(),
        });
        self
    }

    /// Serves `GET /` to clients that do not ask for HTML. Another function may serve `/` to
    /// browsers.
    #[must_use]
    pub fn home_for_programs(mut self, endpoint: impl Endpoint + 'static) -> Self {
        self.home = Some(endpoint.map_to_response().boxed());
        self
    }
}

/// The paths of the OpenAPI document, by path shape.
fn documented_paths<A: OpenApi>(_: &A) -> HashMap<String, MetaPath> {
    let paths = A::meta().into_iter().flat_map(|MetaApi { paths }| paths);
    paths.map(|path| (path_shape(&path.path), path)).collect()
}

/// Whether the operation has query parameters, which it checks itself.
fn has_query(path: &MetaPath, method: &Method) -> bool {
    let operations = path.operations.iter().filter(|operation| operation.method == *method);
    let mut parameters = operations.flat_map(|operation| &operation.params);
    parameters.any(|parameter| parameter.in_type == MetaParamIn::Query)
}

fn without_query(operation: BoxEndpoint<'static>) -> BoxEndpoint<'static> {
    let check = async |request| match query::check_absent(&request) {
        Ok(()) => Ok(request),
        Err(problem) => Err(problem.into()),
    };
    operation.before(check).map_to_response().boxed()
}

/// The path without its parameter names, in either syntax: poem-openapi renames parameters for
/// poem's router.
pub(super) fn path_shape(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment.as_bytes().first() {
        Some(b':' | b'{') => ":",
        Some(b'*') => "*",
        _ => segment,
    });
    segments.collect::<Vec<&str>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Api;

    #[OpenApi]
    impl Api {
        #[oai(path = "/logs/:id/lines/:line", method = "get")]
        async fn line(
            &self,
            #[oai(name = "id")] _id: poem_openapi::param::Path<String>,
            #[oai(name = "line")] _line: poem_openapi::param::Path<u32>,
        ) {
        }
    }

    #[test]
    fn an_operation_uses_the_template_from_the_openapi_document() {
        let function = Function::new("test", Api);
        assert_eq!(function.operations[0].path, "/logs/:param0/lines/:param1");
        assert_eq!(function.operations[0].template, "/logs/{id}/lines/{line}");
    }
}
