//! A message: the words and the grams under which it is indexed, and its pattern.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use shared::{pattern, text};

const MESSAGES: [(&str, &str); 3] = [
    ("plain", "Payment of order 48213 declined after 312 ms: insufficient funds"),
    ("mixed", "GET /api/v1/orders/643B0FF09D44 from 10.0.3.17:52144: HTTPConnectionTimeout, 30s"),
    ("unicode", "Zahlung für Bestellung 48213 abgelehnt: Konto überzogen, Filiale 東京駅前"),
];

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("text");
    for (name, message) in MESSAGES {
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_with_input(BenchmarkId::new("words", name), message, |bencher, message| {
            bencher.iter(|| words(black_box(message)));
        });
        group.bench_with_input(BenchmarkId::new("grams", name), message, |bencher, message| {
            bencher.iter(|| grams(black_box(message)));
        });
        group.bench_with_input(BenchmarkId::new("pattern", name), message, |bencher, message| {
            bencher.iter(|| pattern::key(black_box(message)));
        });
    }
}

/// Cuts a message into words, and lists the forms of each.
fn words(message: &str) {
    for run in text::runs(&text::word_text(message)) {
        run.forms(|form| {
            black_box(form);
        });
    }
}

fn grams(message: &str) {
    text::grams(&text::searchable(message), |gram| {
        black_box(gram);
    });
}
