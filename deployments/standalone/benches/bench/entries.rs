//! Generates log entries that resemble those of real systems: a few templates, filled in with many
//! different numbers and addresses.

use std::fmt::Write;

/// The number of entries in a batch.
pub(crate) const BATCH_ENTRIES: usize = 1000;

const SERVICES: [&str; 8] =
    ["payment", "gateway", "auth-service", "hdfs", "scheduler", "mailer", "search-api", "billing"];

const LEVELS: [&str; 8] = ["INFO", "INFO", "INFO", "INFO", "DEBUG", "WARN", "notice", "ERROR"];

/// A small pseudo-random number generator that yields the same sequence in every run.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// Returns one entry as JSON, about 230 bytes.
pub(crate) fn entry(rng: &mut Rng) -> String {
    let service = SERVICES[rng.below(8) as usize];
    let level = LEVELS[rng.below(8) as usize];
    let mut message = String::new();
    let (a, b, c) = (rng.below(1 << 40), rng.below(250), rng.below(60_000));
    let _ = match rng.below(5) {
        0 => write!(message, "PacketResponder {b} for block blk_{a} terminating after {c} ms"),
        1 => write!(
            message,
            "Failed password for invalid user guest from 10.{b}.7.{b} port {c} ssh2"
        ),
        2 => {
            write!(message, "connection timeout after {c} ms to 192.168.{b}.{b}:{c}, request {a:x}")
        }
        3 => write!(message, "GET /api/v1/orders/{a} took {c} us with status 200, {b} rows"),
        _ => {
            write!(message, "session {a:x} of user {c} opened by (uid={b}) on node-{b}, cache miss")
        }
    };
    let (day, second) = (1 + rng.below(28), rng.below(60));
    format!(
        r#"{{"service_name":"{service}","level":"{level}","message":"{message}","timestamp":"2024-06-{day:02}T12:{b:02}:{second:02}.{c:06}Z","attributes":{{"pid":"{c}","component":"worker.{b}"}}}}"#,
        b = b % 60,
    )
}

/// Returns a batch of entries as NDJSON.
pub(crate) fn batch(seed: u64, entries: usize) -> Vec<u8> {
    let mut rng = Rng::new(seed + 1);
    let lines: Vec<String> = (0..entries).map(|_| entry(&mut rng)).collect();
    lines.join("\n").into_bytes()
}
