//! Request bodies: read with limits, decompressed with limits, and never more of them in memory
//! than a budget holds.

use std::io::Read;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use poem::http::{HeaderMap, StatusCode, header};
use poem::{Body, Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::Problem;

/// How long a client may take to send a body.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may send nothing in the middle of a body.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);

/// What of a body is not counted, in bytes: small ones find room while large ones take it all.
const FREE_BYTES: usize = 16 * 1024;

/// How many bodies of the largest size fit the memory of all requests together.
const BODIES_IN_MEMORY: usize = 16;

/// How much is decompressed before the limits are looked at again, in bytes.
const INFLATE_STEP: u64 = 64 * 1024;

/// A body of this size is parsed in a fraction of a millisecond, in bytes.
const LIGHT_BYTES: usize = 64 * 1024;

/// The largest window of a zstd body: 8 MiB, as RFC 9659 has it.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How large a body may be, and how much memory all of them may take.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    max_bytes: usize,
    memory: Arc<Semaphore>,
}

impl BodyLimits {
    /// Limits for bodies of at most `max_bytes`, as sent and as decompressed.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        let memory = max_bytes.saturating_mul(BODIES_IN_MEMORY).min(Semaphore::MAX_PERMITS);
        Self { max_bytes, memory: Arc::new(Semaphore::new(memory)) }
    }

    /// Takes `bytes` of the memory that all bodies share.
    fn reserve(
        &self,
        bytes: usize,
        held: &mut Option<OwnedSemaphorePermit>,
    ) -> Result<(), Problem> {
        let permits = u32::try_from(bytes).map_err(|_| self.too_large())?;
        let Ok(more) = self.memory.clone().try_acquire_many_owned(permits) else {
            let detail = "too many large bodies are being read at once: try again";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1));
        };
        match held {
            Some(held) => held.merge(more),
            None => *held = Some(more),
        }
        Ok(())
    }

    fn too_large(&self) -> Problem {
        let max = self.max_bytes;
        let detail = format!("the body is larger than {max} bytes, as sent or as decompressed");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }
}

/// The media types that an operation takes, for its check and its document.
pub trait BodyContent: Send + Sync + 'static {
    /// Each media type with its schema.
    fn content() -> Vec<MetaMediaType>;

    /// Registers the schemas.
    fn register(registry: &mut Registry);
}

/// A body that has not been read yet.
#[derive(Debug)]
pub struct Upload<A> {
    headers: HeaderMap,
    body: Body,
    accepts: PhantomData<A>,
}

/// A body in memory, of a media type that the operation takes.
#[derive(Debug)]
pub struct EncodedBody {
    /// One of the media types of [`BodyContent`].
    pub media_type: &'static str,
    bytes: Vec<u8>,
    encoding: Encoding,
    limits: BodyLimits,
    held: Option<OwnedSemaphorePermit>,
}

/// A body as the client meant it. Its memory is given back to the budget when it is dropped.
#[derive(Debug)]
pub struct DecodedBody {
    /// The body.
    pub bytes: Vec<u8>,
    limits: BodyLimits,
    held: Option<OwnedSemaphorePermit>,
}

impl DecodedBody {
    /// Takes memory of the budget for what was made of the body, `bytes` in all, as far as that is
    /// more than the body itself.
    ///
    /// # Errors
    /// 503: there is no memory left for it.
    pub fn reserve(&mut self, bytes: usize) -> Result<(), Problem> {
        let more = bytes.saturating_sub(self.bytes.len());
        self.limits.reserve(more, &mut self.held)
    }
}

/// How a body is compressed (RFC 9110, section 8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl<A: BodyContent> Upload<A> {
    /// Reads the body as it was sent.
    ///
    /// # Errors
    /// 415: the media type or encoding is not taken. 413: the body is too large. 408: the client is
    /// too slow. 503: there is no memory left for it. 400: the client broke off.
    pub async fn read(self, limits: &BodyLimits) -> Result<EncodedBody, Problem> {
        let media_type = media_type::<A>(&self.headers)?;
        let encoding = encoding(&self.headers)?;
        let mut held = None;
        let reading = collect(self.body, limits, &mut held);
        let bytes = timeout(READ_TIMEOUT, reading).await.map_err(|_| too_slow(READ_TIMEOUT))??;
        Ok(EncodedBody { media_type, bytes, encoding, limits: limits.clone(), held })
    }
}

impl EncodedBody {
    /// Whether it is so small and plain that any thread may parse it at once.
    #[must_use]
    pub fn is_small(&self) -> bool {
        self.encoding == Encoding::Identity && self.bytes.len() <= LIGHT_BYTES
    }

    /// Decompresses the body. This takes a processor for some milliseconds a megabyte.
    ///
    /// # Errors
    /// 413: the body is too large once decompressed. 503: there is no memory left for it. 400: it
    /// is not what `Content-Encoding` says.
    pub fn decode(mut self) -> Result<DecodedBody, Problem> {
        let bytes = match self.encoding {
            Encoding::Identity => self.bytes,
            Encoding::Gzip => {
                let reader = flate2::bufread::MultiGzDecoder::new(self.bytes.as_slice());
                inflate(reader, "gzip", &self.limits, &mut self.held)?
            }
            Encoding::Zstd => {
                let reader = zstd_reader(&self.bytes).map_err(|error| malformed("zstd", &error))?;
                inflate(reader, "zstd", &self.limits, &mut self.held)?
            }
        };
        Ok(DecodedBody { bytes, limits: self.limits, held: self.held })
    }
}

fn too_slow(limit: Duration) -> Problem {
    let detail = format!("no more of the body arrived within {} s", limit.as_secs());
    Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
}

async fn collect(
    body: Body,
    limits: &BodyLimits,
    held: &mut Option<OwnedSemaphorePermit>,
) -> Result<Vec<u8>, Problem> {
    let mut chunks = std::pin::pin!(body.into_bytes_stream());
    let mut bytes = Vec::new();
    while let Some(chunk) =
        timeout(STALL_TIMEOUT, chunks.next()).await.map_err(|_| too_slow(STALL_TIMEOUT))?
    {
        let chunk = chunk.map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "the body broke off before its end")
        })?;
        if bytes.len() + chunk.len() > limits.max_bytes {
            drop(bytes);
            drain(chunks, limits.max_bytes).await;
            return Err(limits.too_large());
        }
        let counted = (bytes.len() + chunk.len()).saturating_sub(FREE_BYTES.max(bytes.len()));
        limits.reserve(counted, held)?;
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// Reads on for a while, keeping nothing: a client that still writes would not read the answer.
async fn drain(
    mut chunks: impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> + Unpin,
    mut max_bytes: usize,
) {
    while let Some(Ok(chunk)) = chunks.next().await {
        let Some(rest) = max_bytes.checked_sub(chunk.len()) else { return };
        max_bytes = rest;
    }
}

fn zstd_reader(bytes: &[u8]) -> std::io::Result<impl Read> {
    let mut reader = zstd::stream::read::Decoder::with_buffer(bytes)?;
    reader.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(reader)
}

fn inflate(
    mut reader: impl Read,
    encoding: &str,
    limits: &BodyLimits,
    held: &mut Option<OwnedSemaphorePermit>,
) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    loop {
        let step = (&mut reader).take(INFLATE_STEP).read_to_end(&mut bytes);
        let read = step.map_err(|error| malformed(encoding, &error))?;
        if read == 0 {
            return Ok(bytes);
        }
        if bytes.len() > limits.max_bytes {
            return Err(limits.too_large());
        }
        limits.reserve(read, held)?;
    }
}

fn malformed(encoding: &str, error: &std::io::Error) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, format!("the body is not whole {encoding} data: {error}"))
}

/// The media type of the body, if the operation takes it. Parameters such as `charset` are passed
/// over: JSON is UTF-8.
fn media_type<A: BodyContent>(headers: &HeaderMap) -> Result<&'static str, Problem> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = sent.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let taken: Vec<&'static str> = A::content().iter().map(|media| media.content_type).collect();
    let found = taken.iter().find(|media| media.eq_ignore_ascii_case(essence));
    found.copied().ok_or_else(|| {
        let detail = format!("Content-Type must be {}", taken.join(" or "));
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    })
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Problem> {
    let sent = headers.get(header::CONTENT_ENCODING).map(|value| value.to_str());
    match sent.map(|value| value.unwrap_or("unreadable").trim().to_ascii_lowercase()).as_deref() {
        None | Some("" | "identity") => Ok(Encoding::Identity),
        Some("gzip" | "x-gzip") => Ok(Encoding::Gzip),
        Some("zstd") => Ok(Encoding::Zstd),
        Some(_) => {
            let detail = "Content-Encoding must be gzip, zstd or absent";
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

impl<'a, A: BodyContent> ApiExtractor<'a> for Upload<A> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        A::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest { description: None, content: A::content(), required: true })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let headers = request.headers().clone();
        Ok(Self { headers, body: body.take()?, accepts: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const MAX: usize = 100_000;

    fn received(bytes: Vec<u8>, encoding: Encoding) -> EncodedBody {
        let limits = BodyLimits::new(MAX);
        EncodedBody { media_type: "application/json", bytes, encoding, limits, held: None }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 1).unwrap()
    }

    fn status(result: Result<DecodedBody, Problem>) -> u16 {
        result.map_or_else(|problem| problem.status, |_| 200)
    }

    #[test]
    fn compressed_bodies_come_out_as_they_were() {
        let text = b"{\"a\":1}\n".repeat(10_000);
        for (bytes, encoding) in [(gzip(&text), Encoding::Gzip), (zstd(&text), Encoding::Zstd)] {
            assert_eq!(received(bytes, encoding).decode().unwrap().bytes, text);
        }
    }

    #[test]
    fn a_bomb_is_refused_and_its_memory_given_back() {
        let bomb = vec![b' '; 50 * MAX];
        for (bytes, encoding) in [(gzip(&bomb), Encoding::Gzip), (zstd(&bomb), Encoding::Zstd)] {
            let body = received(bytes, encoding);
            let memory = body.limits.memory.clone();
            assert_eq!(status(body.decode()), 413);
            assert_eq!(memory.available_permits(), MAX * BODIES_IN_MEMORY);
        }
    }

    #[test]
    fn a_body_of_the_limit_is_taken_and_one_byte_more_refused() {
        for (size, expected) in [(MAX, 200), (MAX + 1, 413)] {
            let body = received(gzip(&vec![b' '; size]), Encoding::Gzip);
            assert_eq!(status(body.decode()), expected);
        }
    }

    #[test]
    fn a_truncated_body_is_refused() {
        let text = b"{\"a\":1}\n".repeat(1000);
        for (mut bytes, encoding) in [(gzip(&text), Encoding::Gzip), (zstd(&text), Encoding::Zstd)]
        {
            bytes.truncate(bytes.len() - 5);
            assert_eq!(status(received(bytes, encoding).decode()), 400);
        }
    }

    #[test]
    fn bodies_beyond_the_memory_of_all_are_told_to_come_again() {
        let limits = BodyLimits::new(10);
        let mut held = None;
        limits.reserve(10 * BODIES_IN_MEMORY, &mut held).unwrap();
        let problem = limits.reserve(1, &mut None).unwrap_err();
        assert_eq!((problem.status, problem.retry_after), (503, Some(1)));
        drop(held);
        assert!(limits.reserve(1, &mut None).is_ok());
    }
}
