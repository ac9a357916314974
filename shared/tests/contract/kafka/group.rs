//! The members of a consumer group share the partitions and report their lag.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::{EntryId, telemetry};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use super::{DEADLINE, FreshTopic, ids, poll, publish_some};
use crate::services;

/// The polled ids, including duplicates.
type Polled = Arc<Mutex<Vec<EntryId>>>;

/// The number of requests, each of which is a message.
const PUBLISHES: i32 = 50;

/// A member that polls and commits in a task.
struct Member {
    task: JoinHandle<()>,
    polled: Polled,
}

impl Member {
    /// Joins the group, and adds the ids that it polls to `all`.
    async fn join(topic: &FreshTopic, all: &Polled) -> Self {
        let (queue, all) = (topic.open().await, Arc::clone(all));
        let polled = Polled::default();
        let own = Arc::clone(&polled);
        let task = tokio::spawn(async move {
            loop {
                let batch = queue.consumer.poll().await.unwrap();
                own.lock().unwrap().extend(ids(&batch));
                all.lock().unwrap().extend(ids(&batch));
                // A commit may fail during a rebalance. The batch is then polled again.
                let _ = queue.consumer.commit(batch).await;
            }
        });
        Self { task, polled }
    }

    /// Waits until the member has polled an entry, which requires an assigned partition.
    async fn wait_for_partitions(&self) {
        let has_polled = async {
            while self.polled.lock().unwrap().is_empty() {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(DEADLINE, has_polled).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_join_and_leave_share_the_partitions_without_loss() {
    if !services::required() {
        return;
    }
    let topic = FreshTopic::new();
    let all = Polled::default();
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
    let first = Member::join(&topic, &all).await;
    first.wait_for_partitions().await;
    let second = Member::join(&topic, &all).await;
    second.wait_for_partitions().await;
    let third = Member::join(&topic, &all).await;
    third.wait_for_partitions().await;
    first.task.abort();
    let fourth = Member::join(&topic, &all).await;
    fourth.wait_for_partitions().await;
    second.task.abort();
    let published = publishing.await.unwrap();
    let all_polled = async {
        let polled = || all.lock().unwrap().iter().copied().collect::<BTreeSet<EntryId>>();
        while !polled().is_superset(&published) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(DEADLINE, all_polled).await.unwrap();
    let redelivered = all.lock().unwrap().len() - published.len();
    // Partitions that are not reassigned are not read again.
    assert!(redelivered < published.len() / 2, "{redelivered} of {}", published.len());
    third.task.abort();
    fourth.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_member_remains_in_its_group_and_resumes() {
    if !services::required() {
        return;
    }
    let topic = FreshTopic::new();
    let queue = topic.open().await;
    let mut published = publish_some(&queue).await;
    let mut polled = Vec::new();
    while polled.len() < published.len() {
        let batch = poll(&queue).await;
        polled.extend(ids(&batch));
        queue.consumer.commit(batch).await.unwrap();
    }
    // Publish until the partitions are paused, and more than is polled ahead.
    for _ in 0..20 {
        for _ in 0..20 {
            published.extend(publish_some(&queue).await);
        }
        sleep(Duration::from_millis(300)).await;
    }
    while polled.len() < published.len() {
        let batch = poll(&queue).await;
        polled.extend(ids(&batch));
        queue.consumer.commit(batch).await.unwrap();
    }
    // There are no duplicates, because the member stayed in the group and resumed where it paused.
    polled.sort();
    published.sort();
    assert_eq!(polled, published);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_member_hands_over_partitions_to_a_new_member() {
    if !services::required() {
        return;
    }
    let topic = FreshTopic::new();
    let queue = topic.open().await;
    publish_some(&queue).await;
    // The member keeps this batch and polls no other, as if a sink were unavailable.
    let batch = poll(&queue).await;
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
    let other = Member::join(&topic, &Polled::default()).await;
    other.wait_for_partitions().await;
    queue.consumer.commit(batch).await.unwrap();
    poll(&queue).await;
    publishing.abort();
    other.task.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_member_leaves_its_group_immediately() {
    if !services::required() {
        return;
    }
    let topic = FreshTopic::new();
    let queue = topic.open().await;
    publish_some(&queue).await;
    poll(&queue).await;
    drop(queue);
    let next = topic.open().await;
    // This is shorter than the session timeout.
    timeout(Duration::from_secs(6), next.consumer.poll()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_and_the_age_of_the_oldest_record_are_reported() {
    if !services::required() {
        return;
    }
    telemetry::record_metrics();
    let topic = FreshTopic::new();
    let queue = topic.open().await;
    for _ in 0..PUBLISHES {
        publish_some(&queue).await;
    }
    let polled = poll(&queue).await;
    let sum = |name: &str| -> f64 {
        let text = telemetry::render_metrics();
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    let is_reported = || {
        (sum("queue_lag{") - f64::from(PUBLISHES)).abs() < 0.5
            && sum("queue_oldest_age_seconds ") > 1.0
    };
    let deadline = Instant::now() + DEADLINE;
    while Instant::now() < deadline && !is_reported() {
        sleep(Duration::from_millis(100)).await;
    }
    assert!(is_reported(), "{}", telemetry::render_metrics());
    queue.consumer.commit(polled).await.unwrap();
}
