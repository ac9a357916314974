//! Any body is decoded or rejected without a panic. Each entry has attributes that LogPulse can
//! store, and its id, if it has one, is one that a client may send.
#![no_main]

use std::sync::LazyLock;

use bulk::decode;
use libfuzzer_sys::fuzz_target;
use shared::intake::shape::Names;
use shared::log_entry::Attributes;
use shared::{Arrival, Timestamp};

static NAMES: LazyLock<Names> = LazyLock::new(Names::standard);

fuzz_target!(|body: &[u8]| {
    let arrival = Arrival::new(Timestamp::from_micros(1_795_626_000_000_000).unwrap());
    let _ = decode(body, &NAMES, &arrival, |entry| {
        let Ok(entry) = entry else { return };
        assert!(entry.id.is_none_or(|id| arrival.accepts(id)));
        if let Some(attributes) = entry.attributes {
            assert!(Attributes::parse(attributes.as_str().to_owned()).is_ok());
        }
    });
});
