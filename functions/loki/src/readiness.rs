//! Loki's readiness probe, `GET /ready`, which Vector sends before it pushes.

use std::sync::Arc;

use poem::{Endpoint, Request, Response};
use shared::http::Problem;
use shared::queue::Producer;

use crate::response::PLAIN_TEXT;

/// Returns `ready` while the queue is ready.
pub(crate) struct Readiness {
    pub(crate) queue: Arc<dyn Producer>,
}

impl Endpoint for Readiness {
    type Output = Response;

    async fn call(&self, _: Request) -> poem::Result<Response> {
        self.queue.ready().await.map_err(Problem::from)?;
        Ok(Response::builder().content_type(PLAIN_TEXT).body("ready\n"))
    }
}
