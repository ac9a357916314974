//! A body in any format is decoded or rejected without a panic, and its entries are valid.
#![no_main]

use std::sync::Arc;

use any::decode::{Context, Format, decode};
use libfuzzer_sys::fuzz_target;
use shared::intake::shape::Names;
use shared::{Arrival, LogEntry, Timestamp};

/// The maximum size of a record.
const MAX_BYTES: usize = 4096;

fuzz_target!(|input: (u8, Vec<u8>)| {
    let (format, mut body) = input;
    let format = match format {
        0 => Format::of("", &body),
        1 => Format::of("application/json", &body),
        2 => Format::Lines,
        3 => Format::Journal,
        _ => Format::MessagePack,
    };
    let context = Context { names: Arc::new(Names::standard()), service: None };
    let arrival = Arrival::new(Timestamp::now());
    let _ = decode(&mut body, format, &context, MAX_BYTES, &mut |entry| {
        if let Ok(entry) = entry {
            let entry = entry.arrive(&arrival, 0).expect("records have no ids");
            let stored = LogEntry::from_json(&entry.to_json()).expect("stored entries are valid");
            assert!(stored == entry);
        }
        Ok(())
    });
});
