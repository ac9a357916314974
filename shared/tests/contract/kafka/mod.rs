//! The Kafka queue beyond its contract: topic creation, consumer groups and oversized messages.

mod group;
mod topics;

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use shared::EntryId;
use shared::queue::{self, Batch, Queue, Record};
use shared::testing::entries;
use tokio::time::{sleep, timeout};
use url::Url;

use crate::services;

/// The deadline for each wait.
const DEADLINE: Duration = Duration::from_mins(1);

/// A unique name for a topic and a group. Both are deleted after the test.
pub(crate) struct FreshTopic {
    brokers: String,
    name: String,
}

impl FreshTopic {
    pub(crate) fn new() -> Self {
        let brokers = services::address("KAFKA_PORT", 9094);
        Self { brokers, name: services::fresh_name() }
    }

    pub(crate) fn url(&self) -> Url {
        let (brokers, name) = (&self.brokers, &self.name);
        format!("kafka://{brokers}/{name}?group={name}").parse().unwrap()
    }

    async fn open(&self) -> Queue {
        queue::open(&self.url()).await.unwrap()
    }
}

impl Drop for FreshTopic {
    fn drop(&mut self) {
        let deletion = delete(self.brokers.clone(), self.name.clone());
        let thread = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap()
                .block_on(deletion);
        });
        thread.join().unwrap();
    }
}

async fn delete(brokers: String, name: String) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &brokers);
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let topics = [name.as_str(), &format!("{name}.dead_letters")];
    let _ = admin.delete_topics(&topics, &AdminOptions::new()).await;
    // A member may not have left the group yet.
    for _ in 0..20 {
        let deleted = admin.delete_groups(&[&name], &AdminOptions::new()).await;
        let in_use = Err((name.clone(), RDKafkaErrorCode::NonEmptyGroup));
        if deleted.is_ok_and(|groups| !groups.contains(&in_use)) {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn publish_some(queue: &Queue) -> Vec<EntryId> {
    let entries = entries(vec!["m"; 20]);
    let records = entries.iter().map(Record::of).collect();
    queue.producer.publish(records).await.unwrap();
    entries.iter().map(|entry| entry.id).collect()
}

async fn poll(queue: &Queue) -> Batch {
    timeout(DEADLINE, queue.consumer.poll()).await.unwrap().unwrap()
}

fn ids(batch: &Batch) -> impl Iterator<Item = EntryId> + Clone {
    batch.entries().iter().map(|entry| entry.id)
}
