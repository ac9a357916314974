//! The URL schemes of each port.

use std::num::NonZeroU32;
use std::time::Duration;

use shared::limiter::TokenBucket;
use shared::{cache, index, limiter, queue, store};
use url::Url;

#[tokio::test]
async fn an_error_for_an_unknown_scheme_lists_the_supported_schemes() {
    let url: Url = "ftp://user:secret@host/path".parse().unwrap();
    let bucket = TokenBucket { capacity: NonZeroU32::MIN, rate: NonZeroU32::MIN };
    for (variable, schemes, error) in [
        ("QUEUE_URL", "kafka, sqlite", queue::open(&url).await.err()),
        ("STORE_URL", "mysql, sqlite", store::open(&url).await.err()),
        ("INDEX_URL", "http, https, tantivy", index::open(&url).await.err()),
        ("CACHE_URL", "memory, redis", cache::open(&url, Duration::MAX).await.err()),
        ("LIMITER_URL", "memory, redis", limiter::open(&url, bucket).await.err()),
    ] {
        let expected =
            format!("{variable}: unknown scheme \"ftp\"; this binary supports {schemes}");
        assert_eq!(error.unwrap().to_string(), expected);
    }
}

#[tokio::test]
async fn embedded_adapters_reject_unknown_options() {
    let bucket = TokenBucket { capacity: NonZeroU32::MIN, rate: NonZeroU32::MIN };
    let parse = |url: &str| url.parse::<Url>().unwrap();
    for error in [
        queue::open(&parse("sqlite:///tmp/a?size=1")).await.err(),
        store::open(&parse("sqlite:///tmp/a?size=1")).await.err(),
        index::open(&parse("tantivy:///tmp/a?size=1")).await.err(),
        cache::open(&parse("memory:?size=1"), Duration::MAX).await.err(),
        limiter::open(&parse("memory:?size=1"), bucket).await.err(),
    ] {
        let error = error.unwrap().to_string();
        assert!(error.contains("_URL: unknown option \"size\""), "{error}");
    }
}
