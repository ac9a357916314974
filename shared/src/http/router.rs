//! Routes requests: poem's router finds the path, and [`Methods`] finds the operation.
//! Every path is wrapped in the middleware, so metrics, logs and the rate limit can use its route.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use metrics::SharedString;
use poem::endpoint::{BoxEndpoint, make_sync};
use poem::http::{HeaderMap, Method, header};
use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, Result, Route};

use super::function::{Function, Operation, path_shape};
use super::health::PROBES;
use super::methods::Methods;
use super::middleware::Middleware;
use super::middleware::problem_format::ProblemFormat;
use super::problem;

/// The route label of requests for unknown paths.
const NO_ROUTE: SharedString = SharedString::const_str("none");

/// The paths of all functions, and a 404 for any other path.
pub(super) struct Router {
    paths: Route,
    /// Serves `/`, for which poem's router would prefer the catch-all.
    root: BoxEndpoint<'static, Response>,
    /// Serves `/` to clients that do not ask for HTML.
    home: Option<BoxEndpoint<'static, Response>>,
    not_found: BoxEndpoint<'static, Response>,
}

/// The operations on one path.
struct Resource {
    path: String,
    template: String,
    problem_format: Option<ProblemFormat>,
    is_rate_limited: bool,
    operations: Vec<(Operation, &'static str)>,
}

impl Router {
    /// Routes to the operations of these functions.
    ///
    /// # Errors
    /// When two functions have an operation with the same method and path.
    pub(super) fn new(
        mut functions: Vec<Function>,
        middleware: &Middleware,
    ) -> anyhow::Result<Self> {
        let not_found = || {
            let not_found = make_sync(|_| problem::not_found().into_response());
            middleware.around(not_found, NO_ROUTE, None)
        };
        let unlimited = middleware.without_rate_limit();
        let mut paths = Route::new().try_at("/*unknown", not_found())?;
        let mut root = not_found().boxed();
        let homes = functions.iter_mut().filter_map(|function| {
            let methods = Methods::new(vec![(Method::GET, function.home.take()?)]);
            Some(middleware.around(methods, "/".into(), function.problem_format).boxed())
        });
        let home = homes.last();
        for resource in resources(functions) {
            let template = SharedString::from(resource.template.clone());
            let path = resource.path.clone();
            let format = resource.problem_format;
            let methods = resource.operations.iter().map(|(operation, _)| operation.method.clone());
            let methods = methods.collect();
            let middleware = if resource.is_rate_limited { middleware } else { &unlimited };
            let endpoint = middleware.around(resource.methods()?, template, format).boxed();
            if path == "/" {
                root = endpoint;
            } else if path.starts_with("/:") {
                let endpoint = ParameterPath { methods, endpoint, not_found: not_found().boxed() };
                paths = paths.try_at(&path, endpoint).with_context(|| path)?;
            } else {
                paths = paths.try_at(&path, endpoint).with_context(|| path)?;
            }
        }
        Ok(Self { paths, root, home, not_found: not_found().boxed() })
    }
}

impl Endpoint for Router {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        match (request.uri().path(), &self.home) {
            ("/", Some(home)) if !asks_for_html(request.headers()) => home.call(request).await,
            ("/", _) => self.root.call(request).await,
            (path, _) if path.starts_with('/') => self.paths.call(request).await,
            // `OPTIONS *` and `CONNECT host:port` have no path.
            _ => self.not_found.call(request).await,
        }
    }
}

/// Whether the client accepts HTML, as browsers do.
fn asks_for_html(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    accepted.any(|value| value.to_str().is_ok_and(|value| value.contains("text/html")))
}

/// A path that begins with a parameter and therefore matches any name. It handles only the methods
/// of its operations; other methods get 404, because most names are unknown paths.
struct ParameterPath {
    methods: Vec<Method>,
    endpoint: BoxEndpoint<'static, Response>,
    not_found: BoxEndpoint<'static, Response>,
}

impl Endpoint for ParameterPath {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if self.methods.contains(request.method()) {
            self.endpoint.call(request).await
        } else {
            self.not_found.call(request).await
        }
    }
}

/// The operations of all functions, grouped by path.
fn resources(functions: Vec<Function>) -> impl Iterator<Item = Resource> {
    let mut resources: BTreeMap<String, Resource> = BTreeMap::new();
    for Function { name, operations, problem_format, is_rate_limited, .. } in functions {
        for operation in operations {
            let is_probe = PROBES.contains(&operation.template.as_str());
            let resource =
                resources.entry(path_shape(&operation.path)).or_insert_with(|| Resource {
                    path: operation.path.clone(),
                    template: operation.template.clone(),
                    problem_format,
                    is_rate_limited: is_rate_limited && !is_probe,
                    operations: Vec::new(),
                });
            resource.operations.push((operation, name));
        }
    }
    resources.into_values()
}

impl Resource {
    /// Returns the operations by method.
    ///
    /// # Errors
    /// When two functions have an operation with the same method.
    fn methods(self) -> anyhow::Result<Methods> {
        let mut methods = BTreeMap::new();
        for (Operation { method, endpoint, .. }, function) in self.operations {
            let template = &self.template;
            let name = method.to_string();
            if let Some((.., other)) = methods.insert(name, (method.clone(), endpoint, function)) {
                bail!("{method} {template} is served by \"{other}\" and by \"{function}\"");
            }
        }
        let methods = methods.into_values().map(|(method, endpoint, _)| (method, endpoint));
        Ok(Methods::new(methods.collect()))
    }
}

#[cfg(test)]
mod tests {
    use poem::http::{Method, StatusCode, Uri};

    use super::*;
    use crate::config::AllowedOrigins;
    use crate::http::client::TrustedProxies;

    /// A function with operations that return their path.
    fn function(name: &'static str, operations: &[(Method, &'static str)]) -> Function {
        let mut function = Function::without_api(name);
        for (method, path) in operations {
            let path: &'static str = path;
            function = function.route(path, make_sync(move |_| path));
            function.operations.last_mut().unwrap().method = method.clone();
        }
        function
    }

    fn router(functions: Vec<Function>) -> anyhow::Result<Router> {
        let middleware = Middleware {
            proxies: TrustedProxies::default(),
            rate_limit: None,
            origins: AllowedOrigins::default(),
        };
        Router::new(functions, &middleware)
    }

    /// The path of the operation that handles `GET path`, or "404".
    async fn find(router: &Router, path: &'static str) -> String {
        let request = Request::builder().uri(Uri::from_static(path)).finish();
        let response = router.call(request).await.unwrap();
        match response.status() {
            StatusCode::OK => response.into_body().into_string().await.unwrap(),
            status => status.as_u16().to_string(),
        }
    }

    #[tokio::test]
    async fn fixed_segments_take_precedence_over_parameters_and_wildcards() {
        let paths = ["/", "/logs/:param0", "/logs/search", "/docs", "/docs/*path", "/files/*path"];
        let router =
            router(vec![function("test", &paths.map(|path| (Method::GET, path)))]).unwrap();
        for (path, expected) in [
            ("/", "/"),
            ("/logs/search", "/logs/search"),
            ("/logs/17", "/logs/:param0"),
            ("/logs/a%2Fb", "/logs/:param0"),
            ("/logs/17/18", "404"),
            ("/docs", "/docs"),
            ("/docs/", "/docs/*path"),
            ("/docs/a/b.css", "/docs/*path"),
            ("/files", "404"),
        ] {
            assert_eq!(find(&router, path).await, expected, "{path}");
        }
    }

    #[tokio::test]
    async fn a_path_must_match_completely() {
        let operations = [(Method::GET, "/logs/:param0"), (Method::GET, "/logs")];
        let router = router(vec![function("test", &operations)]).unwrap();
        for path in ["/", "*", "/logs/", "/logs/1/2", "/log", "/logs2", "//logs", "host:80"] {
            assert_eq!(find(&router, path).await, "404", "{path}");
        }
    }

    #[tokio::test]
    async fn a_top_level_parameter_matches_only_documented_methods() {
        let put = function("test", &[(Method::PUT, "/:name"), (Method::POST, "/:name/lines")]);
        let get = function("other", &[(Method::GET, "/logs/:id")]);
        let router = router(vec![put, get]).unwrap();
        for (method, path, expected) in [
            (Method::PUT, "/log", StatusCode::OK),
            (Method::PUT, "/%2Flog", StatusCode::OK),
            (Method::POST, "/logstash/lines", StatusCode::OK),
            (Method::GET, "/log", StatusCode::NOT_FOUND),
            (Method::DELETE, "/log", StatusCode::NOT_FOUND),
            (Method::GET, "/logstash/lines", StatusCode::NOT_FOUND),
            (Method::GET, "/logs/lines", StatusCode::OK),
            (Method::DELETE, "/logs/lines", StatusCode::METHOD_NOT_ALLOWED),
        ] {
            let request = Request::builder().method(method.clone()).uri(Uri::from_static(path));
            let response = router.call(request.finish()).await.unwrap();
            assert_eq!(response.status(), expected, "{method} {path}");
        }
    }

    #[tokio::test]
    async fn only_browsers_get_the_root_page_if_programs_have_a_home() {
        let page = || function("page", &[(Method::GET, "/")]);
        let programs = Function::without_api("programs").home_for_programs(make_sync(|_| "home"));
        let with_home = router(vec![page(), programs]).unwrap();
        let without_home = router(vec![page()]).unwrap();
        for (router, accept, expected) in [
            (&with_home, "text/html, */*;q=0.1", "/"),
            (&with_home, "application/json", "home"),
            (&with_home, "*/*", "home"),
            (&without_home, "application/json", "/"),
        ] {
            let request = Request::builder().uri(Uri::from_static("/")).header("accept", accept);
            let response = router.call(request.finish()).await.unwrap();
            assert_eq!(response.into_body().into_string().await.unwrap(), expected, "{accept}");
        }
    }

    #[test]
    fn two_functions_cannot_serve_the_same_operation() {
        let one = function("one", &[(Method::GET, "/logs/:id")]);
        let other = function("other", &[(Method::GET, "/logs/:param0")]);
        let error = router(vec![one, other]).err().unwrap().to_string();
        assert_eq!(error, "GET /logs/:id is served by \"one\" and by \"other\"");
    }
}
