//! The function over real sockets: both transports, bursts, a queue that is down, and shutdown.
#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use shared::LogEntry;
use shared::config::LimitsConfig;
use shared::error::{Error, Ready};
use shared::queue::{self, Producer, Queue, Record};
use syslog::Listener;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

const DEADLINE: Duration = Duration::from_secs(20);

/// A queue that can be made unavailable.
struct SwitchableQueue {
    queue: Arc<dyn Producer>,
    is_down: AtomicBool,
}

#[async_trait]
impl Ready for SwitchableQueue {
    async fn ready(&self) -> Result<(), Error> {
        self.queue.ready().await
    }
}

#[async_trait]
impl Producer for SwitchableQueue {
    async fn publish(&self, records: Vec<Record>) -> Result<(), Error> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(Error::unavailable("queue", "the test made it unavailable"));
        }
        self.queue.publish(records).await
    }
}

/// A listener that is running, and its queue in a temporary folder.
struct Fixture {
    address: SocketAddr,
    queue: Queue,
    switch: Arc<SwitchableQueue>,
    shutdown: CancellationToken,
    running: JoinHandle<anyhow::Result<()>>,
    _folder: TempDir,
}

impl Fixture {
    async fn start(grace_period: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/queue.db", folder.path().display());
        let queue = queue::open(&Url::parse(&url).unwrap()).await.unwrap();
        let is_down = AtomicBool::new(false);
        let switch = Arc::new(SwitchableQueue { queue: queue.producer.clone(), is_down });
        let listener = Listener::bind("127.0.0.1", 0).await.unwrap();
        let address = listener.address().unwrap();
        let shutdown = CancellationToken::new();
        let limits = LimitsConfig::default().into();
        let run = listener.run(switch.clone(), limits, grace_period, shutdown.clone());
        let running = tokio::spawn(run);
        Self { address, queue, switch, shutdown, running, _folder: folder }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Polls the queue until it has had this many entries.
    async fn entries(&self, count: usize) -> Vec<LogEntry> {
        let mut entries = Vec::new();
        while entries.len() < count {
            let batch = timeout(DEADLINE, self.queue.consumer.poll()).await;
            let batch = batch.unwrap_or_else(|_| panic!("only {} entries", entries.len())).unwrap();
            entries.extend_from_slice(batch.entries());
            self.queue.consumer.commit(batch).await.unwrap();
        }
        entries
    }

    /// The messages of the entries. Checks that each occurs once.
    async fn messages(&self, count: usize) -> HashSet<String> {
        let entries = self.entries(count).await;
        let ids: HashSet<_> = entries.iter().map(|entry| entry.id).collect();
        let messages: HashSet<String> = entries.into_iter().map(|entry| entry.message).collect();
        assert_eq!((ids.len(), messages.len()), (count, count));
        messages
    }

    /// Requests the shutdown, and waits until it is complete.
    async fn stop(&mut self) {
        self.shutdown.cancel();
        timeout(DEADLINE, &mut self.running).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn messages_over_tcp_and_udp_become_entries() {
    let fixture = Fixture::start(DEADLINE).await;
    let mut tcp = fixture.connect().await;
    let stream = "<11>1 2026-11-27T00:00:00Z web shop 7 - - line\n32 <14>1 - web shop - - - two\nlines<14>unfinished";
    tcp.write_all(stream.as_bytes()).await.unwrap();
    drop(tcp);
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    udp.send_to(b"<12>Nov 27 00:00:00 web shop: datagram\n", fixture.address).await.unwrap();
    udp.send_to(b"\n", fixture.address).await.unwrap();

    let mut entries = fixture.entries(4).await;
    entries.sort_by(|one, other| one.message.cmp(&other.message));
    let short = entries
        .iter()
        .map(|entry| (entry.level.as_str(), entry.service_name.as_str(), entry.message.as_str()));
    let expected = [
        ("WARN", "shop", "datagram"),
        ("ERROR", "shop", "line"),
        ("INFO", "shop", "two\nlines"),
        ("INFO", "unknown_service", "unfinished"),
    ];
    assert_eq!(short.collect::<Vec<_>>(), expected);
    assert_eq!(entries[1].timestamp.to_string(), "2026-11-27T00:00:00.000000Z");
    let attributes = entries[3].attributes.as_ref().unwrap().as_str();
    assert_eq!(attributes, r#"{"facility":"user","client.address":"127.0.0.1"}"#);
}

#[tokio::test]
async fn every_message_of_a_burst_on_several_connections_becomes_one_entry() {
    let fixture = Fixture::start(DEADLINE).await;
    for connection in 0..4 {
        let mut tcp = fixture.connect().await;
        tokio::spawn(async move {
            for number in 0..5000 {
                let message = format!("<14>shop[1]: {connection}-{number}");
                let framed = match number % 2 {
                    0 => format!("{message}\n"),
                    _ => format!("{} {message}", message.len()),
                };
                tcp.write_all(framed.as_bytes()).await.unwrap();
            }
        });
    }

    let messages = fixture.messages(20_000).await;
    assert!(messages.contains("0-0") && messages.contains("3-4999"));
}

#[tokio::test]
async fn while_the_queue_is_down_senders_wait_and_nothing_is_lost() {
    const MESSAGES: usize = 1000;
    let fixture = Fixture::start(DEADLINE).await;
    fixture.switch.is_down.store(true, Ordering::SeqCst);
    let mut tcp = fixture.connect().await;
    let mut sending = tokio::spawn(async move {
        for number in 0..MESSAGES {
            let message = format!("<14>{number} {}\n", "x".repeat(64 * 1024));
            tcp.write_all(message.as_bytes()).await.unwrap();
        }
    });

    // The inbox and the socket buffers have room for less than half of the messages.
    assert!(
        timeout(Duration::from_secs(2), &mut sending).await.is_err(),
        "the sender did not wait"
    );
    fixture.switch.is_down.store(false, Ordering::SeqCst);

    let messages = fixture.messages(MESSAGES).await;
    assert!(messages.iter().all(|message| message.len() > 64 * 1024));
    sending.await.unwrap();
}

#[tokio::test]
async fn on_shutdown_messages_that_have_arrived_are_published() {
    let mut fixture = Fixture::start(DEADLINE).await;
    let mut open = fixture.connect().await;
    let numbered: Vec<String> = (0..5000).map(|number| format!("<14>{number}\n")).collect();
    open.write_all(numbered.concat().as_bytes()).await.unwrap();
    open.write_all(b"<14>unfinished").await.unwrap();
    let mut backlog = fixture.connect().await;
    backlog.write_all(b"<14>backlog\n").await.unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    udp.send_to(b"<14>datagram", fixture.address).await.unwrap();

    fixture.stop().await;

    let messages = fixture.messages(5003).await;
    for message in ["0", "4999", "unfinished", "backlog", "datagram"] {
        assert!(messages.contains(message), "{message} is missing");
    }
}

#[tokio::test]
async fn an_idle_listener_shuts_down_without_an_error() {
    for _ in 0..20 {
        Fixture::start(DEADLINE).await.stop().await;
    }
}

#[tokio::test]
async fn shutdown_ends_with_the_grace_period_if_the_queue_is_down() {
    let mut fixture = Fixture::start(Duration::from_secs(1)).await;
    fixture.switch.is_down.store(true, Ordering::SeqCst);
    let mut tcp = fixture.connect().await;
    tcp.write_all(b"<14>m\n").await.unwrap();
    let started = std::time::Instant::now();
    fixture.stop().await;
    let elapsed = started.elapsed();
    assert!(elapsed >= Duration::from_secs(1) && elapsed < Duration::from_secs(5), "{elapsed:?}");
}

#[tokio::test]
async fn a_port_in_use_is_named_in_the_error() {
    let fixture = Fixture::start(DEADLINE).await;
    let error = Listener::bind("127.0.0.1", fixture.address.port()).await.unwrap_err();
    let text = format!("{error:#}");
    assert!(text.contains("SYSLOG_PORT") && text.contains("in use"), "{text}");
}
