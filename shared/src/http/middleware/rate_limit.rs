//! Refuses a client's requests while its rate limit bucket is empty.

use std::sync::Arc;

use poem::{Endpoint, IntoResponse, Request, Response, Result};

use crate::http::client::Client;
use crate::http::problem;
use crate::http::rate_limit::{Outcome, RateLimit};

pub(super) struct RateLimited<E> {
    pub(super) next: E,
    /// `None` if requests to this route are not limited.
    pub(super) rate_limit: Option<Arc<RateLimit>>,
}

impl<E: Endpoint<Output = Response>> Endpoint for RateLimited<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let Some(rate_limit) = &self.rate_limit else {
            return self.next.call(request).await;
        };
        let outcome = rate_limit.take_token(Client::of(&request).key()).await;
        let mut response = match outcome {
            Outcome::Refused { retry_after } => {
                problem::too_many_requests(retry_after).into_response()
            }
            Outcome::Allowed { .. } | Outcome::Unknown => self.next.call(request).await?,
        };
        rate_limit.write_headers(outcome, response.headers_mut());
        Ok(response)
    }
}
