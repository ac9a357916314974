//! Any stream is split into messages without losing a byte, wherever it is cut, and any message
//! becomes an entry that contains its text.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use shared::Timestamp;
use shared::intake::shape::Names;
use shared::intake::syslog::Message;
use shared::log_entry::Attributes;
use syslog::frames::Frames;

/// The lowest limit on the length of a message.
const MAX_BYTES: usize = 256;

static NAMES: LazyLock<Names> = LazyLock::new(Names::standard);
static ARRIVAL: LazyLock<Timestamp> =
    LazyLock::new(|| Timestamp::parse("2026-11-27T00:00:00Z").unwrap());

/// The messages of a stream that is received in these parts.
fn messages(parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut frames = Frames::new(MAX_BYTES);
    let mut messages = Vec::new();
    for part in parts {
        frames.push(part);
        while let Some(message) = frames.next_message() {
            assert!(message.len() <= MAX_BYTES);
            messages.push(message.to_vec());
        }
    }
    messages.extend(frames.finish().map(|message| message.to_vec()));
    messages
}

fuzz_target!(|stream: &[u8]| {
    let whole = messages(&[stream]);
    let (first, second) = stream.split_at(stream.len() / 2);
    assert_eq!(messages(&[first, second]), whole);
    let parts: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(messages(&parts), whole);
    for message in &whole {
        let text = String::from_utf8_lossy(message);
        let Ok(entry) = Message::parse(&text, *ARRIVAL).into_entry(&NAMES, None, MAX_BYTES) else {
            panic!("{text:?} is not an entry");
        };
        if let Some(attributes) = entry.attributes {
            assert!(Attributes::parse(attributes.as_str().to_owned()).is_ok());
        }
    }
});
