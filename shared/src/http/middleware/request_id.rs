//! Assigns each request an id, which appears in the response and the log.

use poem::http::{HeaderName, HeaderValue};
use poem::{Endpoint, Request, Response, Result};
use uuid::Uuid;

use crate::http::client::Client;

pub(in crate::http) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is accepted from a proxy, in bytes.
const MAX_BYTES: usize = 128;

pub(super) struct RequestIds<E> {
    pub(super) next: E,
}

/// The id of a request.
#[derive(Clone)]
pub(in crate::http) struct RequestId(pub(in crate::http) HeaderValue);

impl<E: Endpoint<Output = Response>> Endpoint for RequestIds<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let RequestId(id) = from_proxy(&request).unwrap_or_else(RequestId::random);
        request.set_data(RequestId(id.clone()));
        let mut response = self.next.call(request).await?;
        response.headers_mut().insert(X_REQUEST_ID, id);
        Ok(response)
    }
}

impl RequestId {
    /// An id for a request that has none.
    pub(in crate::http) fn random() -> Self {
        let id = Uuid::new_v4().simple().to_string();
        // Hexadecimal digits are a valid header value.
        Self(HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("unknown")))
    }

    pub(in crate::http) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

/// The id that a trusted proxy assigned, if it is safe to log.
pub(super) fn from_proxy(request: &Request) -> Option<RequestId> {
    let id = request.headers().get(X_REQUEST_ID).filter(|_| Client::of(request).behind_proxy)?;
    let is_safe =
        (1..=MAX_BYTES).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic);
    is_safe.then(|| RequestId(id.clone()))
}
