//! The response headers `RateLimit-Policy` and `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers-11).

use poem::http::{HeaderMap, HeaderName, HeaderValue};

use super::Outcome;
use crate::http::problem::whole_seconds;
use crate::limiter::TokenBucket;

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// The policy, which is the same in every response.
pub(super) struct RateLimitHeaders {
    policy: HeaderValue,
}

impl RateLimitHeaders {
    pub(super) fn new(bucket: TokenBucket) -> Self {
        let window_seconds = bucket.capacity.get().div_ceil(bucket.rate.get());
        let policy = format!("\"client\";q={};w={window_seconds}", bucket.capacity);
        Self { policy: HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("")) }
    }

    /// Adds the headers to a response.
    pub(super) fn write(&self, outcome: Outcome, headers: &mut HeaderMap) {
        headers.insert(POLICY, self.policy.clone());
        let limit = match outcome {
            // A bucket gains at least one token a second.
            Outcome::Allowed { remaining } => format!("\"client\";r={remaining};t=1"),
            Outcome::Refused { retry_after } => {
                format!("\"client\";r=0;t={}", whole_seconds(retry_after))
            }
            Outcome::Unknown => return,
        };
        if let Ok(limit) = HeaderValue::try_from(limit) {
            headers.insert(LIMIT, limit);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::RateLimitConfig;

    #[test]
    fn headers_contain_the_policy_and_the_remaining_quota() {
        let policy = "ratelimit-policy: \"client\";q=100;w=2";
        let allowed = [policy, "ratelimit: \"client\";r=20;t=1"];
        let refused = [policy, "ratelimit: \"client\";r=0;t=1"];
        let retry_after = Duration::from_millis(500);
        for (outcome, expected) in [
            (Outcome::Allowed { remaining: 20 }, allowed.as_slice()),
            (Outcome::Refused { retry_after }, refused.as_slice()),
            (Outcome::Unknown, &[policy]),
        ] {
            let mut headers = HeaderMap::new();
            let bucket = TokenBucket::from(&RateLimitConfig::default());
            RateLimitHeaders::new(bucket).write(outcome, &mut headers);
            let line = |(name, value): (&HeaderName, &HeaderValue)| {
                format!("{name}: {}", value.to_str().unwrap())
            };
            assert_eq!(headers.iter().map(line).collect::<Vec<String>>(), expected);
        }
    }
}
