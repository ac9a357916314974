//! Sends the records of concurrent requests in shared messages, because Kafka and its clients spend
//! about the same time on each message, whatever its size. Records that arrive while a message is in
//! flight gather in the next one, as small segments do in TCP (Nagle's algorithm,
//! <https://www.rfc-editor.org/rfc/rfc896>). If requests overlap, a message also waits for
//! as many as have waited together before. A single client that waits for each response is not delayed.

use std::mem;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use rdkafka::message::{Header, OwnedHeaders};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::delivery::NewMessage;
use super::message_sender::MessageSender;
use crate::error::{Error, Result};
use crate::queue::{Record, unavailable};
use crate::trace::{TRACEPARENT, TraceParent};

/// A shared message of this size is sent, although another one is in flight. With the last request, it
/// is at most twice as long.
pub(super) const FULL_BYTES: usize = 64 * 1024;

/// How long after the previous message a message waits for the expected requests.
const INTERVAL: Duration = Duration::from_millis(5);

/// How long records gather at most while a message is in flight, so that a partition without a leader
/// hardly delays the records for others.
const MAX_WAIT: Duration = Duration::from_millis(20);

/// The maximum number of requests that share a message, and of those that wait to be gathered.
const MAX_REQUESTS: usize = 1024;

/// The result of sending a message, shared by its requests.
type Outcome = std::result::Result<(), Arc<Error>>;

struct Request {
    records: Vec<Record>,
    reply: oneshot::Sender<Outcome>,
}

/// Gathers records, and sends them to a topic.
pub(super) struct SharedMessages {
    topic: String,
    sender: Arc<MessageSender>,
    /// To the task that sends. It is started by the first request, and ends after this has been
    /// dropped and all messages have been delivered.
    requests: OnceLock<mpsc::Sender<Request>>,
}

impl SharedMessages {
    pub(super) fn new(topic: &str, sender: Arc<MessageSender>) -> Self {
        Self { topic: topic.to_owned(), sender, requests: OnceLock::new() }
    }

    /// Sends the records, which are smaller than [`FULL_BYTES`] together, and waits until they are
    /// delivered. If the call is cancelled, they may still be delivered.
    pub(super) async fn send(&self, records: Vec<Record>) -> Result<()> {
        let (reply, outcome) = oneshot::channel();
        let request = Request { records, reply };
        self.requests().send(request).await.map_err(unavailable)?;
        outcome.await.map_err(unavailable)?.map_err(Error::shared)
    }

    fn requests(&self) -> &mpsc::Sender<Request> {
        self.requests.get_or_init(|| {
            let (requests, pending) = mpsc::channel(MAX_REQUESTS);
            tokio::spawn(run(self.topic.clone(), Arc::clone(&self.sender), pending));
            requests
        })
    }
}

/// Sends shared messages until no more requests can arrive.
async fn run(topic: String, sender: Arc<MessageSender>, mut pending: mpsc::Receiver<Request>) {
    let mut in_flight = FuturesUnordered::new();
    let mut gathering = SharedMessage::default();
    let mut gathering_since = Instant::now();
    let mut last_sent = gathering_since;
    let mut requests = Vec::new();
    let mut expected = Expected::default();
    let mut is_open = true;
    while is_open || !in_flight.is_empty() || !gathering.is_empty() {
        let deadline =
            if in_flight.is_empty() { last_sent + INTERVAL } else { gathering_since + MAX_WAIT };
        let is_ready = in_flight.is_empty() && gathering.replies.len() >= expected.requests;
        if !gathering.is_empty() && (is_ready || !is_open || deadline <= Instant::now()) {
            last_sent = Instant::now();
            expected.note_sent(gathering.replies.len());
            in_flight.push(mem::take(&mut gathering).send(&topic, &sender));
        }
        tokio::select! {
            biased;
            Some(answered) = in_flight.next() => expected.note_answered(answered),
            received = pending.recv_many(&mut requests, MAX_REQUESTS), if is_open => {
                is_open = received > 0;
                if gathering.is_empty() {
                    gathering_since = Instant::now();
                }
                let mut arrived = 0;
                for request in requests.drain(..) {
                    arrived += usize::from(gathering.add(request));
                    if gathering.is_full() {
                        in_flight.push(mem::take(&mut gathering).send(&topic, &sender));
                        gathering_since = Instant::now();
                        last_sent = gathering_since;
                    }
                }
                expected.note_arrived(arrived);
            }
            () = sleep_until(deadline), if !gathering.is_empty() => {}
        }
    }
}

/// How many requests a message waits for: the largest number that have waited for Kafka at the same
/// time. After each message that was sent with fewer, it is halfway between the two. If each client
/// waits for its response, it is the number of clients.
struct Expected {
    requests: usize,
    /// The requests that wait for Kafka now.
    waiting: usize,
}

impl Default for Expected {
    fn default() -> Self {
        Self { requests: 1, waiting: 0 }
    }
}

impl Expected {
    /// Notes requests that wait for Kafka from now on.
    fn note_arrived(&mut self, requests: usize) {
        self.waiting += requests;
        self.requests = self.requests.max(self.waiting);
    }

    /// Notes that requests have been answered.
    fn note_answered(&mut self, requests: usize) {
        self.waiting -= requests;
    }

    /// Expects fewer requests if a message was sent with fewer. Full messages do not count: they have
    /// not waited.
    fn note_sent(&mut self, requests: usize) {
        if requests < self.requests {
            self.requests = self.requests.midpoint(requests);
        }
    }
}

/// Records of several requests, separated by line breaks, and the requests that wait for it.
#[derive(Default)]
struct SharedMessage {
    payload: Vec<u8>,
    traces: Vec<TraceParent>,
    replies: Vec<oneshot::Sender<Outcome>>,
}

impl SharedMessage {
    fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    fn is_full(&self) -> bool {
        self.payload.len() >= FULL_BYTES || self.replies.len() >= MAX_REQUESTS
    }

    /// Adds the records of a request, unless it has been cancelled. Returns whether it has added them.
    fn add(&mut self, Request { records, reply }: Request) -> bool {
        if reply.is_closed() {
            return false;
        }
        for record in records {
            if !self.payload.is_empty() {
                self.payload.push(b'\n');
            }
            self.payload.extend_from_slice(record.as_bytes());
            self.traces.extend(record.trace());
        }
        self.replies.push(reply);
        true
    }

    /// Sends the message and answers its requests, and returns their number.
    async fn send(self, topic: &str, sender: &MessageSender) -> usize {
        let requests = self.replies.len();
        let message = message(topic, &self.payload, &self.traces);
        let outcome = sender.send(std::iter::once(message)).await.map_err(Arc::new);
        for reply in self.replies {
            // The receiver is dropped if its request was cancelled.
            let _ = reply.send(outcome.clone());
        }
        requests
    }
}

/// A message with records of these traces.
pub(super) fn message<'a>(
    topic: &'a str,
    payload: &'a [u8],
    traces: &[TraceParent],
) -> NewMessage<'a> {
    let message = NewMessage::to(topic).payload(payload);
    if traces.is_empty() {
        return message;
    }
    let headers = OwnedHeaders::new_with_capacity(traces.len());
    let headers = traces.iter().fold(headers, |headers, trace| {
        headers.insert(Header { key: TRACEPARENT, value: Some(&trace.to_string()) })
    });
    message.headers(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many requests are expected after a message with this number of them was delivered.
    fn expected_after(expected: &mut Expected, requests: usize) -> usize {
        expected.note_arrived(requests);
        expected.note_sent(requests);
        expected.note_answered(requests);
        expected.requests
    }

    #[test]
    fn a_client_that_waits_for_each_response_is_not_delayed() {
        let mut expected = Expected::default();
        for _ in 0..3 {
            assert_eq!(expected_after(&mut expected, 1), 1);
        }
    }

    #[test]
    fn a_message_waits_for_as_many_requests_as_have_waited_together() {
        let mut expected = Expected::default();
        expected.note_arrived(1);
        expected.note_sent(1);
        expected.note_arrived(2);
        assert_eq!(expected.requests, 3);
        expected.note_answered(1);
        expected.note_arrived(1);
        expected.note_sent(3);
        assert_eq!(expected.requests, 3);
    }

    #[test]
    fn a_message_soon_waits_for_no_more_requests_than_arrive_in_time() {
        let mut expected = Expected::default();
        assert_eq!(expected_after(&mut expected, 64), 64);
        for expected_next in [33, 17, 9, 5, 3, 2, 2] {
            assert_eq!(expected_after(&mut expected, 2), expected_next);
        }
    }

    #[test]
    fn a_message_carries_the_records_and_traces_of_its_requests() {
        let record = |text: &'static [u8]| Record::from_bytes(text.into());
        let traces = [TraceParent::start(), TraceParent::start()];
        let mut message = SharedMessage::default();
        let mut outcomes = Vec::new();
        for records in [
            vec![record(b"a").traced(traces[0]), record(b"b")],
            vec![record(b"c").traced(traces[1])],
        ] {
            let (reply, outcome) = oneshot::channel();
            outcomes.push(outcome);
            assert!(message.add(Request { records, reply }));
        }
        let (reply, _) = oneshot::channel();
        assert!(!message.add(Request { records: vec![record(b"cancelled")], reply }));
        assert_eq!(message.payload, b"a\nb\nc");
        assert_eq!((message.traces, message.replies.len()), (traces.into(), 2));
    }
}
