//! The body of `POST /v1/logs`: an `ExportLogsServiceRequest` in protobuf or JSON. Records are read
//! and packed one at a time, because a list of all of them could be large.

use poem::http::StatusCode;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use serde_json::json;
use shared::http::{BodyContent, DecodedBody, EncodedBody, Problem};
use shared::intake::{BodyPacker, Outcome, Packed, Packer};

use crate::decode::{Format, JSON, OTHER_PROTOBUF, PROTOBUF, Sink, read};
use crate::entry::EntryBuilder;
use crate::invalid::Invalid;
use crate::record::{LogRecord, Resource, Scope};

/// An `ExportLogsServiceRequest` in protobuf or JSON.
pub(crate) struct ExportRequest;

impl BodyContent for ExportRequest {
    const DESCRIPTION: &str = "An `ExportLogsServiceRequest` in JSON. Exporters may also send it in \
                               protobuf, with the content type `application/x-protobuf`; the \
                               response is then in protobuf, too.";

    /// The only type in the document, because client generators support it.
    const MEDIA_TYPE: &str = JSON;

    const ALSO_ACCEPTED: &[&str] = &[PROTOBUF, OTHER_PROTOBUF];

    fn schema() -> MetaSchemaRef {
        let object = MetaSchema {
            title: Some("ExportLogsServiceRequest".to_owned()),
            description: Some("As specified by OpenTelemetry (opentelemetry-proto)."),
            example: Some(example()),
            ..MetaSchema::new("object")
        };
        MetaSchemaRef::Inline(Box::new(object))
    }

    fn register(_: &mut Registry) {}
}

fn example() -> serde_json::Value {
    let attribute = |key, value| json!({"key": key, "value": {"stringValue": value}});
    let record = json!({
        "timeUnixNano": "1718366400123456000",
        "severityNumber": 17,
        "body": {"stringValue": "card declined"},
        "attributes": [attribute("order", "4711")],
    });
    let scope_logs = json!({"scope": {"name": "payment.card"}, "logRecords": [record]});
    let resource = json!({"attributes": [attribute("service.name", "payment-service")]});
    json!({"resourceLogs": [{"resource": resource, "scopeLogs": [scope_logs]}]})
}

/// Parses and packs the records. Also returns the decoded body, which keeps the memory of the
/// entries reserved until they are on the queue.
pub(crate) fn pack(
    body: EncodedBody,
    format: Format,
    packer: Packer,
) -> Result<(Packed<Outcome>, DecodedBody), Problem> {
    let (mut bytes, packer) = BodyPacker::new(body.decode()?, packer);
    let mut entries = Entries { builder: EntryBuilder::default(), packer };
    read(format, &mut bytes, &mut entries)?;
    entries.packer.finish()
}

/// Builds and packs an entry for each record.
struct Entries {
    builder: EntryBuilder,
    packer: BodyPacker,
}

impl Sink for Entries {
    type Error = Problem;

    fn resource(&mut self, resource: &Resource<'_>) -> Result<(), Problem> {
        Ok(self.builder.set_resource(resource)?)
    }

    fn scope(&mut self, scope: &Scope<'_>) -> Result<(), Problem> {
        Ok(self.builder.set_scope(scope)?)
    }

    fn record(&mut self, record: Result<LogRecord<'_>, Invalid>) -> Result<(), Problem> {
        self.packer.push(record.and_then(|record| self.builder.build(&record)))
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        let detail = format!("the body is not a valid ExportLogsServiceRequest: {invalid}");
        Self::new(StatusCode::BAD_REQUEST, detail)
    }
}
