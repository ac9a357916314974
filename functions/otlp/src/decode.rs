//! Decodes an `ExportLogsServiceRequest` in protobuf or JSON, one record at a time.

use shared::NewLogEntry;
use shared::log_entry::ValidationError;

use crate::entry::EntryBuilder;
use crate::invalid::Invalid;
use crate::record::{LogRecord, Resource, Scope};
use crate::{json, protobuf};

/// The media type of protobuf in OTLP.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// The media type that some clients use for protobuf.
pub(crate) const OTHER_PROTOBUF: &str = "application/protobuf";

/// The media type of JSON in OTLP.
pub(crate) const JSON: &str = "application/json";

/// The format of a request and its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Protobuf.
    Protobuf,
    /// JSON as specified by OTLP.
    Json,
}

impl Format {
    /// The format of a body with this media type, in lower case.
    pub(crate) fn of(media_type: &str) -> Self {
        if [PROTOBUF, OTHER_PROTOBUF].contains(&media_type) { Self::Protobuf } else { Self::Json }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Protobuf => PROTOBUF,
            Self::Json => JSON,
        }
    }
}

/// Receives the parts of a request in order.
pub(crate) trait Sink {
    type Error: From<Invalid>;

    /// The resource of the records that follow.
    fn resource(&mut self, resource: &Resource<'_>) -> Result<(), Self::Error>;

    /// The scope of the records that follow.
    fn scope(&mut self, scope: &Scope<'_>) -> Result<(), Self::Error>;

    /// A record, or why it is invalid.
    fn record(&mut self, record: Result<LogRecord<'_>, Invalid>) -> Result<(), Self::Error>;
}

/// Passes the entry of each record, or why it is invalid, to a closure. Benchmarks and fuzz targets
/// use this.
///
/// # Errors
/// When the body is not an `ExportLogsServiceRequest`.
pub fn decode(
    format: Format,
    body: &mut [u8],
    visit: impl FnMut(Result<NewLogEntry, ValidationError>),
) -> Result<(), ValidationError> {
    Ok(read(format, body, &mut EntrySink { builder: EntryBuilder::default(), visit })?)
}

/// Passes the parts of a request to the sink.
pub(crate) fn read<S: Sink>(format: Format, body: &mut [u8], sink: &mut S) -> Result<(), S::Error> {
    match format {
        Format::Protobuf => protobuf::read(body, sink),
        Format::Json => json::read(body, sink),
    }
}

/// Builds an entry for each record, and passes it to a closure.
struct EntrySink<F> {
    builder: EntryBuilder,
    visit: F,
}

impl<F: FnMut(Result<NewLogEntry, ValidationError>)> Sink for EntrySink<F> {
    type Error = Invalid;

    fn resource(&mut self, resource: &Resource<'_>) -> Result<(), Invalid> {
        self.builder.set_resource(resource)
    }

    fn scope(&mut self, scope: &Scope<'_>) -> Result<(), Invalid> {
        self.builder.set_scope(scope)
    }

    fn record(&mut self, record: Result<LogRecord<'_>, Invalid>) -> Result<(), Invalid> {
        let entry = record.and_then(|record| self.builder.build(&record));
        (self.visit)(entry.map_err(ValidationError::from));
        Ok(())
    }
}
