//! Lets pages from the allowed origins call the API from a browser (CORS, Fetch Standard).
//! A request from any other origin gets the same response as without CORS, apart from `Vary`.

use poem::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Request, Response, Result};

use crate::config::AllowedOrigins;

/// The headers of a preflight response.
const PREFLIGHT_HEADERS: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "Content-Type, Content-Encoding, Prefer, traceparent"),
    // Two hours, the maximum that browsers respect.
    (header::ACCESS_CONTROL_MAX_AGE, "7200"),
];

/// The response headers that a page may read.
const EXPOSED_HEADERS: HeaderValue =
    HeaderValue::from_static("X-Request-Id, RateLimit, RateLimit-Policy, Retry-After, Location");

pub(super) struct Cors<E> {
    pub(super) next: E,
    pub(super) origins: AllowedOrigins,
}

impl<E: Endpoint<Output = Response>> Endpoint for Cors<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if self.origins.is_empty() {
            return self.next.call(request).await;
        }
        let allowed = self.allow_origin(request.headers());
        let mut response = match &allowed {
            Some(_) if is_preflight(&request) => preflight_response(),
            _ => self.next.call(request).await?,
        };
        let headers = response.headers_mut();
        // The response depends on the origin, even if the request has none.
        headers.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = allowed {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
        }
        Ok(response)
    }
}

impl<E> Cors<E> {
    /// The value of `Access-Control-Allow-Origin`, if the request has an allowed origin.
    fn allow_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        if self.origins == AllowedOrigins::Any {
            return Some(HeaderValue::from_static("*"));
        }
        self.origins.contains(origin.to_str().ok()?).then(|| origin.clone())
    }
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn preflight_response() -> Response {
    let mut response = Response::from(StatusCode::NO_CONTENT);
    for (name, value) in PREFLIGHT_HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
