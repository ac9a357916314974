//! The body of `POST /logs/any`.

use poem::http::StatusCode;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use shared::http::{BodyContent, DecodedBody, EncodedBody, Problem};
use shared::intake::{BodyPacker, Outcome, Packed, Packer};

use crate::decode::{Context, DecodeError, Format, decode};

const EXAMPLE: &str = concat!(
    r#"{"level":50,"time":1718366400123,"name":"shop","msg":"card declined","order":4711}"#,
    "\n"
);

/// A body of any media type.
pub(crate) struct AnyBody;

impl BodyContent for AnyBody {
    const DESCRIPTION: &str = "The records, in any of the formats above.";

    /// Supported by every client generator.
    const MEDIA_TYPE: &str = "application/octet-stream";

    const ANY_MEDIA_TYPE: bool = true;

    fn schema() -> MetaSchemaRef {
        let records = MetaSchema {
            description: Some(
                "JSON, NDJSON, MessagePack, the export format of the systemd journal, or plain text.",
            ),
            example: Some(EXAMPLE.into()),
            ..MetaSchema::new_with_format("string", "binary")
        };
        MetaSchemaRef::Inline(Box::new(records))
    }

    fn register(_: &mut Registry) {}
}

/// Decodes and packs the records one at a time. Also returns the decoded body, which keeps its
/// memory reserved until the entries are on the queue.
pub(crate) fn pack(
    body: EncodedBody,
    context: &Context,
    packer: Packer,
    max_entry_bytes: usize,
) -> Result<(Packed<Outcome>, DecodedBody), Problem> {
    let media_type = body.media_type.clone();
    let body = body.decode()?;
    let format = Format::of(&media_type, &body.bytes);
    let (mut bytes, mut packer) = BodyPacker::new(body, packer);
    let mut push = |entry| packer.push(entry);
    let decoded = decode(&mut bytes, format, context, max_entry_bytes, &mut push);
    decoded.map_err(problem)?;
    packer.finish()
}

fn problem(error: DecodeError) -> Problem {
    match error {
        DecodeError::Refused(problem) => problem,
        error => Problem::new(StatusCode::BAD_REQUEST, error.to_string()),
    }
}
