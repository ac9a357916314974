//! A function to serve, its ports, and an HTTP client on a bare socket.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_trait::async_trait;
use poem::{Endpoint, web::Data};
use poem_openapi::{OpenApi, param::Path, payload::PlainText};
use shared::{
    Arrival, Error, NewLogEntry, Ready,
    config::HttpConfig,
    error::Result,
    http::{Function, ProblemResponse, RateLimit},
    limiter::{Decision, Limiter, TokenBucket},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// The deadline for steps that should be immediate, with a margin for a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

pub(crate) struct Things;

#[OpenApi]
impl Things {
    #[oai(path = "/things/:id", method = "get")]
    async fn thing(&self, id: Path<u32>) -> PlainText<String> {
        PlainText(id.0.to_string())
    }

    #[oai(path = "/things", method = "post")]
    async fn add(&self, body: PlainText<String>) -> PlainText<String> {
        body
    }

    #[oai(path = "/id", method = "get")]
    async fn id(&self, arrival: Data<&Arrival>) -> PlainText<String> {
        let entry = NewLogEntry::from_json(br#"{"service":"a","message":"m"}"#).unwrap();
        PlainText(entry.arrive(arrival.0, 0).unwrap().id.to_string())
    }

    #[oai(path = "/slow", method = "get")]
    async fn slow(&self) -> PlainText<&'static str> {
        tokio::time::sleep(Duration::from_millis(500)).await;
        PlainText("done")
    }

    #[oai(path = "/endless", method = "get")]
    async fn endless(&self) {
        std::future::pending::<()>().await;
    }

    #[oai(path = "/panic", method = "get")]
    async fn panic(&self) {
        panic!("this is a test")
    }

    #[oai(path = "/unavailable", method = "get")]
    async fn unavailable(&self) -> std::result::Result<(), ProblemResponse<NoProblems>> {
        Err(unavailable("queue").into())
    }

    #[oai(path = "/teapot", method = "get")]
    async fn teapot(&self) -> poem::Result<()> {
        Err(poem::http::StatusCode::IM_A_TEAPOT.into())
    }

    #[oai(path = "/broken", method = "get")]
    async fn broken(&self) -> poem::Result<()> {
        Err(poem::error::InternalServerError(std::io::Error::other("password=hunter2")))
    }
}

pub(crate) struct NoProblems;

impl shared::http::Problems for NoProblems {
    const LIST: &'static [(poem::http::StatusCode, &'static str)] = &[];
}

pub(crate) fn function() -> Function {
    Function::new("things", Things)
}

fn unavailable(service: &'static str) -> Error {
    Error::unavailable(service, "connection refused")
}

/// A port with a fixed readiness.
pub(crate) struct Port {
    pub(crate) ready: bool,
}

#[async_trait]
impl Ready for Port {
    async fn ready(&self) -> Result<()> {
        if self.ready { Ok(()) } else { Err(unavailable("port")) }
    }
}

/// A limiter whose buckets are never refilled, or one that fails.
pub(crate) struct Buckets {
    pub(crate) tokens: Option<u32>,
    pub(crate) used: std::sync::Mutex<std::collections::HashMap<String, u32>>,
}

#[async_trait]
impl Ready for Buckets {
    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}

#[async_trait]
impl Limiter for Buckets {
    async fn try_acquire(&self, client: &str) -> Result<Decision> {
        let tokens = self.tokens.ok_or_else(|| unavailable("limiter"))?;
        let mut used = self.used.lock().unwrap();
        let used = used.entry(client.to_owned()).or_default();
        if *used == tokens {
            let retry_after = Duration::from_millis(1500);
            return Ok(Decision::Refused { retry_after });
        }
        *used += 1;
        let remaining = tokens - *used;
        Ok(Decision::Allowed { remaining })
    }
}

/// A rate limit with this many tokens per client; with `None`, the limiter fails.
pub(crate) fn rate_limit(tokens: Option<u32>) -> RateLimit {
    let bucket = TokenBucket { capacity: 100.try_into().unwrap(), rate: 50.try_into().unwrap() };
    let used = std::sync::Mutex::default();
    RateLimit::new(Arc::new(Buckets { tokens, used }), bucket)
}

/// The configuration of a process behind a proxy on this machine.
pub(crate) fn behind_proxy() -> HttpConfig {
    HttpConfig { trusted_proxies: vec!["127.0.0.1/32".parse().unwrap()], ..HttpConfig::default() }
}

pub(crate) fn endpoint(
    config: &HttpConfig,
    rate_limit: Option<RateLimit>,
) -> impl Endpoint<Output = poem::Response> + 'static + use<> {
    let shutdown = CancellationToken::new();
    shared::http::endpoint(vec![function()], config, rate_limit, &shutdown).unwrap()
}

/// The function, served on a local port.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) ended: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    pub(crate) async fn start(config: HttpConfig, rate_limit: Option<RateLimit>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start_on(listener, config, rate_limit, CancellationToken::new())
    }

    pub(crate) fn start_on(
        listener: TcpListener,
        config: HttpConfig,
        rate_limit: Option<RateLimit>,
        shutdown: CancellationToken,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let endpoint =
            shared::http::endpoint(vec![function()], &config, rate_limit, &shutdown).unwrap();
        let grace_period = config.shutdown_timeout;
        let served = shared::http::serve_on(listener, endpoint, grace_period, shutdown.clone());
        let ended = tokio::spawn(served);
        Self { address, shutdown, ended }
    }
}

/// The client's end of a connection.
pub(crate) struct Connection(pub(crate) TcpStream);

/// A response, as received.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    pub(crate) async fn get(&mut self, path: &str) -> Response {
        self.get_with(path, "").await
    }

    pub(crate) async fn get_with(&mut self, path: &str, headers: &str) -> Response {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n{headers}\r\n")).await;
        self.response().await
    }

    /// Reads the next response. Panics if the connection breaks before the response is complete.
    pub(crate) async fn response(&mut self) -> Response {
        let head =
            timeout(DEADLINE, self.head()).await.expect("timed out waiting for the response");
        let length = header(&head, "content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await.unwrap();
        Response {
            status: head[9..12].parse().unwrap(),
            head,
            body: String::from_utf8(body).unwrap(),
        }
    }

    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(
                self.0.read_u8().await.expect("the connection broke before the end of the head"),
            );
        }
        String::from_utf8(head).unwrap()
    }

    /// Whether the server closes the connection without sending anything.
    pub(crate) async fn closed(&mut self) -> bool {
        let mut bytes = Vec::new();
        matches!(timeout(DEADLINE, self.0.read_to_end(&mut bytes)).await, Ok(Ok(0)))
    }
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(": "));
    let mut values = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
    values.next().map(|(_, value)| value)
}
