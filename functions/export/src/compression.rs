//! Compresses a response while it is being written.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use poem::http::HeaderMap;
use shared::http::accepts_encoding;
use zstd::stream::write::Encoder as ZstdEncoder;

/// Compresses text piece by piece.
pub(crate) enum Compressor {
    Identity,
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(ZstdEncoder<'static, Vec<u8>>),
}

impl Compressor {
    /// zstd if the client accepts it, or else gzip if the client accepts that.
    pub(crate) fn accepted(request: &HeaderMap) -> io::Result<Self> {
        Ok(if accepts_encoding(request, "zstd") {
            Self::Zstd(ZstdEncoder::new(Vec::new(), zstd::DEFAULT_COMPRESSION_LEVEL)?)
        } else if accepts_encoding(request, "gzip") {
            Self::Gzip(GzEncoder::new(Vec::new(), Compression::fast()))
        } else {
            Self::Identity
        })
    }

    /// The value of `Content-Encoding`.
    pub(crate) fn content_encoding(&self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip(_) => Some("gzip"),
            Self::Zstd(_) => Some("zstd"),
        }
    }

    /// Compresses `text`, and returns what is ready to be sent.
    pub(crate) fn write(&mut self, text: Vec<u8>) -> io::Result<Vec<u8>> {
        match self {
            Self::Identity => Ok(text),
            Self::Gzip(encoder) => {
                encoder.write_all(&text)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
            Self::Zstd(encoder) => {
                encoder.write_all(&text)?;
                Ok(std::mem::take(encoder.get_mut()))
            }
        }
    }

    /// Compresses `text`, and ends the compressed stream.
    pub(crate) fn finish(mut self, text: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut bytes = self.write(text)?;
        match self {
            Self::Identity => {}
            Self::Gzip(encoder) => bytes.extend(encoder.finish()?),
            Self::Zstd(encoder) => bytes.extend(encoder.finish()?),
        }
        Ok(bytes)
    }
}
