//! Any push request is decoded or rejected without a panic, in JSON and in protobuf. Each entry has
//! attributes that LogPulse can store.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use loki::{Bounds, Form, decode};
use shared::intake::shape::Names;
use shared::log_entry::Attributes;

static NAMES: LazyLock<Names> = LazyLock::new(Names::standard);

fuzz_target!(|body: &[u8]| {
    let bounds = Bounds { parsed_line_bytes: 1024, label_bytes: 64 * 1024 };
    for form in [Form::Json, Form::Protobuf] {
        let _ = decode(form, &mut body.to_vec(), &NAMES, bounds, &mut |entry| {
            if let Ok(entry) = entry
                && let Some(attributes) = entry.attributes
            {
                assert!(Attributes::parse(attributes.as_str().to_owned()).is_ok());
            }
            Ok(())
        });
    }
});
