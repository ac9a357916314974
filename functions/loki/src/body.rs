//! The body of a push request: JSON or snappy-compressed protobuf.

use poem::http::StatusCode;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use shared::NewLogEntry;
use shared::http::{BodyContent, DecodedBody, EncodedBody, Problem};
use shared::intake::shape::Names;
use shared::intake::{BodyPacker, Outcome, Packed, Packer};
use shared::json::{replace_lone_surrogates, without_byte_order_mark};
use shared::log_entry::ValidationError;

use crate::sink::{AddEntry, Bounds, Sink};
use crate::{json, protobuf};

const EXAMPLE: &str = concat!(
    r#"{"streams":[{"stream":{"service_name":"payment-service","level":"info"},"#,
    r#""values":[["1718366400123456789","card accepted"]]}]}"#
);

/// A push request in either form. Any content type is accepted, because clients use several for the
/// same form.
pub(crate) struct PushBody;

impl BodyContent for PushBody {
    const DESCRIPTION: &str = "The streams, as JSON (`application/json`) or as snappy-compressed \
                               protobuf (`application/x-protobuf`).";

    /// Supported by every client generator.
    const MEDIA_TYPE: &str = "application/octet-stream";

    const ANY_MEDIA_TYPE: bool = true;

    fn schema() -> MetaSchemaRef {
        let body = MetaSchema {
            description: Some(
                "JSON with a label object and `[time, line]` or `[time, line, metadata]` for each \
                 stream, or the protobuf message `logproto.PushRequest`.",
            ),
            example: Some(EXAMPLE.into()),
            ..MetaSchema::new_with_format("string", "binary")
        };
        MetaSchemaRef::Inline(Box::new(body))
    }

    fn register(_: &mut Registry) {}
}

/// The two forms of a push request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// JSON text.
    Json,
    /// The protobuf message `logproto.PushRequest`.
    Protobuf,
}

/// Parses and packs the entries. Also returns the decoded body, which keeps its memory reserved
/// until the entries are on the queue.
pub(crate) fn pack(
    body: EncodedBody,
    names: &Names,
    bounds: Bounds,
    packer: Packer,
) -> Result<(Packed<Outcome>, DecodedBody), Problem> {
    let media_type = body.media_type.clone();
    let is_snappy = body.is_snappy();
    let mut body = body.decode()?;
    let form = form(&media_type, &body.bytes);
    if form == Form::Protobuf && !is_snappy {
        // Clients compress protobuf even if they send no `Content-Encoding`.
        body = body.decode_snappy()?;
    }
    let (mut bytes, mut packer) = BodyPacker::new(body, packer);
    let mut add = |entry: Result<NewLogEntry, ValidationError>| packer.push(entry);
    decode(form, &mut bytes, names, bounds, &mut add)?;
    packer.finish()
}

/// Passes each entry of an uncompressed push request, or why it is rejected, to `add`.
///
/// # Errors
/// When the request is malformed (400), or exceeds a bound (413).
pub fn decode<'a>(
    form: Form,
    body: &mut [u8],
    names: &'a Names,
    bounds: Bounds,
    add: &'a mut AddEntry<'a>,
) -> Result<(), Problem> {
    let mut sink = Sink::new(names, bounds, add);
    let read = match form {
        Form::Json => read_json(body, &mut sink),
        Form::Protobuf => protobuf::read(body, &mut sink).map_err(|error| error.to_string()),
    };
    sink.finish()?;
    read.map_err(|detail| Problem::new(StatusCode::BAD_REQUEST, detail))
}

/// Detects the form of a body. Loki reads every body that is not labelled as JSON as protobuf.
fn form(media_type: &str, body: &[u8]) -> Form {
    let is_labelled = media_type == "application/json" || media_type.ends_with("+json");
    let is_protobuf = media_type.contains("protobuf");
    if is_labelled || (!is_protobuf && looks_like_json(body)) { Form::Json } else { Form::Protobuf }
}

/// Whether the body begins like a JSON object. A snappy block of 123 bytes also begins with `{`,
/// but no quote follows.
fn looks_like_json(body: &[u8]) -> bool {
    let body = without_byte_order_mark(body).trim_ascii_start();
    body.strip_prefix(b"{").is_some_and(|rest| rest.trim_ascii_start().starts_with(b"\""))
}

/// Reads a request in JSON. Invalid UTF-8 and lone surrogates are replaced, because clients do not
/// resend a request that has been refused.
fn read_json(body: &mut [u8], sink: &mut Sink<'_>) -> Result<(), String> {
    replace_lone_surrogates(body);
    let text = String::from_utf8_lossy(without_byte_order_mark(body));
    json::read(&text, sink).map_err(|error| {
        let what = if error.is_data() { "a push request" } else { "valid JSON" };
        format!("the body is not {what}: {error}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_the_media_type_or_the_first_bytes() {
        for (media_type, body, expected) in [
            ("application/json", &b"\x7b\x20"[..], Form::Json),
            ("application/vnd.loki+json", b"", Form::Json),
            ("application/x-protobuf", b"{\"streams\":[]}", Form::Protobuf),
            ("", b"\xef\xbb\xbf {\n \"streams\":[]}", Form::Json),
            ("text/plain", b"{\"streams\":[]}", Form::Json),
            ("application/octet-stream", b"\x7b\xf0\x7a", Form::Protobuf),
            ("", b"", Form::Protobuf),
        ] {
            assert_eq!(form(media_type, body), expected, "{media_type}");
        }
    }
}
