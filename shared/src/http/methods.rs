//! The operations of one path, by method. The GET operation also handles HEAD. Any other method
//! gets a 405 that lists the allowed methods.

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method};
use poem::{Endpoint, IntoResponse, Request, Response, Result};

use super::problem;

pub(super) struct Methods {
    operations: Vec<(Method, BoxEndpoint<'static>)>,
    /// The allowed methods, as the header `Allow` lists them.
    allow: HeaderValue,
}

impl Methods {
    pub(super) fn new(operations: Vec<(Method, BoxEndpoint<'static>)>) -> Self {
        let mut names: Vec<&str> = operations.iter().map(|(method, _)| method.as_str()).collect();
        if names.contains(&"GET") {
            names.push("HEAD");
        }
        names.sort_unstable();
        names.dedup();
        let allow = HeaderValue::try_from(names.join(", "));
        Self { allow: allow.unwrap_or(HeaderValue::from_static("")), operations }
    }

    fn find(&self, method: &Method) -> Option<&BoxEndpoint<'static>> {
        let mut operations = self.operations.iter();
        operations.find(|(other, _)| other == method).map(|(_, operation)| operation)
    }
}

impl Endpoint for Methods {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        if let Some(operation) = self.find(request.method()) {
            return operation.call(request).await;
        }
        match self.find(&Method::GET) {
            Some(get) if request.method() == Method::HEAD => {
                request.set_method(Method::GET);
                let mut response = get.call(request).await?;
                response.set_body(());
                Ok(response)
            }
            _ => Ok(problem::method_not_allowed(&self.allow).into_response()),
        }
    }
}

#[cfg(test)]
mod tests {
    use poem::EndpointExt;
    use poem::endpoint::make_sync;
    use poem::http::{StatusCode, header};

    use super::*;

    #[tokio::test]
    async fn allow_lists_every_method_of_the_path() {
        let operation = || make_sync(|_| "").map_to_response().boxed();
        let operations = vec![(Method::POST, operation()), (Method::GET, operation())];
        let methods = Methods::new(operations);
        for (method, status) in [
            (Method::GET, StatusCode::OK),
            (Method::HEAD, StatusCode::OK),
            (Method::POST, StatusCode::OK),
            (Method::PUT, StatusCode::METHOD_NOT_ALLOWED),
        ] {
            let response = methods.call(Request::builder().method(method).finish()).await.unwrap();
            assert_eq!(response.status(), status);
            if status == StatusCode::METHOD_NOT_ALLOWED {
                assert_eq!(response.headers()[header::ALLOW], "GET, HEAD, POST");
            }
        }
    }
}
