//! Remembers clients with an empty bucket, to refuse their requests without calling the limiter.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::http::client::ClientKey;

/// The maximum number of buckets to remember.
const MAX_BUCKETS: usize = 4096;

/// The time of the next token for each client with an empty bucket.
#[derive(Default)]
pub(super) struct EmptyBuckets(Mutex<HashMap<ClientKey, Instant>>);

impl EmptyBuckets {
    /// The time until the next token, if the client's bucket is known to be empty.
    pub(super) fn retry_after(&self, client: ClientKey, now: Instant) -> Option<Duration> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next_token = *buckets.get(&client)?;
        if now < next_token {
            return Some(next_token - now);
        }
        buckets.remove(&client);
        None
    }

    /// Remembers that the client's bucket is empty.
    pub(super) fn insert(&self, client: ClientKey, retry_after: Duration, now: Instant) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_BUCKETS {
            buckets.retain(|_, next_token| now < *next_token);
        }
        if buckets.len() < MAX_BUCKETS {
            buckets.insert(client, now + retry_after);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn client(number: u32) -> ClientKey {
        ClientKey::from_number(number)
    }

    #[test]
    fn a_bucket_is_empty_until_its_next_token_arrives() {
        let buckets = EmptyBuckets::default();
        let now = Instant::now();
        buckets.insert(client(1), SECOND, now);
        assert_eq!(buckets.retry_after(client(1), now), Some(SECOND));
        assert_eq!(buckets.retry_after(client(2), now), None);
        assert_eq!(buckets.retry_after(client(1), now + SECOND), None);
    }

    #[test]
    fn the_number_of_remembered_buckets_is_bounded() {
        let buckets = EmptyBuckets::default();
        let now = Instant::now();
        for number in 0..10_000 {
            buckets.insert(client(number), SECOND, now);
        }
        assert_eq!(buckets.0.lock().unwrap().len(), MAX_BUCKETS);
    }
}
