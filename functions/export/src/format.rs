//! The formats of an export.

use std::fmt::Write;

use poem_openapi::registry::MetaSchema;
use shared::LogEntry;
use shared::http::{ParameterType, StreamFormat, choices, choose};
use shared::log_entry::{Attributes, TraceId};

/// How entries are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object per line.
    Ndjson,
    /// Comma-separated values with a header (RFC 4180).
    Csv,
}

/// The columns of CSV.
const COLUMNS: [&str; 8] =
    ["id", "timestamp", "level", "service_name", "message", "trace_id", "span_id", "attributes"];

impl StreamFormat for Format {
    const DESCRIPTION: &'static str = "The entries.";
    const DEFAULT: Self = Self::Ndjson;
    const ALL: &'static [Self] = &[Self::Ndjson, Self::Csv];

    fn media_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }
}

impl Format {
    /// The name of the parameter's value, and the extension of files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }

    /// What precedes the first entry.
    pub(crate) fn header(self) -> Vec<u8> {
        match self {
            Self::Ndjson => Vec::new(),
            Self::Csv => (COLUMNS.join(",") + "\r\n").into_bytes(),
        }
    }

    /// Writes the entries.
    pub(crate) fn write(self, entries: &[LogEntry], text: &mut Vec<u8>) {
        match self {
            Self::Ndjson => {
                for entry in entries {
                    text.extend_from_slice(&entry.to_json());
                    text.push(b'\n');
                }
            }
            Self::Csv => write_csv(entries, text),
        }
    }
}

fn write_csv(entries: &[LogEntry], text: &mut Vec<u8>) {
    let terminator = csv::Terminator::CRLF;
    let mut rows = csv::WriterBuilder::new().terminator(terminator).from_writer(text);
    let mut timestamp = String::new();
    for entry in entries {
        timestamp.clear();
        // Writing to a `String` or a `Vec` never fails.
        let _ = write!(timestamp, "{}", entry.timestamp);
        let _ = rows.write_record([
            entry.id.to_string().as_str(),
            timestamp.as_str(),
            entry.level.as_str(),
            entry.service_name.as_str(),
            entry.message.as_str(),
            entry.trace_id.as_ref().map(TraceId::as_str).unwrap_or_default(),
            entry.span_id.as_ref().map(TraceId::as_str).unwrap_or_default(),
            entry.attributes.as_ref().map(Attributes::as_str).unwrap_or_default(),
        ]);
    }
    let _ = rows.flush();
}

impl ParameterType for Format {
    fn schema() -> MetaSchema {
        choices("ExportFormat", Self::ALL.iter().map(|format| format.name()))
    }

    fn parse(text: String) -> Result<Self, String> {
        choose(&text, Self::ALL, Self::name)
    }
}

#[cfg(test)]
mod tests {
    use poem::http::{HeaderMap, HeaderValue, header};

    use super::*;

    #[test]
    fn the_first_known_type_in_accept_determines_the_format() {
        for (accept, expected) in [
            ("text/csv", Format::Csv),
            ("Text/CSV; charset=utf-8, application/x-ndjson", Format::Csv),
            ("application/x-ndjson, text/csv", Format::Ndjson),
            ("text/html, text/csv;q=0.5, */*", Format::Csv),
            ("*/*", Format::Ndjson),
            ("", Format::Ndjson),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(Format::accepted(&headers), expected, "{accept}");
        }
        assert_eq!(Format::accepted(&HeaderMap::new()), Format::Ndjson);
    }
}
