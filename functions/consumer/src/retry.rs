//! Retries until a service recovers, so that no entry is lost while it is unavailable. Pauses grow
//! and are jittered, so that consumers do not retry in lockstep.

use std::{iter::Iterator, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use shared::Error;
use tokio_util::sync::CancellationToken;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Returns an endless sequence of pauses between attempts.
pub(crate) fn backoff() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .with_jitter()
        .build()
}

/// Repeats `attempt` while the service is unavailable. Returns `None` if the process shuts down
/// first.
pub(crate) async fn retry_while_unavailable<T, F: Future<Output = Result<T, Error>>>(
    what: &'static str,
    shutdown: &CancellationToken,
    mut attempt: impl FnMut() -> F,
) -> Option<Result<T, Error>> {
    let mut pauses = backoff();
    loop {
        match attempt().await {
            Err(error @ Error::Unavailable { .. }) => log(what, &error),
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
    let pause = pauses.next().unwrap_or(LONGEST_PAUSE);
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = shutdown.cancelled() => {}
    }
}

/// Logs and counts a failed attempt.
pub(crate) fn log(what: &'static str, error: &Error) {
    tracing::warn!(what, %error, "retrying");
    metrics::counter!("consumer_retries_total", "what" => what).increment(1);
}
