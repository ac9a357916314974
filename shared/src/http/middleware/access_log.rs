//! Logs each request once, when its response is ready.
//! Server errors are logged with their cause: 503 and 504 at `warn`, others at `error`. Other
//! responses are logged at `debug`.

use poem::http::StatusCode;
use poem::{Endpoint, Request, Response, Result};
use tokio::time::Instant;
use tracing::{debug, error, warn};

use crate::http::Problem;

pub(super) struct AccessLog<E> {
    pub(super) next: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for AccessLog<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let started = Instant::now();
        let response = self.next.call(request).await?;
        log(&response, started.elapsed().as_secs_f64());
        Ok(response)
    }
}

fn log(response: &Response, seconds: f64) {
    let status = response.status();
    if !status.is_server_error() {
        debug!(status = status.as_u16(), seconds, "request completed");
        return;
    }
    let cause = response.data().map_or_else(|| "unknown".to_owned(), Problem::cause_text);
    match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            warn!(status = status.as_u16(), seconds, cause, "request failed");
        }
        _ => error!(status = status.as_u16(), seconds, cause, "request failed"),
    }
}
