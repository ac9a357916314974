//! Decoding a body of each protocol into entries. Decompression is not included.

use std::hint::black_box;
use std::sync::Arc;

use any::decode::{Context, Format};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use loki::{Bounds, Form};
use shared::intake::shape::{Names, max_parsed_bytes};
use shared::intake::syslog::Message;
use shared::log_entry::ValidationError;
use shared::{Arrival, NewLogEntry, Timestamp};
use syslog::frames::Frames;

use crate::bodies::{self, RECORDS, TIME};
use crate::protobuf;

/// The default maximum size of an entry.
const MAX_ENTRY_BYTES: usize = 1024 * 1024;

type Group<'c> = BenchmarkGroup<'c, WallTime>;

type Entry = Result<NewLogEntry, ValidationError>;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(RECORDS));
    let arrived = Timestamp::parse(TIME).expect("the time is valid");
    any(&mut group);
    otlp(&mut group);
    bulk(&mut group, arrived);
    loki(&mut group);
    syslog(&mut group, arrived);
}

/// Measures `decode`, which passes each entry of a body to a closure, after checking that every
/// record becomes an entry with its message.
fn measure(group: &mut Group<'_>, id: BenchmarkId, mut decode: impl FnMut(&mut dyn FnMut(Entry))) {
    let mut messages = Vec::new();
    decode(&mut |entry| messages.push(entry.expect("the record is valid").message));
    assert!(messages.into_iter().eq(bodies::orders().map(bodies::message)));
    group.bench_function(id, |bencher| {
        bencher.iter(|| decode(&mut |entry| drop(black_box(entry))));
    });
}

fn any(group: &mut Group<'_>) {
    let context = Context { names: Arc::new(Names::standard()), service: None };
    let mut body = bodies::ndjson();
    let format = Format::of("application/x-ndjson", &body);
    measure(group, BenchmarkId::new("any", "ndjson"), |add| {
        let mut add = |entry| {
            add(entry);
            Ok(())
        };
        any::decode::decode(&mut body, format, &context, MAX_ENTRY_BYTES, &mut add)
            .expect("the body is valid");
    });
}

fn otlp(group: &mut Group<'_>) {
    for (name, format, mut body) in [
        ("json", otlp::Format::Json, bodies::otlp()),
        ("protobuf", otlp::Format::Protobuf, protobuf::otlp()),
    ] {
        measure(group, BenchmarkId::new("otlp", name), |add| {
            otlp::decode(format, &mut body, add).expect("the body is valid");
        });
    }
}

fn bulk(group: &mut Group<'_>, arrived: Timestamp) {
    let (names, arrival) = (Names::standard(), Arrival::new(arrived));
    let body = bodies::bulk();
    measure(group, BenchmarkId::new("bulk", "json"), |add| {
        bulk::decode(&body, &names, &arrival, add).expect("the body is valid");
    });
}

fn loki(group: &mut Group<'_>) {
    let names = Names::standard();
    // Those of a server with the default limits.
    let bounds = Bounds { parsed_line_bytes: MAX_ENTRY_BYTES / 4, label_bytes: 64 * 1024 * 1024 };
    for (name, form, mut body) in
        [("json", Form::Json, bodies::loki()), ("protobuf", Form::Protobuf, protobuf::loki())]
    {
        measure(group, BenchmarkId::new("loki", name), |add| {
            let mut add = |entry| {
                add(entry);
                Ok(())
            };
            loki::decode(form, &mut body, &names, bounds, &mut add).expect("the body is valid");
        });
    }
}

fn syslog(group: &mut Group<'_>, arrived: Timestamp) {
    let names = Names::standard();
    let max_parsed_bytes = max_parsed_bytes(MAX_ENTRY_BYTES);
    for (name, stream) in [("rfc5424", bodies::rfc5424()), ("rfc3164", bodies::rfc3164())] {
        measure(group, BenchmarkId::new("syslog", name), |add| {
            let mut frames = Frames::new(MAX_ENTRY_BYTES);
            frames.push(&stream);
            while let Some(message) = frames.next_message() {
                let text = String::from_utf8_lossy(&message);
                add(Message::parse(&text, arrived).into_entry(&names, None, max_parsed_bytes));
            }
        });
    }
}
