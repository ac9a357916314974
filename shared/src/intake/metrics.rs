//! Ingest metrics: accepted entries by protocol, and rejected entries by protocol and reason.

use metrics::counter;

use super::Reason;

/// The protocol in which entries arrive: the metrics' `protocol` label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// LogPulse's own: `/logs`, `/logs/batch` and `/logs/ndjson`.
    Logs,
    /// JSON of any shape: `/logs/any`.
    Any,
    /// OpenTelemetry.
    Otlp,
    /// The bulk API of Elasticsearch and OpenSearch.
    Elasticsearch,
    /// Grafana Loki.
    Loki,
    /// Syslog over TCP and UDP.
    Syslog,
}

impl Protocol {
    /// The value of the label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Any => "any",
            Self::Otlp => "otlp",
            Self::Elasticsearch => "elasticsearch",
            Self::Loki => "loki",
            Self::Syslog => "syslog",
        }
    }
}

/// Starts a protocol's counters at zero, so that Prometheus sees their first increase.
pub(super) fn start_counters(protocol: Protocol) {
    count_accepted(protocol, 0);
    for reason in Reason::ALL {
        count_rejected(protocol, reason, 0);
    }
}

/// Counts entries that were accepted and are durable.
pub(super) fn count_accepted(protocol: Protocol, entries: usize) {
    let protocol = protocol.as_str();
    counter!("ingest_entries_accepted_total", "protocol" => protocol).increment(entries as u64);
}

/// Counts rejected entries.
pub fn count_rejected(protocol: Protocol, reason: Reason, entries: usize) {
    let (protocol, reason) = (protocol.as_str(), reason.as_str());
    counter!("ingest_entries_refused_total", "protocol" => protocol, "reason" => reason)
        .increment(entries as u64);
}
