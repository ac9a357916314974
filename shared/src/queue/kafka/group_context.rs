//! Handles a group member's events: rebalances and errors.

use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;

use super::broker_health::BrokerHealth;
use super::lag::UncommittedRecords;
use crate::queue::metrics;

/// A group member's state, which librdkafka's callbacks update.
#[derive(Default)]
pub(super) struct GroupContext {
    pub(super) uncommitted: UncommittedRecords,
    pub(super) health: BrokerHealth,
}

impl ClientContext for GroupContext {
    fn error(&self, error: KafkaError, reason: &str) {
        self.health.error(error, reason);
    }
}

impl ConsumerContext for GroupContext {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Assign(partitions) => tracing::info!(?partitions, "partitions assigned"),
            Rebalance::Revoke(partitions) => {
                tracing::info!(?partitions, "partitions revoked");
                for revoked in partitions.elements() {
                    self.uncommitted.remove_partition(revoked.partition());
                    // The new owner reports the lag from now on.
                    metrics::report_lag(revoked.partition(), 0);
                }
            }
            Rebalance::Error(error) => tracing::warn!(%error, "rebalancing failed"),
        }
    }
}
