//! Reads and decompresses request bodies within limits on size, time and memory.

mod encoding;
mod limits;
mod read;

use std::marker::PhantomData;

use poem::http::{HeaderMap, StatusCode, header};
use poem::{Body, Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use super::Problem;
use encoding::Encoding;
pub use limits::BodyLimits;
use limits::Reservation;

/// The largest body that is parsed on the async runtime, in bytes. Parsing it takes a fraction of a
/// millisecond.
const MAX_SMALL_BODY_BYTES: usize = 64 * 1024;

/// The media types that an operation accepts.
pub trait BodyContent: Send + Sync + 'static {
    /// The description of the body in the document.
    const DESCRIPTION: &'static str;

    /// The only media type in the document, because some client generators support only one.
    const MEDIA_TYPE: &'static str;

    /// The schema of the body.
    fn schema() -> MetaSchemaRef;

    /// Other media types that are accepted. The empty one stands for an absent `Content-Type`.
    const ALSO_ACCEPTED: &[&str] = &[];

    /// Whether any media type, or none, is accepted.
    const ANY_MEDIA_TYPE: bool = false;

    /// Registers the schemas.
    fn register(registry: &mut Registry);
}

/// A body that has not been read yet, for an operation that accepts the media types of `C`.
#[derive(Debug)]
pub struct Upload<C> {
    headers: HeaderMap,
    body: Body,
    content: PhantomData<C>,
}

/// A body in memory, as it was sent.
#[derive(Debug)]
pub struct EncodedBody {
    /// The media type in lower case, without parameters; empty if the client sent none.
    pub media_type: String,
    bytes: Vec<u8>,
    encoding: Encoding,
    limits: BodyLimits,
    reservation: Reservation,
}

/// A body without its content encoding. Dropping it releases its memory.
#[derive(Debug)]
pub struct DecodedBody {
    /// The body.
    pub bytes: Vec<u8>,
    limits: BodyLimits,
    reservation: Reservation,
    /// The number of bytes of parsed data that the reservation has room for.
    reserved: usize,
}

impl<C: BodyContent> Upload<C> {
    /// Reads the body as it was sent.
    ///
    /// # Errors
    /// When the media type or the encoding is not supported (415), the body is too large (413), the
    /// client is too slow (408), not enough memory is free (503), or the body is incomplete (400).
    pub async fn read(self, limits: &BodyLimits) -> Result<EncodedBody, Problem> {
        let media_type = media_type::<C>(&self.headers)?;
        let encoding = Encoding::of(&self.headers)?;
        let mut reservation = Reservation::default();
        let bytes = read::read(self.body, limits, &mut reservation).await?;
        Ok(EncodedBody { media_type, bytes, encoding, limits: limits.clone(), reservation })
    }
}

impl EncodedBody {
    /// Whether the body is small enough to be parsed on a thread of the async runtime.
    #[must_use]
    pub fn is_small(&self) -> bool {
        self.encoding == Encoding::Identity && self.bytes.len() <= MAX_SMALL_BODY_BYTES
    }

    /// Whether its `Content-Encoding` is snappy.
    #[must_use]
    pub fn is_snappy(&self) -> bool {
        self.encoding == Encoding::Snappy
    }

    /// Decompresses the body. This takes several milliseconds of CPU time per megabyte.
    ///
    /// # Errors
    /// When the decompressed body is too large (413), not enough memory is free (503), or the body
    /// does not match its `Content-Encoding` (400).
    pub fn decode(mut self) -> Result<DecodedBody, Problem> {
        let bytes = self.encoding.decode(self.bytes, &self.limits, &mut self.reservation)?;
        let reserved = bytes.len();
        Ok(DecodedBody { bytes, limits: self.limits, reservation: self.reservation, reserved })
    }
}

impl DecodedBody {
    /// Decompresses a body that is a snappy block although its `Content-Encoding` does not say so.
    ///
    /// # Errors
    /// When [`EncodedBody::decode`] would fail for a body with `Content-Encoding: snappy`.
    pub fn decode_snappy(mut self) -> Result<Self, Problem> {
        let bytes = Encoding::Snappy.decode(self.bytes, &self.limits, &mut self.reservation)?;
        Ok(Self { reserved: bytes.len(), bytes, ..self })
    }

    /// Reserves memory for a total of `bytes` bytes of data parsed from the body. The body's own
    /// reservation counts towards the total.
    ///
    /// # Errors
    /// When not enough memory is free (503).
    pub fn reserve(&mut self, bytes: usize) -> Result<(), Problem> {
        if bytes > self.reserved {
            self.limits.reserve(bytes - self.reserved, &mut self.reservation)?;
            self.reserved = bytes;
        }
        Ok(())
    }

    /// Reserves memory for the entries, which have `bytes` bytes so far, with room for a quarter
    /// more. Entries may be larger than the body, because each repeats data that the body contains
    /// only once.
    ///
    /// # Errors
    /// When the entries are too large (413), or not enough memory is free (503).
    pub fn reserve_entries(&mut self, bytes: usize) -> Result<(), Problem> {
        if bytes <= self.reserved {
            return Ok(());
        }
        self.limits.check_entries(bytes)?;
        self.reserve(bytes + bytes / 4)
    }
}

/// The media type of the body, if the operation accepts it. A `charset` of UTF-16 or UTF-32 is
/// rejected. Other parameters are ignored, because many clients declare another charset but send
/// ASCII.
fn media_type<C: BodyContent>(headers: &HeaderMap) -> Result<String, Problem> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let sent = sent.unwrap_or_default().to_ascii_lowercase();
    let mut parts = sent.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_owned();
    let charset = parts.find_map(|parameter| parameter.strip_prefix("charset="));
    let charset = charset.map(|charset| charset.trim_matches('"'));
    if charset.is_some_and(|charset| charset.starts_with("utf-16") || charset.starts_with("utf-32"))
    {
        let detail = "the body must be UTF-8, but Content-Type declares another charset";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    if C::ANY_MEDIA_TYPE || essence == C::MEDIA_TYPE || C::ALSO_ACCEPTED.contains(&essence.as_str())
    {
        return Ok(essence);
    }
    let others = C::ALSO_ACCEPTED.iter().filter(|media| !["", C::MEDIA_TYPE].contains(media));
    let named: Vec<&str> = [C::MEDIA_TYPE].iter().chain(others).copied().collect();
    let detail = format!("Content-Type must be {}", named.join(" or "));
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

impl<'a, C: BodyContent> ApiExtractor<'a> for Upload<C> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        C::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: Some(C::DESCRIPTION),
            content: vec![MetaMediaType { content_type: C::MEDIA_TYPE, schema: C::schema() }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let headers = request.headers().clone();
        Ok(Self { headers, body: body.take()?, content: PhantomData })
    }
}
