//! Topics are created on demand, and limit the size of their messages.

use std::collections::BTreeSet;

use shared::Error;
use shared::queue::Record;
use uuid::Uuid;

use super::{FreshTopic, ids, poll, publish_some};
use crate::services;

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_start_together_create_the_topics_once() {
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
    let mut polled = BTreeSet::new();
    while polled.len() < published.len() {
        polled.extend(ids(&poll(&queue).await));
    }
    assert_eq!(polled, published);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_published_during_topic_creation_are_not_lost() {
    if !services::required() {
        return;
    }
    // The first requests may fail and be retried, because the partitions have no leader yet.
    for _ in 0..8 {
        let topic = FreshTopic::new();
        let queue = topic.open().await;
        let large = Record::from_bytes(vec![b'x'; 512 * 1024].into());
        queue.producer.publish(vec![large; 6]).await.unwrap();
        let mut polled = 0;
        while polled < 6 {
            polled += poll(&queue).await.unreadable().len();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_record_fits_in_a_dead_letter_and_larger_ones_are_rejected() {
    if !services::required() {
        return;
    }
    let topic = FreshTopic::new();
    let queue = topic.open().await;
    let largest = vec![b'x'; 2 * 1024 * 1024 - 1024];
    let record = Record::from_bytes(largest.clone().into());
    queue.producer.publish(vec![record]).await.unwrap();
    let batch = poll(&queue).await;
    let mut dead_letter = batch.unreadable()[0].clone();
    dead_letter.reason = "m".repeat(1024 * 1024);
    queue.dead_letters.write(&[dead_letter]).await.unwrap();
    let listed = queue.dead_letters.list(0, 10).await.unwrap();
    assert_eq!(listed[0].1.line, largest);
    // It does not compress, because the limit is that of a compressed message.
    let larger: Vec<u8> = (0..128 * 1024 + 64).flat_map(|_| Uuid::new_v4().into_bytes()).collect();
    let larger = Record::from_bytes(larger.into());
    let error = queue.producer.publish(vec![larger]).await.unwrap_err();
    assert!(matches!(error, Error::Rejected { .. }), "{error:?}");
}
