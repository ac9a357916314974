//! One entry: parsing what a client sends, filling in the defaults, and serializing.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput};
use shared::NewLogEntry;

use crate::sample;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("entry");
    let arrival = sample::arrival();
    group.bench_function("arrive", |bencher| {
        let arrive = |entry: NewLogEntry| entry.arrive(&arrival, 0);
        bencher.iter_batched(sample::new_entry, arrive, BatchSize::SmallInput);
    });

    group.throughput(Throughput::Bytes(sample::JSON.len() as u64));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| NewLogEntry::from_json(black_box(sample::JSON.as_bytes())));
    });

    let entry = sample::entry(0);
    group.throughput(Throughput::Bytes(entry.to_json().len() as u64));
    group.bench_function("serialize", |bencher| bencher.iter(|| black_box(&entry).to_json()));
}
