//! A client with little overhead. It sends prepared requests over HTTP/1.1 keep-alive connections.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The bytes of a request.
pub(crate) type Request = Arc<Vec<u8>>;

/// Returns a request that posts an NDJSON batch.
pub(crate) fn post_batch(body: &[u8]) -> Request {
    post("/logs/batch", "application/x-ndjson", body)
}

/// Returns a request that posts a single entry.
pub(crate) fn post_entry(body: &str) -> Request {
    post("/logs", "application/json", body.as_bytes())
}

/// Returns a POST request.
pub(crate) fn post(path: &str, content_type: &str, body: &[u8]) -> Request {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Arc::new([head.as_bytes(), body].concat())
}

/// Returns a GET request for a path.
pub(crate) fn get(path: &str) -> Request {
    Arc::new(format!("GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n").into_bytes())
}

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("failed to connect to the server");
        stream.set_nodelay(true).expect("failed to set TCP_NODELAY");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends a request and returns the status and the body of the response.
    pub(crate) async fn send(&mut self, request: &[u8]) -> (u16, String) {
        self.stream.write_all(request).await.expect("failed to send the request");
        self.buffer.clear();
        let head_end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            self.read_more().await;
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).to_ascii_lowercase();
        let status = head[9..12].parse().expect("failed to parse the status");
        let length =
            head.split("content-length: ").nth(1).and_then(|value| value.split('\r').next());
        let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        while self.buffer.len() < head_end + length {
            self.read_more().await;
        }
        (status, String::from_utf8_lossy(&self.buffer[head_end..]).into_owned())
    }

    async fn read_more(&mut self) {
        let read =
            self.stream.read_buf(&mut self.buffer).await.expect("failed to read the response");
        assert!(read > 0, "the server closed the connection");
    }
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

/// The duration of a run, and the latencies of its requests.
pub(crate) struct Run {
    pub(crate) elapsed: Duration,
    latencies: Vec<Duration>,
}

impl Run {
    pub(crate) fn per_second(&self, count: usize) -> f64 {
        count as f64 / self.elapsed.as_secs_f64()
    }

    /// Returns the `q`-quantile of the latencies, in milliseconds. `q` is between 0 and 1.
    pub(crate) fn quantile(&self, q: f64) -> f64 {
        let last = self.latencies.len() - 1;
        self.latencies[(last as f64 * q).round() as usize].as_secs_f64() * 1000.0
    }
}

/// Sends the requests over the given number of connections, one request at a time on each. Panics
/// if a request fails.
pub(crate) async fn drive(address: &str, connections: usize, requests: Vec<Request>) -> Run {
    let queue = Arc::new(Mutex::new(VecDeque::from(requests)));
    let started = Instant::now();
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let (queue, address) = (queue.clone(), address.to_owned());
            tokio::spawn(async move {
                let mut connection = Connection::open(&address).await;
                let mut latencies = Vec::new();
                while let Some(request) =
                    { queue.lock().expect("another worker panicked").pop_front() }
                {
                    let sent = Instant::now();
                    let (status, body) = connection.send(&request).await;
                    assert!((200..300).contains(&status), "{status}: {body}");
                    latencies.push(sent.elapsed());
                }
                latencies
            })
        })
        .collect();
    let mut latencies = Vec::new();
    for worker in workers {
        latencies.extend(worker.await.expect("a worker panicked"));
    }
    let elapsed = started.elapsed();
    latencies.sort_unstable();
    Run { elapsed, latencies }
}
