//! The contract of the jobs that delete entries.

use std::sync::Arc;

use shared::Timestamp;
use shared::store::{self, DeleteJob, DeleteJobs};
use tempfile::TempDir;
use url::Url;

use crate::entries::{entries, entry};

contract! {
    adapters: [sqlite,],
    services: [mysql,],
    tests: [
        a_job_is_kept_with_its_progress,
        only_the_latest_version_of_a_job_can_be_saved,
        the_number_of_unfinished_jobs_is_limited,
        a_job_that_exists_is_kept_when_it_is_added_again,
        active_jobs_are_listed_in_the_order_of_creation,
        jobs_that_finished_long_ago_are_removed,
    ]
}

/// A new store.
struct Fixture {
    url: Url,
    _directory: Option<TempDir>,
    _database: Option<crate::mysql::Database>,
}

fn sqlite() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/store.db", directory.path().display());
    Fixture { url: url.parse().unwrap(), _directory: Some(directory), _database: None }
}

fn mysql() -> Fixture {
    let database = crate::mysql::Database::create();
    Fixture { url: database.url.clone(), _directory: None, _database: Some(database) }
}

impl Fixture {
    async fn open(&self) -> Arc<dyn DeleteJobs> {
        // The store is usually open at the same time.
        store::open(&self.url).await.unwrap().ready().await.unwrap();
        store::open_delete_jobs(&self.url).await.unwrap()
    }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn job() -> DeleteJob {
    DeleteJob {
        id: entry("").id,
        created: at("2024-06-14T12:00:00.123456Z"),
        client: "2001:db8::1".to_owned(),
        filters: r#"{"q":"ä \"b\" 🦀"}"#.to_owned(),
        matched: 100,
        deleted: 0,
        pending: Vec::new(),
        finished: None,
        error: None,
        version: 0,
    }
}

async fn a_job_is_kept_with_its_progress(fixture: Fixture) {
    let jobs = fixture.open().await;
    jobs.ready().await.unwrap();
    let mut job = job();
    assert!(jobs.add(&job, 16).await.unwrap());
    assert_eq!(jobs.get(job.id).await.unwrap().as_ref(), Some(&job));
    assert_eq!(jobs.get(entry("").id).await.unwrap(), None);
    job.deleted = 2;
    job.pending = vec![entry("a").id, entry("b").id];
    assert!(jobs.save(&mut job).await.unwrap());
    assert_eq!(job.version, 1);
    assert_eq!(fixture.open().await.get(job.id).await.unwrap().as_ref(), Some(&job));
    job.pending.clear();
    job.finished = Some(at("2024-06-14T12:01:00Z"));
    job.error = Some("too costly".to_owned());
    assert!(jobs.save(&mut job).await.unwrap());
    assert_eq!(fixture.open().await.get(job.id).await.unwrap(), Some(job));
}

async fn only_the_latest_version_of_a_job_can_be_saved(fixture: Fixture) {
    let jobs = fixture.open().await;
    let mut one = job();
    jobs.add(&one, 16).await.unwrap();
    let mut other = one.clone();
    one.deleted = 1;
    assert!(jobs.save(&mut one).await.unwrap());
    other.deleted = 5;
    assert!(!jobs.save(&mut other).await.unwrap());
    assert_eq!(jobs.get(one.id).await.unwrap(), Some(one));
}

async fn the_number_of_unfinished_jobs_is_limited(fixture: Fixture) {
    let jobs = fixture.open().await;
    let (mut first, second, third) = (job(), job(), job());
    assert!(jobs.add(&first, 2).await.unwrap());
    assert!(jobs.add(&second, 2).await.unwrap());
    assert!(!jobs.add(&third, 2).await.unwrap());
    assert_eq!(jobs.get(third.id).await.unwrap(), None);
    first.finished = Some(at("2024-06-14T12:01:00Z"));
    jobs.save(&mut first).await.unwrap();
    assert!(jobs.add(&third, 2).await.unwrap());
}

async fn a_job_that_exists_is_kept_when_it_is_added_again(fixture: Fixture) {
    let (jobs, other) = (fixture.open().await, fixture.open().await);
    let ids = entries(["", ""]).into_iter().map(|entry| entry.id);
    let mut added: Vec<DeleteJob> = ids.map(|id| DeleteJob { id, ..job() }).collect();
    assert!(jobs.add(&added[0], 2).await.unwrap());
    let again = added[0].clone();
    added[0].deleted = 1;
    assert!(jobs.save(&mut added[0]).await.unwrap());
    assert!(other.add(&again, 2).await.unwrap());
    let adding = [jobs.add(&added[1], 2), other.add(&added[1], 2)];
    for is_added in futures_util::future::join_all(adding).await {
        assert!(is_added.unwrap());
    }
    // Also when the number of unfinished jobs is at its limit.
    assert!(jobs.add(&again, 2).await.unwrap());
    assert_eq!(jobs.active_since(Timestamp::MAX).await.unwrap(), added);
}

async fn active_jobs_are_listed_in_the_order_of_creation(fixture: Fixture) {
    let jobs = fixture.open().await;
    let ids = entries([""; 4]).into_iter().map(|entry| entry.id);
    let mut added: Vec<DeleteJob> = ids.map(|id| DeleteJob { id, ..job() }).collect();
    for job in &added {
        jobs.add(job, 16).await.unwrap();
    }
    added[0].finished = Some(at("2024-06-14T12:01:00Z"));
    added[2].finished = Some(at("2024-06-14T12:03:00Z"));
    for index in [0, 2] {
        jobs.save(&mut added[index]).await.unwrap();
    }
    let active = jobs.active_since(at("2024-06-14T12:02:00Z")).await.unwrap();
    assert_eq!(active, added[1..]);
}

async fn jobs_that_finished_long_ago_are_removed(fixture: Fixture) {
    let jobs = fixture.open().await;
    let (mut long_ago, mut recent) = (job(), job());
    for job in [&long_ago, &recent] {
        jobs.add(job, 16).await.unwrap();
    }
    long_ago.finished = Some(at("2024-05-14T12:00:00Z"));
    recent.finished = Some(at("2024-05-16T12:00:00Z"));
    for job in [&mut long_ago, &mut recent] {
        jobs.save(job).await.unwrap();
    }
    jobs.add(&job(), 16).await.unwrap();
    assert_eq!(jobs.get(long_ago.id).await.unwrap(), None);
    assert_eq!(jobs.get(recent.id).await.unwrap(), Some(recent));
}
