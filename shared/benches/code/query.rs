//! A query: parsing it, and evaluating it on one entry, as the live tail does for each entry that
//! arrives. The entry meets every condition, so that none is skipped.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion};
use shared::query::{Subject, parse};

use crate::sample;

/// A query, and whether its words tolerate typos.
struct Query {
    name: &'static str,
    text: &'static str,
    fuzzy: bool,
}

const QUERIES: [Query; 5] = [
    Query { name: "words", text: "payment declined", fuzzy: false },
    Query { name: "typos", text: "paymnet declned", fuzzy: true },
    Query { name: "fragment", text: r#""order 48213 decl""#, fuzzy: false },
    Query { name: "fields", text: "service:checkout level:>=warn @order_id:48213", fuzzy: false },
    Query {
        name: "combined",
        text: concat!(
            r#"(timeout OR declined) "after 312" service:check* level:>=warn timestamp:>=-15m "#,
            "@retries:[1 TO 5] -@region:us-east-1",
        ),
        fuzzy: false,
    },
];

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("query");
    let (entry, now) = (sample::entry(0), sample::now());
    for Query { name, text, fuzzy } in QUERIES {
        let condition = parse(text, fuzzy, now).expect("the query is valid");
        assert!(condition.matches(&Subject::new(&entry)), "{text} should match the entry");

        group.bench_function(BenchmarkId::new("parse", name), |bencher| {
            bencher.iter(|| parse(black_box(text), fuzzy, now));
        });
        group.bench_function(BenchmarkId::new("match", name), |bencher| {
            bencher.iter(|| condition.matches(&Subject::new(black_box(&entry))));
        });
    }
}
