//! The same bodies in the protobuf formats of the protocols.

use shared::protobuf::{push_bytes, push_varint};

use crate::bodies::{NANOS, SPAN_ID, TRACE_ID, logfmt, message, orders};

/// An OTLP request with one resource and one scope.
pub(crate) fn otlp() -> Vec<u8> {
    let mut scope_logs = field(1, &field(1, b"payments"));
    for order in orders() {
        push_bytes(&mut scope_logs, 2, &log_record(order));
    }
    let resource = field(1, &key_value("service.name", &field(1, b"checkout")));
    field(1, &[field(1, &resource), field(2, &scope_logs)].concat())
}

fn log_record(order: u64) -> Vec<u8> {
    // Field 1 is a number of eight bytes.
    let time = [&[1 << 3 | 1][..], &NANOS.to_le_bytes()].concat();
    [
        time,
        integer(2, 17),
        field(3, b"ERROR"),
        field(5, &field(1, message(order).as_bytes())),
        field(6, &key_value("order_id", &integer(3, order))),
        field(6, &key_value("region", &field(1, b"eu-west-1"))),
        field(9, &hex(TRACE_ID)),
        field(10, &hex(SPAN_ID)),
    ]
    .concat()
}

fn key_value(key: &str, value: &[u8]) -> Vec<u8> {
    [field(1, key.as_bytes()), field(2, value)].concat()
}

/// A push request to Loki with one stream.
pub(crate) fn loki() -> Vec<u8> {
    const NANOS_PER_SECOND: u64 = 1_000_000_000;
    let time = [integer(1, NANOS / NANOS_PER_SECOND), integer(2, NANOS % NANOS_PER_SECOND)];
    let mut stream = field(1, br#"{service_name="checkout", host="web-3"}"#);
    for order in orders() {
        let entry = [field(1, &time.concat()), field(2, logfmt(order).as_bytes())];
        push_bytes(&mut stream, 2, &entry.concat());
    }
    field(1, &stream)
}

/// A field with a string, bytes or a message.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    push_bytes(&mut field, number, content);
    field
}

/// A field with an integer.
fn integer(number: u64, value: u64) -> Vec<u8> {
    let mut field = Vec::new();
    push_varint(&mut field, number, value);
    field
}

/// The bytes of an id.
fn hex(digits: &str) -> Vec<u8> {
    let pairs = (0..digits.len()).step_by(2).map(|start| &digits[start..start + 2]);
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("the digits are hexadecimal")).collect()
}
