//! Content encodings (RFC 9110, section 8.4): identity, gzip, deflate, zstd and snappy.

use std::io::{self, Read};

use flate2::bufread::{GzDecoder, ZlibDecoder};
use poem::http::{HeaderMap, StatusCode, header};

use super::limits::{BodyLimits, Reservation};
use crate::http::Problem;

/// The number of bytes that are decompressed between checks of the limits.
const CHUNK_BYTES: usize = 64 * 1024;

/// A buffer that has reached this size gets room for the largest body. Growing it step by step would
/// copy it, and take the memory of the copies too. Room that is not used takes no memory.
const LARGE_BYTES: usize = 1024 * 1024;

/// The largest window for a zstd body: 8 MiB, as RFC 9659 requires.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The start of framed snappy data, which OpenTelemetry collectors before 0.131 send as `snappy`
/// (opentelemetry-collector#12911).
const SNAPPY_FRAMES: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// How a body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    /// The zlib format.
    Deflate,
    Zstd,
    Snappy,
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
            Ok("deflate" | "zlib") => Ok(Self::Deflate),
            Ok("zstd") => Ok(Self::Zstd),
            Ok("snappy" | "x-snappy-framed") => Ok(Self::Snappy),
            _ => {
                let detail = "Content-Encoding must be gzip, deflate, zstd, snappy or absent";
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
                let reader = GzipReader(GzDecoder::new(&bytes));
                decompress(reader, "gzip", limits, reservation)
            }
            Self::Deflate => {
                let reader = ZlibDecoder::new(bytes.as_slice());
                decompress(reader, "deflate", limits, reservation)
            }
            Self::Zstd => {
                let reader = zstd_reader(&bytes).map_err(|error| invalid("zstd", &error))?;
                decompress(reader, "zstd", limits, reservation)
            }
            Self::Snappy if bytes.starts_with(SNAPPY_FRAMES) => {
                let reader = snap::read::FrameDecoder::new(bytes.as_slice());
                decompress(reader, "snappy", limits, reservation)
            }
            Self::Snappy => decompress_snappy(&bytes, limits, reservation),
        }
    }
}

/// Reads all members of a gzip file. Zero bytes after a member are padding.
struct GzipReader<'a>(GzDecoder<&'a [u8]>);

impl Read for GzipReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.0.read(buffer)?;
            let remaining: &[u8] = self.0.get_ref();
            let padding = remaining.iter().take_while(|byte| **byte == 0).count();
            if read > 0 || padding == remaining.len() {
                return Ok(read);
            }
            self.0 = GzDecoder::new(&remaining[padding..]);
        }
    }
}

/// Decompresses a block, which begins with its decompressed length.
fn decompress_snappy(
    bytes: &[u8],
    limits: &BodyLimits,
    reservation: &mut Reservation,
) -> Result<Vec<u8>, Problem> {
    let invalid = |error| invalid("snappy", &io::Error::other(error));
    let length = snap::raw::decompress_len(bytes).map_err(invalid)?;
    if length > limits.max_decompressed_bytes {
        return Err(limits.too_large_decompressed());
    }
    limits.reserve(length, reservation)?;
    snap::raw::Decoder::new().decompress_vec(bytes).map_err(invalid)
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
        let largest = limits.max_decompressed_bytes + CHUNK_BYTES;
        if bytes.len() >= LARGE_BYTES && bytes.capacity() < largest {
            bytes.reserve_exact(largest - bytes.len());
        }
        let chunk = (&mut reader).take(CHUNK_BYTES as u64).read_to_end(&mut bytes);
        let read = chunk.map_err(|error| invalid(encoding, &error))?;
        if read == 0 {
            return Ok(bytes);
        }
        if bytes.len() > limits.max_decompressed_bytes {
            return Err(limits.too_large_decompressed());
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

    fn snappy(bytes: &[u8]) -> Vec<u8> {
        snap::raw::Encoder::new().compress_vec(bytes).unwrap()
    }

    fn framed_snappy(bytes: &[u8]) -> Vec<u8> {
        let mut writer = snap::write::FrameEncoder::new(Vec::new());
        writer.write_all(bytes).unwrap();
        writer.into_inner().unwrap()
    }

    fn deflate(bytes: &[u8]) -> Vec<u8> {
        let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        writer.write_all(bytes).unwrap();
        writer.finish().unwrap()
    }

    fn compressed(bytes: &[u8]) -> [(Encoding, Vec<u8>); 5] {
        [
            (Encoding::Deflate, deflate(bytes)),
            (Encoding::Gzip, gzip(bytes)),
            (Encoding::Zstd, zstd(bytes)),
            (Encoding::Snappy, snappy(bytes)),
            (Encoding::Snappy, framed_snappy(bytes)),
        ]
    }

    /// The decompressed body, or the status of the problem.
    fn decode(encoding: Encoding, bytes: Vec<u8>) -> Result<Vec<u8>, u16> {
        let limits = BodyLimits::new(1, MAX_BYTES);
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
    fn all_members_of_a_gzip_body_are_read_and_padding_is_ignored() {
        let members = [gzip(b"one"), vec![0; 3], gzip(b"two"), vec![0; 512]].concat();
        assert_eq!(decode(Encoding::Gzip, members).unwrap(), b"onetwo");
    }

    #[test]
    fn other_data_after_a_gzip_body_is_rejected() {
        for trailer in [&b"x"[..], b"\0\0x"] {
            let body = [&gzip(b"one"), trailer].concat();
            assert_eq!(decode(Encoding::Gzip, body), Err(400), "{trailer:?}");
        }
    }

    #[test]
    fn a_snappy_body_with_a_wrong_length_is_rejected() {
        for (body, status) in [(&b"\xff\xff\xff\xff\x0f\0a"[..], 413), (b"\x02\0a", 400)] {
            assert_eq!(decode(Encoding::Snappy, body.to_vec()), Err(status), "{body:?}");
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
