//! Trace and span ids.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use shared::log_entry::TraceId;

use crate::record::{Id, LogRecord};

/// The length of a trace id in bytes.
const TRACE_ID_BYTES: usize = 16;

/// The length of a span id in bytes.
const SPAN_ID_BYTES: usize = 8;

/// The ids of a record in lower-case hexadecimal digits.
#[derive(Debug)]
pub(crate) struct Ids {
    pub(crate) trace: Option<TraceId>,
    pub(crate) span: Option<TraceId>,
    /// The value that was sent as the trace id, if it is not valid; otherwise empty.
    pub(crate) other_trace: String,
    /// The value that was sent as the span id, if it is not valid; otherwise empty.
    pub(crate) other_span: String,
}

impl Ids {
    pub(crate) fn of(record: &LogRecord<'_>) -> Self {
        let (trace, other_trace) = parse(&record.trace_id, TRACE_ID_BYTES);
        let (span, other_span) = parse(&record.span_id, SPAN_ID_BYTES);
        Self { trace, span, other_trace, other_span }
    }
}

/// Returns the id if it is valid, and otherwise the value that was sent. An id of zeros counts as
/// absent.
fn parse(id: &Id<'_>, length: usize) -> (Option<TraceId>, String) {
    let hex = match id {
        Id::Bytes(bytes) => hex(bytes),
        Id::Text(text) => match from_base64(text, length) {
            Some(bytes) => hex(&bytes),
            None => text.to_ascii_lowercase(),
        },
    };
    if hex.bytes().all(|digit| digit == b'0') {
        return (None, String::new());
    }
    let is_id = hex.len() == 2 * length && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_id {
        let sent = match id {
            Id::Bytes(_) => hex,
            Id::Text(text) => text.clone().into_owned(),
        };
        return (None, sent);
    }
    (TraceId::try_from(hex).ok(), String::new())
}

/// Decodes an id in base64, its encoding in protobuf's general JSON mapping.
fn from_base64(text: &str, length: usize) -> Option<Vec<u8>> {
    let is_shorter_than_hex = text.len() < 2 * length;
    let bytes = is_shorter_than_hex.then(|| BASE64_STANDARD.decode(text).ok()).flatten();
    bytes.filter(|bytes| bytes.len() == length)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        hex.push(DIGITS[usize::from(byte >> 4)].into());
        hex.push(DIGITS[usize::from(byte & 15)].into());
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: [u8; 8] = [0, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7];

    #[test]
    fn ids_become_hexadecimal_and_invalid_ids_are_kept_as_sent() {
        for (id, expected, other) in [
            (Id::Bytes(&SPAN), Some("00f067aa0ba902b7"), ""),
            (Id::Bytes(&[]), None, ""),
            (Id::Bytes(&[0; 8]), None, ""),
            (Id::Bytes(&[0; 3]), None, ""),
            (Id::Bytes(&[1, 2]), None, "0102"),
            (Id::Text("00F067aa0ba902b7".into()), Some("00f067aa0ba902b7"), ""),
            (Id::Text("APBnqgupArc=".into()), Some("00f067aa0ba902b7"), ""),
            (Id::Text("".into()), None, ""),
            (Id::Text("0000000000000000".into()), None, ""),
            (Id::Text("Span-1".into()), None, "Span-1"),
            (Id::Text("g0f067aa0ba902b7".into()), None, "g0f067aa0ba902b7"),
        ] {
            let (parsed, sent) = parse(&id, SPAN_ID_BYTES);
            assert_eq!(parsed.as_ref().map(TraceId::as_str), expected, "{id:?}");
            assert_eq!(sent, other, "{id:?}");
        }
    }
}
