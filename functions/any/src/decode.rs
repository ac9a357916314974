//! Decodes the records of a body in any format into entries, one at a time.

use std::sync::Arc;

use serde::de::IgnoredAny;
use shared::NewLogEntry;
use shared::http::Problem;
use shared::intake::shape::{Defaults, Names, Record, max_parsed_bytes};
use shared::json::{
    IncompleteArray, replace_lone_surrogates, values, without_byte_order_mark, without_extensions,
};
use shared::log_entry::{ServiceName, ValidationError};

use crate::journal;
use crate::msgpack::{self, Malformed};

/// The names of fields that wrap an array of records. The object must have no other field.
const WRAPPERS: [&str; 5] = ["logs", "records", "events", "Events", "lines"];

/// How the records of a request become entries.
#[derive(Debug, Clone)]
pub struct Context {
    /// The field names that are recognized as the time, level, service and message.
    pub names: Arc<Names>,
    /// The service of records that do not name one.
    pub service: Option<ServiceName>,
}

/// The format of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A JSON array, or a sequence of JSON values.
    Json {
        /// Whether lines that are not JSON are read as text messages.
        with_text: bool,
    },
    /// Lines of text, some of which may be JSON objects.
    Lines,
    /// `MessagePack`.
    MessagePack,
    /// The export format of the systemd journal.
    Journal,
}

/// Why a body cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The JSON array is incomplete.
    #[error(transparent)]
    Incomplete(#[from] IncompleteArray),
    /// The `MessagePack` is malformed.
    #[error("the body is not valid MessagePack: {0}")]
    Malformed(#[from] Malformed),
    /// The journal export is malformed.
    #[error("the body is not a valid journal export: {0}")]
    MalformedJournal(#[from] journal::Malformed),
    /// The body begins with the byte order mark of UTF-16.
    #[error("the body is UTF-16; send UTF-8")]
    Utf16,
    /// The entries are not accepted, for example because there are too many.
    #[error("{}", .0.detail)]
    Refused(Problem),
}

impl From<Problem> for DecodeError {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// An entry, or why it is invalid.
pub type Entry = Result<NewLogEntry, ValidationError>;

/// Receives each entry.
pub type Push<'a> = &'a mut dyn FnMut(Entry) -> Result<(), Problem>;

impl Format {
    /// Detects the format of a body. A media type for `MessagePack` or the journal decides; so does
    /// one for JSON, unless the body looks like one of those two formats. With any other media
    /// type, the body decides; a `text/plain` body is JSON only if it begins with an array or with
    /// an object on several lines.
    #[must_use]
    pub fn of(media_type: &str, body: &[u8]) -> Self {
        if media_type.contains("msgpack") || msgpack::is_likely(body) {
            return Self::MessagePack;
        }
        if media_type == journal::MEDIA_TYPE || journal::is_likely(body) {
            return Self::Journal;
        }
        let is_json = media_type.ends_with("/json") || media_type.ends_with("+json");
        let is_text = media_type == "text/plain" && !is_document(body);
        if is_json || is_json_likely(body) && !is_text {
            return Self::Json { with_text: !is_json };
        }
        Self::Lines
    }
}

/// Decodes each record of a body. Lone surrogates in the body are replaced.
///
/// # Errors
/// When the body as a whole is malformed, or has too many records.
pub fn decode(
    body: &mut [u8],
    format: Format,
    context: &Context,
    max_entry_bytes: usize,
    push: Push<'_>,
) -> Result<(), DecodeError> {
    if body.starts_with(b"\xff\xfe") || body.starts_with(b"\xfe\xff") {
        return Err(DecodeError::Utf16);
    }
    match format {
        Format::Journal => journal::decode(body, context, max_entry_bytes, push),
        Format::MessagePack => msgpack::decode(body, context, max_entry_bytes, push),
        Format::Json { with_text } => {
            replace_lone_surrogates(body);
            decode_json(body, with_text, context, max_entry_bytes, push)
        }
        Format::Lines => {
            replace_lone_surrogates(body);
            for line in without_byte_order_mark(body).split(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                if !line.trim_ascii().is_empty() {
                    push(context.line(line, max_entry_bytes))?;
                }
            }
            Ok(())
        }
    }
}

impl Context {
    /// Turns a record into an entry.
    pub(crate) fn entry(&self, record: Record<'_>, defaults: Defaults) -> Entry {
        record.into_entry(&self.names, Defaults { service: self.service.clone(), ..defaults })
    }

    /// Turns a line, which may be a JSON object or logfmt, into an entry. The original of a logfmt
    /// line is kept too, so a line is parsed only if it is much shorter than the maximum entry
    /// size.
    fn line(&self, line: &[u8], max_entry_bytes: usize) -> Entry {
        if line.trim_ascii_start().starts_with(b"{")
            && let Ok(entry) = self.json(line.trim_ascii())
        {
            return Ok(entry);
        }
        let text = String::from_utf8_lossy(line);
        if line.len() <= max_parsed_bytes(max_entry_bytes)
            && let Some(mut record) = Record::from_line(&text, &self.names)
        {
            record.parsed_from(&text);
            let message = Some(text.clone().into_owned());
            return self.entry(record, Defaults { message, ..Defaults::default() });
        }
        self.text(text.into_owned())
    }

    fn text(&self, message: String) -> Entry {
        let defaults = Defaults { message: Some(message), ..Defaults::default() };
        self.entry(Record::default(), defaults)
    }

    /// Turns a JSON object or a JSON string into an entry.
    fn json(&self, json: &[u8]) -> Entry {
        let json = String::from_utf8_lossy(json);
        if json.starts_with('"')
            && let Ok(message) = serde_json::from_str(&json)
        {
            return self.text(message);
        }
        match Record::from_json(&json) {
            Ok(record) => self.entry(record, Defaults::default()),
            Err(error) => {
                let repaired = without_extensions(&json).ok_or(error)?;
                self.entry(Record::from_json(&repaired)?, Defaults::default())
            }
        }
    }
}

fn decode_json(
    body: &[u8],
    with_text: bool,
    context: &Context,
    max_entry_bytes: usize,
    push: Push<'_>,
) -> Result<(), DecodeError> {
    let is_array = without_byte_order_mark(body).trim_ascii_start().starts_with(b"[");
    for json in values(body) {
        let json = json?;
        if is_array {
            push(context.json(json))?;
        } else if let Some(records) = wrapped(json) {
            for record in values(records) {
                push(context.json(record?))?;
            }
        } else if with_text && !json.starts_with(b"{") {
            push(context.line(json, max_entry_bytes))?;
        } else {
            push(context.json(json))?;
        }
    }
    Ok(())
}

/// The array of records, if the JSON is an object that contains nothing else. Its records may be
/// invalid.
fn wrapped(json: &[u8]) -> Option<&[u8]> {
    let name = json.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    let mut rests = WRAPPERS.iter().filter_map(|wrapper| name.strip_prefix(wrapper.as_bytes()));
    let value = rests.find_map(|rest| rest.strip_prefix(b"\""))?.trim_ascii_start();
    if let Some(object) = str::from_utf8(json).ok().and_then(|text| Record::from_json(text).ok()) {
        let array = WRAPPERS.iter().find_map(|name| object.only_array(name));
        return array.map(str::as_bytes);
    }
    let array = value.strip_prefix(b":")?.trim_ascii().strip_suffix(b"}")?.trim_ascii();
    (array.starts_with(b"[") && array.ends_with(b"]")).then_some(array)
}

/// Whether a body is likely to be JSON. A line of text may also begin with a bracket.
fn is_json_likely(body: &[u8]) -> bool {
    let body = without_byte_order_mark(body).trim_ascii_start();
    let next: &[u8] = match body.first() {
        Some(b'{') => b"\"}",
        Some(b'[') => b"{\"[]",
        _ => return false,
    };
    body[1..].trim_ascii_start().first().is_none_or(|byte| next.contains(byte))
}

/// Whether the body begins with a JSON array or with an object on several lines. Some clients send
/// JSON as `text/plain`.
fn is_document(body: &[u8]) -> bool {
    let body = without_byte_order_mark(body).trim_ascii_start();
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<IgnoredAny>();
    let is_json = matches!(values.next(), Some(Ok(_)));
    let first = &body[..values.byte_offset()];
    is_json && (first.starts_with(b"[") || first.starts_with(b"{") && first.contains(&b'\n'))
}

#[cfg(test)]
mod tests;
