//! What Kafka alone has: topics made by many at once, a group that shares its partitions.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::RDKafkaErrorCode;
use shared::queue::{self, Batch, Queue, Record};
use shared::{EntryId, Error, telemetry};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use crate::entries::entries;
use crate::services;

/// Long enough for anything that should happen, short enough for a test to fail.
const PATIENCE: Duration = Duration::from_mins(1);

/// The name of a topic and of a group that nobody has used; both are deleted in the end.
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
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        let topics = [self.name.clone(), format!("{}.dead_letters", self.name)];
        let delete = async move {
            let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
            let [records, dead_letters] = &topics;
            let _ = admin.delete_topics(&[records, dead_letters], &AdminOptions::new()).await;
            // A member may still be leaving.
            for _ in 0..20 {
                let deleted = admin.delete_groups(&[records], &AdminOptions::new()).await;
                let in_use = Err((records.clone(), RDKafkaErrorCode::NonEmptyGroup));
                if deleted.is_ok_and(|groups| !groups.contains(&in_use)) {
                    break;
                }
                sleep(Duration::from_millis(100)).await;
            }
        };
        let deleting = std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .unwrap()
                .block_on(delete);
        });
        deleting.join().unwrap();
    }
}

async fn publish_some(queue: &Queue) -> Vec<EntryId> {
    let entries = entries(vec!["m"; 20]);
    let records = entries.iter().map(Record::of).collect();
    queue.producer.publish(records).await.unwrap();
    entries.iter().map(|entry| entry.id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_start_at_once_make_the_topics_once() {
    if !services::required() {
        return;
    }
    let topic = FreshTopic::new();
    let mut starting = Vec::new();
    for _ in 0..10 {
        let queue = topic.open().await;
        starting.push(tokio::spawn(async move {
            queue.producer.ready().await.unwrap();
            publish_some(&queue).await
        }));
    }
    let mut published = BTreeSet::new();
    for started in starting {
        published.extend(started.await.unwrap());
    }
    let queue = topic.open().await;
    let mut seen = BTreeSet::new();
    while seen.len() < published.len() {
        let batch = timeout(PATIENCE, queue.consumer.poll()).await.unwrap().unwrap();
        seen.extend(batch.entries().iter().map(|entry| entry.id));
    }
    assert_eq!(seen, published);
}

/// What a group has committed, by all its members.
type Seen = Arc<Mutex<Vec<EntryId>>>;

struct Member {
    task: JoinHandle<()>,
    seen: Seen,
}

impl Member {
    async fn join(topic: &FreshTopic, group: &Seen) -> Self {
        let (queue, group) = (topic.open().await, Arc::clone(group));
        let seen = Seen::default();
        let own = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let batch: Batch = queue.consumer.poll().await.unwrap();
                let ids = batch.entries().iter().map(|entry| entry.id);
                own.lock().unwrap().extend(ids.clone());
                group.lock().unwrap().extend(ids);
                // While the group is shared out anew it may fail, and the batch may come again.
                let _ = queue.consumer.commit(batch).await;
            }
        });
        Self { task, seen }
    }

    fn saw_anything(&self) -> bool {
        !self.seen.lock().unwrap().is_empty()
    }

    /// Waits until it has its share, and says whether it got one.
    async fn has_a_share(&self) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while !self.saw_anything() && Instant::now() < deadline {
            sleep(Duration::from_millis(50)).await;
        }
        self.saw_anything()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_join_and_leave_share_the_partitions_and_nothing_is_lost() {
    if !services::required() {
        return;
    }
    let topic = FreshTopic::new();
    let group = Seen::default();
    let queue = topic.open().await;
    let publishing = tokio::spawn(async move {
        let mut published = BTreeSet::new();
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(15) {
            published.extend(publish_some(&queue).await);
            sleep(Duration::from_millis(20)).await;
        }
        published
    });
    let first = Member::join(&topic, &group).await;
    assert!(first.has_a_share().await);
    let second = Member::join(&topic, &group).await;
    assert!(second.has_a_share().await);
    let third = Member::join(&topic, &group).await;
    assert!(third.has_a_share().await);
    first.task.abort();
    let fourth = Member::join(&topic, &group).await;
    assert!(fourth.has_a_share().await);
    second.task.abort();
    let published = publishing.await.unwrap();
    let everything = async {
        let seen = || group.lock().unwrap().iter().copied().collect::<BTreeSet<EntryId>>();
        while !seen().is_superset(&published) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, everything).await.unwrap();
    let again = group.lock().unwrap().len() - published.len();
    // Partitions that stay where they are are not read again.
    assert!(again < published.len() / 2, "{again} of {} came again", published.len());
    third.task.abort();
    fourth.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_does_nothing_for_long_stays_in_its_group_and_goes_on() {
    if !services::required() {
        return;
    }
    let topic = FreshTopic::new();
    let queue = topic.open().await;
    let mut published = publish_some(&queue).await;
    let mut seen = Vec::new();
    while seen.len() < published.len() {
        let batch = timeout(PATIENCE, queue.consumer.poll()).await.unwrap().unwrap();
        seen.extend(batch.entries().iter().map(|entry| entry.id));
        queue.consumer.commit(batch).await.unwrap();
    }
    // Longer than it takes to pause, and more than is read ahead.
    for _ in 0..20 {
        for _ in 0..20 {
            published.extend(publish_some(&queue).await);
        }
        sleep(Duration::from_millis(300)).await;
    }
    while seen.len() < published.len() {
        let batch = timeout(PATIENCE, queue.consumer.poll()).await.unwrap().unwrap();
        seen.extend(batch.entries().iter().map(|entry| entry.id));
        queue.consumer.commit(batch).await.unwrap();
    }
    // Nothing twice: it was a member all the time, and went on where it had paused.
    seen.sort();
    published.sort();
    assert_eq!(seen, published);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_does_nothing_for_long_hands_over_partitions_to_who_joins() {
    if !services::required() {
        return;
    }
    let topic = FreshTopic::new();
    let queue = topic.open().await;
    publish_some(&queue).await;
    let batch = timeout(PATIENCE, queue.consumer.poll()).await.unwrap().unwrap();
    // Its backend is away: it holds this batch, and polls no other.
    let publishing = tokio::spawn({
        let queue = queue.clone();
        async move {
            loop {
                publish_some(&queue).await;
                sleep(Duration::from_millis(20)).await;
            }
        }
    });
    sleep(Duration::from_secs(5)).await;
    let other = Member::join(&topic, &Seen::default()).await;
    assert!(other.has_a_share().await);
    queue.consumer.commit(batch).await.unwrap();
    timeout(PATIENCE, queue.consumer.poll()).await.unwrap().unwrap();
    publishing.abort();
    other.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_ends_leaves_its_group_at_once() {
    if !services::required() {
        return;
    }
    let topic = FreshTopic::new();
    let queue = topic.open().await;
    publish_some(&queue).await;
    timeout(PATIENCE, queue.consumer.poll()).await.unwrap().unwrap();
    drop(queue);
    let next = topic.open().await;
    // Sooner than the group would miss it.
    timeout(Duration::from_secs(6), next.consumer.poll()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_of_the_group_and_the_age_of_the_oldest_entry_are_told() {
    if !services::required() {
        return;
    }
    telemetry::record_metrics();
    let topic = FreshTopic::new();
    let queue = topic.open().await;
    for _ in 0..50 {
        publish_some(&queue).await;
    }
    let polled = timeout(PATIENCE, queue.consumer.poll()).await.unwrap().unwrap();
    let told = |name: &str| -> f64 {
        let text = telemetry::render_metrics();
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline
        && !((told("queue_lag{") - 1000.0).abs() < 0.5 && told("queue_oldest_age_seconds ") > 1.0)
    {
        sleep(Duration::from_millis(100)).await;
    }
    assert!((told("queue_lag{") - 1000.0).abs() < 0.5, "{}", telemetry::render_metrics());
    assert!(told("queue_oldest_age_seconds ") > 1.0, "{}", telemetry::render_metrics());
    queue.consumer.commit(polled).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_record_fits_among_the_dead_letters_and_a_larger_one_is_rejected() {
    if !services::required() {
        return;
    }
    let topic = FreshTopic::new();
    let queue = topic.open().await;
    let largest = vec![b'x'; 2 * 1024 * 1024 - 1024];
    let record = Record::from_bytes(largest.clone().into());
    queue.producer.publish(vec![record]).await.unwrap();
    let batch = timeout(PATIENCE, queue.consumer.poll()).await.unwrap().unwrap();
    let mut dead_letter = batch.unreadable()[0].clone();
    dead_letter.reason = "m".repeat(1024 * 1024);
    queue.dead_letters.write(&[dead_letter]).await.unwrap();
    let listed = queue.dead_letters.list(0, 10).await.unwrap();
    assert_eq!(listed[0].1.line, largest);
    let larger = Record::from_bytes(vec![b'x'; 2 * 1024 * 1024 + 1024].into());
    let error = queue.producer.publish(vec![larger]).await.unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_while_the_topic_is_being_made_is_all_there() {
    if !services::required() {
        return;
    }
    // The first requests may come before the partitions have their leader, and are sent again.
    for _ in 0..8 {
        let topic = FreshTopic::new();
        let queue = topic.open().await;
        let large = Record::from_bytes(vec![b'x'; 512 * 1024].into());
        queue.producer.publish(vec![large; 6]).await.unwrap();
        let mut polled = 0;
        while polled < 6 {
            let batch = timeout(PATIENCE, queue.consumer.poll()).await.unwrap().unwrap();
            polled += batch.unreadable().len();
        }
    }
}
