//! The protobuf form of a push request: `logproto.PushRequest`, read one entry at a time.

use std::borrow::Cow;

use shared::intake::shape::Field;
use shared::protobuf::{Fields, Malformed, Wire};

use crate::entry::{Entry, Stream, Time};
use crate::labels;
use crate::sink::{LimitExceeded, Sink};

/// Why reading a request stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    LimitExceeded(#[from] LimitExceeded),
}

/// Passes the entries of `PushRequest { repeated Stream streams = 1; }` to the sink.
pub(crate) fn read(request: &[u8], sink: &mut Sink<'_>) -> Result<(), Error> {
    for field in Fields::of(request) {
        if let (1, Wire::Bytes(stream)) = field? {
            read_stream(stream, sink)?;
        }
    }
    Ok(())
}

/// `Stream { string labels = 1; repeated Entry entries = 2; }`, with the fields in any order.
fn read_stream(stream: &[u8], sink: &mut Sink<'_>) -> Result<(), Error> {
    let mut text = Cow::Borrowed("{}");
    for field in Fields::of(stream) {
        if let (1, Wire::Bytes(labels)) = field? {
            text = String::from_utf8_lossy(labels);
        }
    }
    let labels = Stream::new(labels::parse_or_keep(&text), sink.names());
    for field in Fields::of(stream) {
        if let (2, Wire::Bytes(entry)) = field? {
            match read_entry(entry) {
                Ok(entry) => sink.push(&labels, entry)?,
                Err(error) => sink.reject(error)?,
            }
        }
    }
    Ok(())
}

/// `Entry { Timestamp timestamp = 1; string line = 2; repeated LabelPair structuredMetadata = 3; }`
fn read_entry(entry: &[u8]) -> Result<Entry<'_>, Malformed> {
    let mut time = Time::Unknown;
    let mut line = Cow::Borrowed("");
    let mut metadata = Vec::new();
    for field in Fields::of(entry) {
        match field? {
            (1, Wire::Bytes(timestamp)) => time = read_timestamp(timestamp)?,
            (2, Wire::Bytes(text)) => line = String::from_utf8_lossy(text),
            (3, Wire::Bytes(pair)) => metadata.push(read_pair(pair)?),
            _ => {}
        }
    }
    Ok(Entry { time, line, metadata })
}

/// `Timestamp { int64 seconds = 1; int32 nanos = 2; }`
fn read_timestamp(timestamp: &[u8]) -> Result<Time<'_>, Malformed> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in Fields::of(timestamp) {
        match field? {
            (1, Wire::Varint(number)) => seconds = number,
            (2, Wire::Varint(number)) => nanos = number,
            _ => {}
        }
    }
    // A negative number is a very large one when read as unsigned.
    Ok(Time::from_nanos(u128::from(seconds) * 1_000_000_000 + u128::from(nanos)))
}

/// `LabelPair { string name = 1; string value = 2; }`
fn read_pair(pair: &[u8]) -> Result<Field<'_>, Malformed> {
    let (mut name, mut value) = (Cow::Borrowed(""), Cow::Borrowed(""));
    for field in Fields::of(pair) {
        match field? {
            (1, Wire::Bytes(text)) => name = String::from_utf8_lossy(text),
            (2, Wire::Bytes(text)) => value = String::from_utf8_lossy(text),
            _ => {}
        }
    }
    Ok(Field::text(name, value))
}
