//! The code that the functions that accept entries share.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{Packed, Packer, Protocol, Reason, Report, Workers, count_rejected, start_counters};
use crate::TraceParent;
use crate::config::{
    LimitsConfig, QueueConfig, RateLimitConfig, RetentionConfig, check, help, load,
};
use crate::error::Error;
use crate::http::{
    self, BodyContent, BodyLimits, EncodedBody, Function, Problem, RateLimit, Upload,
};
use crate::log_entry::Arrival;
use crate::process::Program;
use crate::queue::{self, Producer};
use crate::retention::Retention;

/// What is accepted, and for how long it is kept. Clones share their memory.
#[derive(Debug, Clone)]
pub struct Limits {
    /// The limits on request bodies.
    pub body: BodyLimits,
    /// The maximum size of an entry as stored, in bytes of JSON.
    pub max_entry_bytes: usize,
    /// How long entries are kept.
    pub retention: Arc<Retention>,
}

impl Limits {
    /// Limits on bodies, and on the size of an entry as JSON. Every entry is kept forever.
    #[must_use]
    pub fn new(body: BodyLimits, max_entry_bytes: usize) -> Self {
        Self { body, max_entry_bytes, retention: Arc::new(Retention::FOREVER) }
    }

    /// These limits, for entries that are kept for a limited time.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention: Arc::new(retention), ..self }
    }

    /// The limits that the environment sets.
    ///
    /// # Errors
    /// When a setting is invalid.
    pub fn load() -> anyhow::Result<Self> {
        let limits = Self::from(load::<LimitsConfig>()?);
        Ok(limits.with_retention(load::<RetentionConfig>()?.classes()))
    }
}

impl From<LimitsConfig> for Limits {
    fn from(config: LimitsConfig) -> Self {
        let body = BodyLimits::new(config.max_body_bytes, config.max_decompressed_bytes);
        Self::new(body, config.max_entry_bytes)
    }
}

/// Accepts the entries of one protocol: reads bodies within the limits, packs large ones on
/// separate threads, publishes the entries, and counts the rejected ones.
pub struct Intake {
    protocol: Protocol,
    queue: Arc<dyn Producer>,
    limits: Limits,
    workers: Workers,
}

impl Intake {
    /// An intake that publishes to this queue.
    #[must_use]
    pub fn new(protocol: Protocol, queue: Arc<dyn Producer>, limits: Limits) -> Self {
        start_counters(protocol);
        Self { protocol, queue, limits, workers: Workers::default() }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A packer for the entries of a request.
    #[must_use]
    pub fn packer(&self, arrival: Arrival, report: Report) -> Packer {
        Packer::new(self.protocol, arrival, self.limits.clone(), report)
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// The same as [`Upload::read`].
    pub async fn read<C: BodyContent>(&self, body: Upload<C>) -> Result<EncodedBody, Problem> {
        let body = body.read(&self.limits.body).await;
        body.inspect_err(|problem| self.count_rejected_body(problem))
    }

    /// Decodes, parses and packs a body.
    ///
    /// # Errors
    /// When packing fails, or the process is shutting down (503).
    pub async fn pack<T: Send + 'static>(
        &self,
        body: EncodedBody,
        pack: impl FnOnce(EncodedBody) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let packed =
            if body.is_small() { pack(body) } else { self.run(move || pack(body)).await? };
        packed.inspect_err(|problem| self.count_rejected_body(problem))
    }

    /// Runs other work that takes as long as packing.
    ///
    /// # Errors
    /// When the process is shutting down.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        self.workers.run(work).await
    }

    /// Publishes the entries of a request, and returns the result.
    ///
    /// # Errors
    /// The same as [`Packed::publish`].
    pub async fn publish<T>(&self, packed: Packed<T>, trace: TraceParent) -> Result<T, Error> {
        packed.publish(&*self.queue, trace).await
    }

    /// Publishes entries until the queue accepts them, and returns the result.
    ///
    /// # Errors
    /// As [`Packed::publish_persistently`].
    pub async fn publish_persistently<T>(&self, packed: Packed<T>) -> Result<T, Error> {
        packed.publish_persistently(&*self.queue, TraceParent::start()).await
    }

    /// Counts entries that were received but discarded.
    pub fn count_rejected(&self, reason: Reason, entries: usize) {
        count_rejected(self.protocol, reason, entries);
    }

    /// Counts a body that could not be read, decoded or parsed as one rejected entry, because the
    /// number of entries in it is unknown.
    fn count_rejected_body(&self, problem: &Problem) {
        count_rejected(self.protocol, problem.into(), 1);
    }
}

/// The program of a function that accepts entries.
#[must_use]
pub const fn program(name: &'static str, about: &'static str) -> Program {
    Program {
        name,
        about,
        settings: &[
            help::QUEUE_URL,
            help::RETENTION,
            help::CORS_ALLOWED_ORIGINS,
            help::RATE_LIMIT_ENABLED,
            help::LIMITER_URL,
        ],
        config: &[
            check::<QueueConfig>,
            check::<LimitsConfig>,
            check::<RetentionConfig>,
            check::<RateLimitConfig>,
        ],
    }
}

/// Serves a function that accepts entries, with the settings from the environment.
///
/// # Errors
/// When a setting is invalid, the queue cannot be opened, or the address is not available.
pub async fn serve(
    function: fn(Arc<dyn Producer>, Limits) -> Function,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let queue = queue::open(load::<QueueConfig>()?.queue_url.expose()).await?;
    let function = function(queue.producer, Limits::load()?);
    let rate_limit = RateLimit::open(&load()?).await?;
    http::serve(vec![function], &load()?, rate_limit, shutdown).await
}
