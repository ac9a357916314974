//! Sends a recorded request and reads the response, without an HTTP library, which would alter the
//! request.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::TIMEOUT;

/// A response.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers; the names are in lower case.
    pub headers: HashMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The value of a header, or "" if it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends a request and returns the response. Retries while the request is rate-limited.
pub(super) async fn send_with_retries(address: &str, request: &[u8], method: &str) -> Reply {
    loop {
        let reply = timeout(TIMEOUT, send(address, request, method)).await.unwrap();
        // Functions with clients that do not retry after 429 use 503 instead.
        let is_limited = reply.status == 503 && reply.header("ratelimit").contains("r=0");
        if reply.status != 429 && !is_limited {
            return reply;
        }
        let seconds = reply.header("retry-after").parse().unwrap();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

async fn send(address: &str, request: &[u8], method: &str) -> Reply {
    let mut connection = BufReader::new(TcpStream::connect(address).await.unwrap());
    connection.write_all(request).await.unwrap();
    loop {
        let (status, headers) = read_head(&mut connection).await;
        let has_body = method != "HEAD" && status != 204 && status != 304;
        if status >= 200 {
            let body =
                if has_body { read_body(&headers, &mut connection).await } else { Vec::new() };
            return Reply { status, headers, body };
        }
    }
}

async fn read_head(reader: &mut (impl AsyncBufRead + Unpin)) -> (u16, HashMap<String, String>) {
    let status_line = read_line(reader).await;
    let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
    let mut headers = HashMap::new();
    loop {
        let line = read_line(reader).await;
        if line.is_empty() {
            return (status.unwrap_or_else(|| panic!("no status: {status_line}")), headers);
        }
        let (name, value) = line.split_once(':').unwrap();
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

async fn read_body(
    headers: &HashMap<String, String>,
    reader: &mut (impl AsyncBufRead + Unpin),
) -> Vec<u8> {
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        loop {
            let length = usize::from_str_radix(&read_line(reader).await, 16).unwrap();
            let mut chunk = vec![0; length];
            reader.read_exact(&mut chunk).await.unwrap();
            body.extend(chunk);
            read_line(reader).await;
            if length == 0 {
                return body;
            }
        }
    }
    match headers.get("content-length") {
        Some(length) => {
            body.resize(length.parse().unwrap(), 0);
            reader.read_exact(&mut body).await.unwrap();
        }
        None => drop(reader.read_to_end(&mut body).await.unwrap()),
    }
    body
}

async fn read_line(reader: &mut (impl AsyncBufRead + Unpin)) -> String {
    let mut line = String::new();
    reader.read_line(&mut line).await.unwrap();
    line.trim_end_matches(['\r', '\n']).to_owned()
}
