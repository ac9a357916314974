//! A thousand entries: splitting a body into the JSON texts of its entries, packing entries into
//! queue records, and parsing the records again.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use shared::LogEntry;
use shared::json::values;
use shared::queue::{Record, RecordPacker};

use crate::sample;

const ENTRIES: u32 = 1_000;

/// The default maximum size of an entry.
const MAX_ENTRY_BYTES: usize = 1024 * 1024;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("batch");
    group.throughput(Throughput::Elements(u64::from(ENTRIES)));

    let lines = vec![sample::JSON; ENTRIES as usize].join("\n");
    group.bench_function("split", |bencher| {
        bencher.iter(|| values(black_box(lines.as_bytes())).count());
    });

    let entries: Vec<LogEntry> = (0..ENTRIES).map(sample::entry).collect();
    group.bench_function("pack", |bencher| bencher.iter(|| pack(black_box(&entries))));

    let records = pack(&entries);
    assert_eq!(unpack(&records), entries);
    group.bench_function("unpack", |bencher| bencher.iter(|| unpack(black_box(&records))));
}

fn pack(entries: &[LogEntry]) -> Vec<Record> {
    let mut packer = RecordPacker::default();
    for entry in entries {
        packer.push(entry, MAX_ENTRY_BYTES).expect("the entry is small");
    }
    packer.finish()
}

/// The entries of the records, parsed line by line as a batch of the consumer does.
fn unpack(records: &[Record]) -> Vec<LogEntry> {
    let lines = records.iter().flat_map(|record| record.as_bytes().split(|byte| *byte == b'\n'));
    lines.map(|line| LogEntry::from_json(line).expect("the line is an entry")).collect()
}
