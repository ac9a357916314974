//! A log record, and the resource and instrumentation scope that it shares with others.

use std::borrow::Cow;

use crate::value::{Any, Pairs};

/// A `LogRecord`. Absent fields have protobuf's defaults.
#[derive(Debug, Clone)]
pub(crate) struct LogRecord<'a> {
    pub(crate) time_unix_nano: u64,
    pub(crate) observed_time_unix_nano: u64,
    pub(crate) severity_number: i64,
    pub(crate) severity_text: Cow<'a, str>,
    pub(crate) body: Any<'a>,
    pub(crate) attributes: Pairs<'a>,
    pub(crate) dropped_attributes_count: u64,
    pub(crate) flags: u64,
    pub(crate) trace_id: Id<'a>,
    pub(crate) span_id: Id<'a>,
    pub(crate) event_name: Cow<'a, str>,
}

/// The id of a trace or a span.
#[derive(Debug, Clone)]
pub(crate) enum Id<'a> {
    Bytes(&'a [u8]),
    /// Hexadecimal digits, as in JSON.
    Text(Cow<'a, str>),
}

/// A `Resource` with the URL of its schema.
#[derive(Debug, Clone)]
pub(crate) struct Resource<'a> {
    pub(crate) attributes: Pairs<'a>,
    pub(crate) dropped_attributes_count: u64,
    pub(crate) schema_url: Cow<'a, str>,
}

/// An `InstrumentationScope` with the URL of its schema.
#[derive(Debug, Clone)]
pub(crate) struct Scope<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) version: Cow<'a, str>,
    pub(crate) attributes: Pairs<'a>,
    pub(crate) dropped_attributes_count: u64,
    pub(crate) schema_url: Cow<'a, str>,
}

impl Default for LogRecord<'_> {
    fn default() -> Self {
        Self {
            time_unix_nano: 0,
            observed_time_unix_nano: 0,
            severity_number: 0,
            severity_text: Cow::default(),
            body: Any::Empty,
            attributes: Pairs::NONE,
            dropped_attributes_count: 0,
            flags: 0,
            trace_id: Id::Bytes(&[]),
            span_id: Id::Bytes(&[]),
            event_name: Cow::default(),
        }
    }
}

impl Default for Resource<'_> {
    fn default() -> Self {
        let attributes = Pairs::NONE;
        Self { attributes, dropped_attributes_count: 0, schema_url: Cow::default() }
    }
}

impl Default for Scope<'_> {
    fn default() -> Self {
        Self {
            name: Cow::default(),
            version: Cow::default(),
            attributes: Pairs::NONE,
            dropped_attributes_count: 0,
            schema_url: Cow::default(),
        }
    }
}
