//! A function as the runtime sees it: operations by method and path, and the ports it needs.
//! Several functions are joined into one table, in which nothing may be there twice.

use std::{collections::HashMap, sync::Arc};

use poem::{Endpoint, EndpointExt, endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    OpenApi,
    registry::{MetaApi, Registry},
};

use crate::error::Ready;

/// Operations by path and method, as poem-openapi collects them.
pub(super) type Table = HashMap<String, HashMap<Method, BoxEndpoint<'static>>>;

/// The operations of several functions: an API again, for the router.
#[derive(Default)]
pub(super) struct Operations(pub(super) Table);

impl OpenApi for Operations {
    fn meta() -> Vec<MetaApi> {
        Vec::new()
    }

    fn register(_: &mut Registry) {}

    fn add_routes(self, table: &mut Table) {
        table.extend(self.0);
    }
}

/// What is served: an API and the ports that it needs.
pub struct Function {
    pub(super) name: &'static str,
    pub(super) operations: Vec<Operation>,
    pub(super) requirements: Vec<Requirement>,
}

/// What is done for one method of one path.
pub(super) struct Operation {
    /// The path as poem's router takes it, e.g. `/logs/:param0`.
    pub(super) path: String,
    /// The path as people and metrics read it, e.g. `/logs/{id}`.
    pub(super) template: String,
    pub(super) method: Method,
    pub(super) endpoint: BoxEndpoint<'static>,
}

/// A port that must answer for the function to do its work.
#[derive(Clone)]
pub(super) struct Requirement {
    pub(super) name: &'static str,
    pub(super) port: Arc<dyn Ready>,
}

impl Function {
    /// A function that answers the operations of `api`.
    pub fn new(name: &'static str, api: impl OpenApi + 'static) -> Self {
        let templates = templates(&api);
        let mut table = Table::new();
        api.add_routes(&mut table);
        let mut operations = Vec::new();
        for (path, methods) in table {
            let template = templates.get(&path).unwrap_or(&path).clone();
            for (method, endpoint) in methods {
                operations.push(Operation {
                    path: path.clone(),
                    template: template.clone(),
                    method,
                    endpoint,
                });
            }
        }
        Self { name, operations, requirements: Vec::new() }
    }

    /// A function that answers nothing but what the runtime does: probes and metrics.
    #[must_use]
    pub fn without_api(name: &'static str) -> Self {
        Self { name, operations: Vec::new(), requirements: Vec::new() }
    }

    /// Says that the function needs this port: without it, `/readyz` answers 503 and the name.
    #[must_use]
    pub fn requires(mut self, name: &'static str, port: Arc<dyn Ready>) -> Self {
        self.requirements.push(Requirement { name, port });
        self
    }

    /// Answers GET of `path` (in poem's notation) by an endpoint that is no part of the API.
    #[must_use]
    pub fn route(mut self, path: &str, endpoint: impl Endpoint + 'static) -> Self {
        self.operations.push(Operation {
            path: path.to_owned(),
            template: path.to_owned(),
            method: Method::GET,
            endpoint: endpoint.map_to_response().boxed(),
        });
        self
    }
}

/// Each path of the API as the router takes it, with the path as the document has it.
fn templates<A: OpenApi>(_: &A) -> HashMap<String, String> {
    let paths = A::meta().into_iter().flat_map(|MetaApi { paths }| paths);
    paths.map(|path| (router_path(&path.path), path.path)).collect()
}

/// `/logs/{id}` becomes `/logs/:param0`: poem-openapi numbers its path parameters.
fn router_path(template: &str) -> String {
    let mut parameters = 0..;
    let segments = template.split('/').map(|segment| match segment.strip_prefix('{') {
        Some(_) => format!(":param{}", parameters.next().unwrap_or_default()),
        None => segment.to_owned(),
    });
    segments.collect::<Vec<String>>().join("/")
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
    fn an_operation_has_the_path_of_the_router_and_the_one_of_the_document() {
        let function = Function::new("test", Api);
        let operation = &function.operations[0];
        assert_eq!(operation.path, "/logs/:param0/lines/:param1");
        assert_eq!(operation.template, "/logs/{id}/lines/{line}");
    }
}
