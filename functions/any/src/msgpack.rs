//! The `MessagePack` of Fluent Bit and Fluentd: a sequence or an array of events.
//! An event is a record, `[time, record]` or `[[time, metadata], record]`.

mod json;
mod reader;
mod time;

use shared::intake::shape::{Defaults, Record};
use shared::log_entry::ValidationError;

use crate::decode::{Context, DecodeError, Entry, Push};
pub(crate) use reader::Malformed;
use reader::{Reader, Token};
use time::EventTime;

/// The field for the time of an event, as in Fluent Bit's JSON formats.
const TIME_FIELD: &str = "date";

/// The field for the time of an event if its record already has a field named [`TIME_FIELD`].
const OTHER_TIME_FIELD: &str = "event_time";

/// The field that contains an event's metadata.
const METADATA_FIELD: &str = "metadata";

/// Whether a body is likely to be `MessagePack`: it begins with a map or an array and is not text.
pub(crate) fn is_likely(body: &[u8]) -> bool {
    matches!(body.first(), Some(0x80..=0x9f | 0xdc..=0xdf)) && str::from_utf8(body).is_err()
}

/// Decodes each event and passes it to `push`, or the reason if the event is invalid.
pub(crate) fn decode(
    body: &[u8],
    context: &Context,
    max_entry_bytes: usize,
    push: Push<'_>,
) -> Result<(), DecodeError> {
    let mut values = Reader::new(body);
    while !values.is_empty() {
        let value = values.value()?;
        let mut events = events(value)?.unwrap_or(value);
        while !events.is_empty() {
            push(entry(events.value()?, context, max_entry_bytes)?)?;
        }
    }
    Ok(())
}

/// Returns the elements of an array of events, or `None` if the value is a single event.
fn events(value: Reader<'_>) -> Result<Option<Reader<'_>>, Malformed> {
    let mut elements = value;
    match elements.token()? {
        Token::Array(2) => {}
        Token::Array(_) => return Ok(Some(elements)),
        _ => return Ok(None),
    }
    let mut rest = elements;
    let is_map = |mut value: Reader<'_>| Ok(matches!(value.token()?, Token::Map(_)));
    let is_event = !is_map(rest.value()?)? && is_map(rest)?;
    Ok((!is_event).then_some(elements))
}

/// Turns an event into an entry.
fn entry(event: Reader<'_>, context: &Context, max_entry_bytes: usize) -> Result<Entry, Malformed> {
    let bytes = event.len();
    if bytes > max_entry_bytes {
        let detail = format!("the record is {bytes} bytes; the limit is {max_entry_bytes}");
        return Ok(Err(ValidationError::whole(&detail)));
    }
    let mut record = Record::default();
    let mut fields = event;
    let mut token = fields.token()?;
    if token == Token::Array(2) {
        let mut time = fields.value()?;
        token = fields.token()?;
        if let Token::Array(2) = time.peek()? {
            time.token()?;
            push_metadata(&mut record, time)?;
        }
        if let Some(time) = EventTime::read(time)? {
            let name = if has_field(fields, TIME_FIELD)? { OTHER_TIME_FIELD } else { TIME_FIELD };
            record.push_json(name, time.to_string());
        }
    }
    if !matches!(token, Token::Map(_)) {
        return Ok(Err(ValidationError::whole("the record must be a map")));
    }
    while !fields.is_empty() {
        let name = json::to_name(fields.value()?)?;
        let value = fields.value()?;
        match value.peek()? {
            Token::Text(text) => record.push_text(name, String::from_utf8_lossy(text)),
            _ => record.push_json(name, json::to_json(value)?),
        }
    }
    Ok(context.entry(record, Defaults::default()))
}

/// Adds the metadata that follows the time, unless it is empty.
fn push_metadata(record: &mut Record<'_>, mut time: Reader<'_>) -> Result<(), Malformed> {
    time.value()?;
    if !matches!(time.peek()?, Token::Map(0) | Token::Nil) {
        record.push_json(METADATA_FIELD, json::to_json(time)?);
    }
    Ok(())
}

/// Whether a field has this name.
fn has_field(mut fields: Reader<'_>, name: &str) -> Result<bool, Malformed> {
    while !fields.is_empty() {
        if fields.value()?.token()? == Token::Text(name.as_bytes()) {
            return Ok(true);
        }
        fields.value()?;
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
