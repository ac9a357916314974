//! Any query is parsed or rejected, and evaluated on any message, without a panic. Highlights lie
//! within the message, and a message contains itself as a fragment.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use shared::query::{Highlight, Subject, parse};
use shared::testing::EntryBuilder;
use shared::{Timestamp, text};

fuzz_target!(|input: (String, String, bool)| {
    let (query, message, fuzzy) = input;
    let attributes = json!({"text": message, "number": message.len()}).to_string();
    let entry = EntryBuilder::new(&message).attributes(attributes).build();

    let searchable = text::searchable(&message);
    assert!(searchable.contains(&text::fragment(&message)));

    let condition = match parse(&query, fuzzy, Timestamp::now()) {
        Ok(condition) => condition,
        Err(error) => {
            assert!(error.position <= query.chars().count());
            return;
        }
    };
    if condition.matches(&Subject::new(&entry)) {
        let length = message.chars().count();
        let highlight = Highlight::of(&condition, &entry);
        assert!(highlight.message.iter().all(|range| range.start < range.end && range.end <= length));
    }
});
