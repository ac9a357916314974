//! Content encodings (RFC 9110, section 8.4): identity, gzip and zstd.

use std::io::{self, Read};

use poem::http::{HeaderMap, StatusCode, header};

use super::limits::{BodyLimits, Reservation};
use crate::http::Problem;

/// The number of bytes that are decompressed between checks of the limits.
const CHUNK_BYTES: u64 = 64 * 1024;

/// The largest window for a zstd body: 8 MiB, as RFC 9659 requires.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

impl Encoding {
    /// The encoding in `Content-Encoding`.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else {
            return Ok(Self::Identity);
        };
        match value.to_str().map(|name| name.trim().to_ascii_lowercase()).as_deref() {
            Ok("" | "identity") => Ok(Self::Identity),
            Ok("gzip" | "x-gzip") => Ok(Self::Gzip),
            Ok("zstd") => Ok(Self::Zstd),
            _ => {
                let detail = "Content-Encoding must be gzip, zstd or absent";
                Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
            }
        }
    }

    /// Decompresses a body within the limits.
    pub(super) fn decode(
        self,
        bytes: Vec<u8>,
        limits: &BodyLimits,
        reservation: &mut Reservation,
    ) -> Result<Vec<u8>, Problem> {
        match self {
            Self::Identity => Ok(bytes),
            Self::Gzip => {
                let reader = flate2::bufread::MultiGzDecoder::new(bytes.as_slice());
                decompress(reader, "gzip", limits, reservation)
            }
            Self::Zstd => {
                let reader = zstd_reader(&bytes).map_err(|error| invalid("zstd", &error))?;
                decompress(reader, "zstd", limits, reservation)
            }
        }
    }
}

fn zstd_reader(bytes: &[u8]) -> io::Result<impl Read> {
    let mut reader = zstd::stream::read::Decoder::with_buffer(bytes)?;
    reader.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
    Ok(reader)
}

fn decompress(
    mut reader: impl Read,
    encoding: &str,
    limits: &BodyLimits,
    reservation: &mut Reservation,
) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    loop {
        let chunk = (&mut reader).take(CHUNK_BYTES).read_to_end(&mut bytes);
        let read = chunk.map_err(|error| invalid(encoding, &error))?;
        if read == 0 {
            return Ok(bytes);
        }
        if bytes.len() > limits.max_bytes {
            return Err(limits.too_large());
        }
        limits.reserve(read, reservation)?;
    }
}

fn invalid(encoding: &str, error: &io::Error) -> Problem {
    let detail = format!("the body is invalid or incomplete {encoding} data: {error}");
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const MAX_BYTES: usize = 100_000;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::stream::encode_all(bytes, 1).unwrap()
    }

    fn compressed(bytes: &[u8]) -> [(Encoding, Vec<u8>); 2] {
        [(Encoding::Gzip, gzip(bytes)), (Encoding::Zstd, zstd(bytes))]
    }

    /// The decompressed body, or the status of the problem.
    fn decode(encoding: Encoding, bytes: Vec<u8>) -> Result<Vec<u8>, u16> {
        let limits = BodyLimits::new(MAX_BYTES);
        let decoded = encoding.decode(bytes, &limits, &mut Reservation::default());
        assert!(limits.is_unused(), "the memory was not released");
        decoded.map_err(|problem| problem.status)
    }

    #[test]
    fn compressed_bodies_are_decompressed() {
        let text = b"{\"a\":1}\n".repeat(10_000);
        for (encoding, bytes) in compressed(&text) {
            assert_eq!(decode(encoding, bytes).unwrap(), text, "{encoding:?}");
        }
    }

    #[test]
    fn a_decompression_bomb_is_rejected() {
        for (encoding, bytes) in compressed(&vec![b' '; 50 * MAX_BYTES]) {
            assert_eq!(decode(encoding, bytes), Err(413), "{encoding:?}");
        }
    }

    #[test]
    fn the_size_limit_is_exact() {
        for (size, expected) in [(MAX_BYTES, Ok(())), (MAX_BYTES + 1, Err(413))] {
            let decoded = decode(Encoding::Gzip, gzip(&vec![b' '; size]));
            assert_eq!(decoded.map(|_| ()), expected, "{size}");
        }
    }

    #[test]
    fn a_truncated_body_is_rejected() {
        let text = b"{\"a\":1}\n".repeat(1000);
        for (encoding, mut bytes) in compressed(&text) {
            bytes.truncate(bytes.len() - 5);
            assert_eq!(decode(encoding, bytes), Err(400), "{encoding:?}");
        }
    }
}
