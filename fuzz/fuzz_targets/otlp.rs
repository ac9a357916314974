//! Any body is decoded or rejected without a panic, in protobuf and in JSON. Each entry has
//! attributes that LogPulse can store.
#![no_main]

use libfuzzer_sys::fuzz_target;
use otlp::{Format, decode};
use shared::log_entry::Attributes;

fuzz_target!(|body: &[u8]| {
    for format in [Format::Protobuf, Format::Json] {
        let _ = decode(format, &mut body.to_vec(), |entry| {
            if let Ok(entry) = entry
                && let Some(attributes) = entry.attributes
            {
                assert!(Attributes::parse(attributes.as_str().to_owned()).is_ok());
            }
        });
    }
});
