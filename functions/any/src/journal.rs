//! The export format of the systemd journal, which `systemd-journal-upload` sends: a field per
//! line, and an empty line after each entry. A value with line breaks is preceded by its length.

use std::borrow::Cow;
use std::collections::HashMap;

use memchr::memchr;
use shared::intake::shape::{Defaults, Record};
use shared::json::push_string;
use shared::log_entry::ValidationError;

use crate::decode::{Context, DecodeError, Entry, Push};

/// The media type of the format.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.fdo.journal";

/// The first field of every entry that the journal exports.
const CURSOR: &[u8] = b"__CURSOR=";

/// The maximum length of a field's name.
const MAX_NAME_BYTES: usize = 64;

/// Why a body is not in the export format.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A field has an invalid name.
    #[error(
        "no field begins at byte {0}: names consist of upper-case letters, digits and underscores"
    )]
    Name(usize),
    /// A value is shorter than the length before it, or is not followed by a line break.
    #[error("the value at byte {0} does not have the length that precedes it")]
    Value(usize),
}

/// Whether a body without a media type is likely to be in the export format.
pub(crate) fn is_likely(body: &[u8]) -> bool {
    body.starts_with(CURSOR)
}

/// Decodes each entry, and passes it to `push`.
pub(crate) fn decode(
    body: &[u8],
    context: &Context,
    max_entry_bytes: usize,
    push: Push<'_>,
) -> Result<(), DecodeError> {
    let mut reader = Reader { body, position: 0 };
    loop {
        let start = reader.position;
        let fields = reader.fields(max_entry_bytes)?;
        let bytes = reader.position - start;
        if bytes == 0 {
            return Ok(());
        }
        if bytes > max_entry_bytes {
            let detail = format!("the record is {bytes} bytes; the limit is {max_entry_bytes}");
            push(Err(ValidationError::whole(&detail)))?;
        } else if !fields.is_empty() {
            push(entry(fields, context))?;
        }
    }
}

/// Turns the fields of an entry into a log entry. A field that occurs several times becomes an
/// array, as in the journal's JSON.
fn entry(fields: Vec<Field<'_>>, context: &Context) -> Entry {
    let mut values: Vec<(&str, Vec<Cow<'_, str>>)> = Vec::with_capacity(fields.len());
    let mut positions = HashMap::with_capacity(fields.len());
    for Field { name, value } in fields {
        let position = *positions.entry(name).or_insert(values.len());
        if position == values.len() {
            values.push((name, Vec::new()));
        }
        values[position].1.push(String::from_utf8_lossy(value));
    }
    let mut record = Record::default();
    for (name, mut values) in values {
        match (values.pop(), values.is_empty()) {
            (Some(value), true) => record.push_text(name, value),
            (last, _) => record.push_json(name, array(values.into_iter().chain(last))),
        }
    }
    context.entry(record, Defaults::default())
}

fn array<'a>(values: impl Iterator<Item = Cow<'a, str>>) -> String {
    let mut json = String::from("[");
    for value in values {
        if json.len() > 1 {
            json.push(',');
        }
        push_string(&value, &mut json);
    }
    json.push(']');
    json
}

/// A field of an entry.
struct Field<'a> {
    name: &'a str,
    value: &'a [u8],
}

/// Reads entries from a body.
struct Reader<'a> {
    body: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// The fields up to the next empty line or the end of the body. Omits those beyond the first
    /// `max_bytes`, because there can be millions.
    fn fields(&mut self, max_bytes: usize) -> Result<Vec<Field<'a>>, Malformed> {
        let mut fields = Vec::new();
        let limit = self.position.saturating_add(max_bytes);
        while self.position < self.body.len() {
            let start = self.position;
            let line = self.line();
            if line.is_empty() {
                break;
            }
            let (name, value) = match memchr(b'=', line) {
                Some(end) => (&line[..end], Some(&line[end + 1..])),
                None => (line, None),
            };
            let name = name_of(name).ok_or(Malformed::Name(start))?;
            let value = value.map_or_else(|| self.value_with_length(), Ok)?;
            if self.position <= limit {
                fields.push(Field { name, value });
            }
        }
        Ok(fields)
    }

    fn line(&mut self) -> &'a [u8] {
        let rest = &self.body[self.position..];
        let end = memchr(b'\n', rest).unwrap_or(rest.len());
        self.position += (end + 1).min(rest.len());
        &rest[..end]
    }

    /// A value after its length, which is a little-endian number of 64 bits.
    fn value_with_length(&mut self) -> Result<&'a [u8], Malformed> {
        let malformed = Malformed::Value(self.position);
        let rest = &self.body[self.position..];
        let Some((length, rest)) = rest.split_first_chunk() else { return Err(malformed) };
        let length = usize::try_from(u64::from_le_bytes(*length)).ok();
        let Some((value, [b'\n', ..])) = length.and_then(|length| rest.split_at_checked(length))
        else {
            return Err(malformed);
        };
        self.position += size_of::<u64>() + value.len() + 1;
        Ok(value)
    }
}

/// The name of a field, if it is valid.
fn name_of(name: &[u8]) -> Option<&str> {
    let is_valid = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
    let is_name = (1..=MAX_NAME_BYTES).contains(&name.len()) && name.iter().all(is_valid);
    str::from_utf8(name).ok().filter(|_| is_name)
}

#[cfg(test)]
mod tests;
