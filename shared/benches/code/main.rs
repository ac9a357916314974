//! `make bench-code` measures the code that entries and queries pass through, without a server.
//! This part has entries, text and queries; the part in `deployments/standalone` has the decoders
//! of the protocols and the limiter.
//!
//! `cargo bench -p shared --bench code -- words` runs the benchmarks of this part with `words` in
//! their names. Criterion compares each run with the previous one.
#![allow(clippy::expect_used, reason = "a benchmark may panic")]

mod batch;
mod entry;
mod query;
mod sample;
mod text;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    entry::bench(&mut criterion);
    batch::bench(&mut criterion);
    text::bench(&mut criterion);
    query::bench(&mut criterion);
    criterion.final_summary();
}
