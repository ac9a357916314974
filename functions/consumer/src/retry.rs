//! Try until it is done: a service that is away comes back, and nothing is lost meanwhile.
//! Pauses grow with jitter, so that many consumers do not come back at the same moment.

use std::{iter::Iterator, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder};
use shared::Error;
use tokio_util::sync::CancellationToken;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The pauses between attempts.
pub(crate) fn backoff() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .with_jitter()
        .build()
}

/// Repeats `attempt` until the service answers. `None`: it is away and shutdown has come.
pub(crate) async fn until_answered<T, F: Future<Output = Result<T, Error>>>(
    what: &'static str,
    shutdown: &CancellationToken,
    mut attempt: impl FnMut() -> F,
) -> Option<Result<T, Error>> {
    let mut pauses = backoff();
    loop {
        match attempt().await {
            Err(error @ Error::Unavailable { .. }) => log(what, &error),
            answer => return Some(answer),
        }
        if shutdown.is_cancelled() {
            return None;
        }
        pause(&mut pauses, shutdown).await;
    }
}

/// Waits for the next attempt, or for shutdown.
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

/// A failed attempt, for the person on call.
pub(crate) fn log(what: &'static str, error: &Error) {
    tracing::warn!(what, %error, "trying again");
    metrics::counter!("consumer_retries_total", "what" => what).increment(1);
}
