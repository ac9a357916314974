//! Taking a token from the limiter in memory: from the buckets of many clients in turn, and from an
//! empty one.

use std::num::NonZeroU32;
use std::sync::Arc;

use criterion::Criterion;
use shared::limiter::{self, Decision, Limiter, TokenBucket};
use tokio::runtime::{Builder, Runtime};

/// More tokens than a run takes from any bucket.
const NEVER_EMPTY: u32 = 1_000_000_000;

pub(crate) fn bench(criterion: &mut Criterion) {
    let runtime = Builder::new_current_thread().build().expect("failed to start the runtime");
    let mut group = criterion.benchmark_group("limiter");

    let limiter = open(&runtime, NEVER_EMPTY);
    let clients: Vec<String> =
        (0..1_000).map(|n| format!("10.0.{}.{}", n / 250, n % 250)).collect();
    let mut turn = 0;
    group.bench_function("allowed", |bencher| {
        bencher.to_async(&runtime).iter(|| {
            turn = (turn + 1) % clients.len();
            limiter.try_acquire(&clients[turn])
        });
    });

    let limiter = open(&runtime, 1);
    let _last_token = runtime.block_on(limiter.try_acquire("10.0.0.1"));
    let decision = runtime.block_on(limiter.try_acquire("10.0.0.1"));
    assert!(matches!(decision, Ok(Decision::Refused { .. })), "{decision:?}");
    group.bench_function("refused", |bencher| {
        bencher.to_async(&runtime).iter(|| limiter.try_acquire("10.0.0.1"));
    });
}

/// A limiter with buckets of this capacity, which are refilled by one token per second.
fn open(runtime: &Runtime, capacity: u32) -> Arc<dyn Limiter> {
    let capacity = NonZeroU32::new(capacity).expect("the capacity is positive");
    let bucket = TokenBucket { capacity, rate: NonZeroU32::MIN };
    let url = "memory:".parse().expect("the URL is valid");
    runtime.block_on(limiter::open(&url, bucket)).expect("the limiter is supported")
}
