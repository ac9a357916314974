//! Retries until a service recovers, so that no entry is lost while it is unavailable.

use std::time::Duration;

use shared::Error;
pub(crate) use shared::retry::backoff;
use tokio_util::sync::CancellationToken;

/// Repeats `attempt` while the service is unavailable. Returns `None` if the process shuts down
/// first.
pub(crate) async fn retry_while_unavailable<T, F: Future<Output = Result<T, Error>>>(
    what: &'static str,
    shutdown: &CancellationToken,
    attempt: impl FnMut() -> F,
) -> Option<Result<T, Error>> {
    let is_temporary = |error: &Error| matches!(error, Error::Unavailable { .. });
    retry_if(is_temporary, what, shutdown, attempt).await
}

/// Repeats `attempt` until it succeeds. Returns `None` if the process shuts down first.
pub(crate) async fn until_success<T, F: Future<Output = Result<T, Error>>>(
    what: &'static str,
    shutdown: &CancellationToken,
    attempt: impl FnMut() -> F,
) -> Option<T> {
    retry_if(|_| true, what, shutdown, attempt).await?.ok()
}

/// Repeats `attempt` after errors that meet the condition. Returns `None` if the process shuts down
/// first.
async fn retry_if<T, F: Future<Output = Result<T, Error>>>(
    condition: impl Fn(&Error) -> bool,
    what: &'static str,
    shutdown: &CancellationToken,
    mut attempt: impl FnMut() -> F,
) -> Option<Result<T, Error>> {
    let mut pauses = backoff();
    loop {
        match attempt().await {
            Err(error) if condition(&error) => log(what, &error),
            result => return Some(result),
        }
        if shutdown.is_cancelled() {
            return None;
        }
        pause(&mut pauses, shutdown).await;
    }
}

/// Waits until the next attempt is due, or until shutdown.
pub(crate) async fn pause(
    pauses: &mut impl Iterator<Item = Duration>,
    shutdown: &CancellationToken,
) {
    shutdown.run_until_cancelled(shared::retry::pause(pauses)).await;
}

/// Logs and counts a failed attempt.
pub(crate) fn log(what: &'static str, error: &Error) {
    tracing::warn!(what, %error, "retrying");
    metrics::counter!("consumer_retries_total", "what" => what).increment(1);
}
