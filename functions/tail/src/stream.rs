//! The body of a response: events as Server-Sent Events or NDJSON.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{Stream, unfold};
use shared::http::StreamFormat;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::hub::Subscription;
use crate::listener::Event;
use crate::progress::{EventId, Progress};

/// The time after which a quiet stream sends something, so that proxies and clients keep it open. Some
/// HTTP clients give up after ten seconds.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// [Server-Sent Events](https://html.spec.whatwg.org/multipage/server-sent-events.html).
    Sse,
    /// One JSON object per line.
    Ndjson,
}

impl StreamFormat for Format {
    const DESCRIPTION: &'static str = "The entries as they arrive.";
    const DEFAULT: Self = Self::Sse;
    const ALL: &'static [Self] = &[Self::Sse, Self::Ndjson];

    fn media_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Ndjson => "application/x-ndjson",
        }
    }
}

impl Format {
    /// The start of the stream, which shows that the server listens.
    fn start(self, progress: Progress) -> String {
        match self {
            Self::Sse => format!(": listening\n{}", Self::id(progress)),
            Self::Ndjson => "\n".to_owned(),
        }
    }

    /// Keeps the stream open. The id lets a client that reconnects continue after what it has not
    /// selected, too.
    fn heartbeat(self, progress: Option<(u64, Progress)>) -> String {
        match (self, progress) {
            (Self::Ndjson, Some((dropped, _))) if dropped > 0 => self.dropped(dropped),
            (Self::Ndjson, _) => "\n".to_owned(),
            (Self::Sse, None) => ":\n\n".to_owned(),
            (Self::Sse, Some((0, progress))) => Self::id(progress),
            (Self::Sse, Some((dropped, progress))) => self.dropped(dropped) + &Self::id(progress),
        }
    }

    fn id(progress: Progress) -> String {
        format!("id: {}\n\n", EventId { entry: None, progress })
    }

    fn write(self, event: &Event) -> Vec<u8> {
        let mut text = Vec::with_capacity(event.json.len() + 128);
        if event.dropped > 0 {
            text.extend(self.dropped(event.dropped).into_bytes());
        }
        if self == Self::Sse {
            text.extend(format!("id: {}\ndata: ", event.id()).into_bytes());
        }
        text.extend_from_slice(&event.json);
        text.extend(if self == Self::Sse { &b"\n\n"[..] } else { b"\n" });
        text
    }

    fn dropped(self, count: u64) -> String {
        match self {
            Self::Sse => format!("event: dropped\ndata: {{\"count\":{count}}}\n\n"),
            Self::Ndjson => format!("{{\"event\":\"dropped\",\"count\":{count}}}\n"),
        }
    }

    fn end(self, reason: &str) -> String {
        match self {
            Self::Sse => format!("event: end\ndata: {{\"reason\":\"{reason}\"}}\n\n"),
            Self::Ndjson => format!("{{\"event\":\"end\",\"reason\":\"{reason}\"}}\n"),
        }
    }
}

/// A stream in progress.
struct Tail {
    format: Format,
    subscription: Subscription,
    /// The number of events that may follow; `None` if all may.
    remaining: Option<u64>,
    shutdown: CancellationToken,
    has_started: bool,
}

/// The body: events until the client has enough of them, or the server shuts down.
pub(crate) fn body(
    format: Format,
    subscription: Subscription,
    limit: Option<u64>,
    shutdown: CancellationToken,
) -> impl Stream<Item = io::Result<Bytes>> {
    let tail = Tail { format, subscription, remaining: limit, shutdown, has_started: false };
    unfold(Some(tail), |tail| async move {
        let (text, tail) = tail?.next().await;
        Some((Ok(text), tail))
    })
}

impl Tail {
    /// The next part of the body, and the rest of the stream unless this is the end.
    async fn next(mut self) -> (Bytes, Option<Self>) {
        if !self.has_started {
            self.has_started = true;
            let start = std::mem::take(&mut self.subscription.start);
            return (self.format.start(start).into(), Some(self));
        }
        if self.remaining == Some(0) {
            return (self.format.end("limit").into(), None);
        }
        let heartbeat = sleep_until(Instant::now() + HEARTBEAT);
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => (self.format.end("shutdown").into(), None),
            event = self.subscription.events.recv() => match event {
                Some(event) => {
                    self.remaining = self.remaining.map(|count| count - 1);
                    (self.format.write(&event).into(), Some(self))
                }
                None => (self.format.end("shutdown").into(), None),
            },
            () = heartbeat => {
                (self.format.heartbeat(self.subscription.progress()).into(), Some(self))
            }
        }
    }
}
