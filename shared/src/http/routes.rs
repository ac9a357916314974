//! Which operation a request asks for: known before anything is done, so that metrics, the rate
//! limit, 404 and 405 all speak of the same route.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::bail;
use poem::http::{HeaderValue, Method};

use super::{
    function::{Function, Operation, Operations},
    health::PROBES,
};

/// Every path that is served. The first that matches is the one; fixed parts go before parameters.
pub(super) struct Routes(Vec<Resource>);

/// What is at one path.
pub(super) struct Resource {
    /// The path as people and metrics read it, e.g. `/logs/{id}`.
    pub(super) template: metrics::SharedString,
    /// The methods that it takes, for the header `Allow`.
    pub(super) allow: HeaderValue,
    /// Whether its requests are counted by the rate limit.
    pub(super) limited: bool,
    methods: Vec<Method>,
    segments: Vec<Segment>,
}

/// A part of a path between slashes, ordered as they are tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Fixed(String),
    Parameter,
    Rest,
}

/// Joins the functions' operations into the table for poem's router, and what is known of it.
///
/// # Errors
/// When two functions have an operation with the same method and path.
pub(super) fn join(functions: Vec<Function>) -> anyhow::Result<(Operations, Routes)> {
    let mut table = Operations::default();
    let mut resources: BTreeMap<Vec<Segment>, Resource> = BTreeMap::new();
    let mut owners: BTreeMap<(Vec<Segment>, String), &'static str> = BTreeMap::new();
    for Function { name, operations, .. } in functions {
        for operation in operations {
            let Operation { path, method, endpoint, template } = operation;
            let key = segments(&path);
            if let Some(other) = owners.insert((key.clone(), method.to_string()), name) {
                bail!("{method} {template} is served by \"{other}\" and by \"{name}\"");
            }
            let resource =
                resources.entry(key.clone()).or_insert_with(|| Resource::new(template, key));
            resource.methods.push(method.clone());
            table.0.entry(path).or_default().insert(method, endpoint);
        }
    }
    let routes = resources.into_values().map(Resource::finish).collect();
    Ok((table, Routes(routes)))
}

impl Routes {
    /// What is at `path`.
    pub(super) fn find(&self, path: &str) -> Option<&Resource> {
        self.0.iter().find(|resource| resource.matches(path))
    }
}

impl Resource {
    fn new(template: String, segments: Vec<Segment>) -> Self {
        Self {
            limited: !PROBES.contains(&template.as_str()),
            template: Arc::<str>::from(template).into(),
            allow: HeaderValue::from_static(""),
            methods: Vec::new(),
            segments,
        }
    }

    /// Settles the methods: whoever answers GET answers HEAD, too.
    fn finish(mut self) -> Self {
        if self.methods.contains(&Method::GET) {
            self.methods.push(Method::HEAD);
        }
        let mut names: Vec<&str> = self.methods.iter().map(Method::as_str).collect();
        names.sort_unstable();
        names.dedup();
        self.allow = HeaderValue::try_from(names.join(", ")).unwrap_or(self.allow);
        self
    }

    /// Whether the method is one that the resource takes.
    pub(super) fn takes(&self, method: &Method) -> bool {
        self.methods.contains(method)
    }

    fn matches(&self, path: &str) -> bool {
        let mut parts = path.split('/').skip(1);
        for segment in &self.segments {
            let matched = match (segment, parts.next()) {
                (Segment::Rest, Some(_)) => return true,
                (Segment::Fixed(fixed), Some(part)) => fixed == part,
                (Segment::Parameter, Some(part)) => !part.is_empty(),
                (_, None) => false,
            };
            if !matched {
                return false;
            }
        }
        parts.next().is_none()
    }
}

fn segments(path: &str) -> Vec<Segment> {
    let segment = |part: &str| match part.as_bytes().first() {
        Some(b':') => Segment::Parameter,
        Some(b'*') => Segment::Rest,
        _ => Segment::Fixed(part.to_owned()),
    };
    path.split('/').skip(1).map(segment).collect()
}

#[cfg(test)]
mod tests {
    use poem::endpoint::make_sync;

    use super::*;

    fn function(name: &'static str, operations: &[(Method, &str)]) -> Function {
        let mut function = Function::new(name, ());
        for (method, path) in operations {
            function = function.route(path, make_sync(|_| ()));
            function.operations.last_mut().unwrap().method = method.clone();
        }
        function
    }

    fn routes(operations: &[(Method, &str)]) -> Routes {
        join(vec![function("test", operations)]).unwrap().1
    }

    #[test]
    fn fixed_parts_go_before_parameters_and_parameters_before_the_rest() {
        let operations = ["/*rest", "/logs/:param0", "/logs/search", "/docs/*path"];
        let routes = routes(&operations.map(|path| (Method::GET, path)));
        for (path, template) in [
            ("/logs/search", "/logs/search"),
            ("/logs/17", "/logs/:param0"),
            ("/logs/17/18", "/*rest"),
            ("/docs/", "/docs/*path"),
            ("/docs/a/b.css", "/docs/*path"),
            ("/docs", "/*rest"),
        ] {
            assert_eq!(&*routes.find(path).unwrap().template, template, "{path}");
        }
    }

    #[test]
    fn a_path_matches_as_a_whole() {
        let routes = routes(&[(Method::GET, "/logs/:param0"), (Method::GET, "/logs")]);
        for path in ["/", "", "*", "/logs/", "/logs/1/2", "/log", "/logs2"] {
            assert!(routes.find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn allow_names_each_method_of_the_path() {
        let routes = routes(&[(Method::POST, "/logs"), (Method::GET, "/logs")]);
        let resource = routes.find("/logs").unwrap();
        assert_eq!(resource.allow, "GET, HEAD, POST");
        assert!(resource.takes(&Method::HEAD) && !resource.takes(&Method::PUT));
    }

    #[test]
    fn the_same_operation_of_two_functions_is_refused_by_name() {
        let one = function("one", &[(Method::GET, "/logs/:param0")]);
        let other = function("other", &[(Method::GET, "/logs/:param0")]);
        let error = join(vec![one, other]).err().unwrap().to_string();
        assert_eq!(error, "GET /logs/:param0 is served by \"one\" and by \"other\"");
    }
}
