//! `make bench-code` measures the code that entries and queries pass through, without a server.
//! This part has the decoders of the protocols and the limiter in memory; the part in `shared` has
//! entries, text and queries.
//!
//! `cargo bench -p standalone --bench code -- otlp` runs the benchmarks of this part with `otlp` in
//! their names. Criterion compares each run with the previous one.
#![allow(clippy::expect_used, reason = "a benchmark may panic")]

mod bodies;
mod decode;
mod limiter;
mod protobuf;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    decode::bench(&mut criterion);
    limiter::bench(&mut criterion);
    criterion.final_summary();
}
