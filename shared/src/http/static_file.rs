//! A file that does not change while the process runs. It is compressed once, when a client first
//! asks for it.

use std::io::Write;
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use poem::Response;
use poem::http::{HeaderMap, header};

use super::accepts_encoding;

/// A file to serve, plain or compressed with gzip.
pub struct StaticFile {
    content_type: String,
    bytes: Bytes,
    gzip: OnceLock<Bytes>,
}

impl StaticFile {
    /// A file with this content.
    #[must_use]
    pub fn new(content_type: impl Into<String>, bytes: impl Into<Bytes>) -> Self {
        Self { content_type: content_type.into(), bytes: bytes.into(), gzip: OnceLock::new() }
    }

    /// The response to a request with these headers, compressed if the client accepts gzip.
    #[must_use]
    pub fn response(&self, request: &HeaderMap) -> Response {
        let response = Response::builder()
            .content_type(&self.content_type)
            .header(header::VARY, "Accept-Encoding");
        // Images are already compressed, except SVG.
        let is_image =
            self.content_type.starts_with("image/") && !self.content_type.starts_with("image/svg");
        if is_image || !accepts_encoding(request, "gzip") {
            return response.body(self.bytes.clone());
        }
        // Concurrent first requests wait here instead of compressing the file twice.
        let gzip = self.gzip.get_or_init(|| gzip(&self.bytes).into());
        response.header(header::CONTENT_ENCODING, "gzip").body(gzip.clone())
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use poem::http::HeaderValue;

    use super::*;

    #[tokio::test]
    async fn a_file_is_compressed_for_clients_that_accept_gzip_unless_it_is_an_image() {
        let text = "text ".repeat(100);
        for (content_type, accepts, encoding) in [
            ("text/css", "gzip, br", Some("gzip")),
            ("text/css", "br", None),
            ("image/svg+xml", "gzip", Some("gzip")),
            ("image/png", "gzip", None),
        ] {
            let file = StaticFile::new(content_type, text.clone());
            let mut request = HeaderMap::new();
            request.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(accepts));
            // The first request compresses the file, and the second gets the same bytes.
            for _ in 0..2 {
                let response = file.response(&request);
                assert_eq!(response.header("vary"), Some("Accept-Encoding"));
                assert_eq!(response.content_type(), Some(content_type));
                assert_eq!(response.header("content-encoding"), encoding, "{content_type}");
                let body = response.into_body().into_vec().await.unwrap();
                let mut plain = String::new();
                match encoding {
                    Some(_) => GzDecoder::new(&*body).read_to_string(&mut plain).unwrap(),
                    None => (&*body).read_to_string(&mut plain).unwrap(),
                };
                assert_eq!(plain, text);
            }
        }
    }
}
