//! The entries of a week in three classes, of which days are dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::{ContextV7, Timestamp, Uuid};

use crate::{Api, ids, unique};

/// The days of arrival, today included: an id may be up to seven days old.
const DAYS: u32 = 7;

/// The number of entries of each class and day.
const ENTRIES: usize = 3;

/// How long it may take until what is no longer kept is gone.
const DROP_TIMEOUT: Duration = Duration::from_secs(90);

/// The tests do not start so shortly before the end of a day in UTC.
const BEFORE_MIDNIGHT: Duration = Duration::from_mins(5);

const DAY: Duration = Duration::from_hours(24);

/// The retention of debug entries, of entries of a team, and of the others.
#[derive(Debug, Clone, Copy)]
pub struct Durations {
    /// The days that ordinary entries are kept.
    pub default: u32,
    /// The days that debug entries are kept.
    pub debug: u32,
}

impl Durations {
    /// The value of the setting `RETENTION`. Entries of the team are kept forever.
    #[must_use]
    pub fn setting(self) -> String {
        format!("{}d; level:debug={}d; team:audit=forever", self.default, self.debug)
    }
}

/// Entries of a service that arrived in the last week, by their ids.
pub struct Week {
    service: String,
    entries: BTreeMap<String, Posted>,
}

struct Posted {
    json: Value,
    day: String,
    days_ago: u32,
    class: &'static str,
}

impl Week {
    /// Posts the entries. Their ids have the times of their arrival.
    pub async fn post(api: &Api) -> Self {
        let now = wait_for_midnight().await;
        let service = unique("week");
        let mut entries = BTreeMap::new();
        for days_ago in 0..DAYS {
            for class in ["default", "debug", "audit"] {
                for _ in 0..ENTRIES {
                    let time = now.checked_sub(DAY * days_ago).unwrap();
                    let posted = posted(&service, class, days_ago, time);
                    entries.insert(posted.json["id"].as_str().unwrap().to_owned(), posted);
                }
            }
        }
        let week = Self { service, entries };
        week.post_again(api).await;
        week
    }

    /// Posts the entries with the same ids again, and waits until the consumer has read them.
    pub async fn post_again(&self, api: &Api) {
        let entries: Vec<&Value> = self.entries.values().map(|posted| &posted.json).collect();
        let body = serde_json::to_vec(&entries).unwrap();
        let response = api.post("/logs/batch", "application/json", body).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        api.wait_until_consumed().await;
    }

    /// Waits until exactly what should be kept is found by id, by search, by an export and in stats.
    /// Entries that are not kept get 410 with their day.
    pub async fn assert_kept(&self, api: &Api, durations: Durations) {
        let kept: BTreeSet<&str> = self
            .entries
            .iter()
            .filter(|(_, posted)| match posted.class {
                "default" => posted.days_ago <= durations.default,
                "debug" => posted.days_ago <= durations.debug,
                _ => true,
            })
            .map(|(id, _)| id.as_str())
            .collect();
        let started = Instant::now();
        loop {
            match self.check(api, &kept).await {
                Ok(()) => return,
                Err(problem) if started.elapsed() > DROP_TIMEOUT => panic!("{problem}"),
                Err(_) => sleep(Duration::from_millis(500)).await,
            }
        }
    }

    async fn check(&self, api: &Api, kept: &BTreeSet<&str>) -> Result<(), String> {
        for (id, Posted { json, day, .. }) in &self.entries {
            let response = api.get(&format!("/logs/{id}")).await;
            let status = response.status();
            let body: Value = response.json().await.unwrap();
            if kept.contains(id.as_str()) {
                if status != StatusCode::OK || body["message"] != json["message"] {
                    return Err(format!("{json} is kept, but: {status} {body}"));
                }
            } else if status != StatusCode::GONE || !body["detail"].to_string().contains(day) {
                return Err(format!("{json} is not kept, but: {status} {body}"));
            }
        }
        let found = ids(&api.all_entries(&self.service).await);
        if found.iter().ne(kept) {
            return Err(format!("search finds {found:?} instead of {kept:?}"));
        }
        let query = format!("service_name={}", self.service);
        let exported = api.get(&format!("/logs/export?{query}")).await.text().await.unwrap();
        let exported: Vec<Value> =
            exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if ids(&exported) != found {
            return Err(format!("the export has other entries than the search: {exported:?}"));
        }
        let stats: Value = api.get(&format!("/logs/stats?{query}")).await.json().await.unwrap();
        if stats["total"] != kept.len() {
            return Err(format!("stats count {} instead of {}", stats["total"], kept.len()));
        }
        Ok(())
    }
}

fn posted(service: &str, class: &'static str, days_ago: u32, time: Duration) -> Posted {
    let seconds = time.as_secs();
    let id = Uuid::new_v7(Timestamp::from_unix(ContextV7::new(), seconds, time.subsec_nanos()));
    let time: DateTime<Utc> = DateTime::from_timestamp(seconds.cast_signed(), 0).unwrap();
    let mut json = json!({
        "id": id,
        "timestamp": time.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "service_name": service,
        "level": if class == "debug" { "debug" } else { "info" },
        "message": unique("message"),
    });
    if class == "audit" {
        json["attributes"] = json!({"team": "audit"});
    }
    Posted { json, day: time.format("%Y-%m-%d").to_string(), days_ago, class }
}

/// Waits if the day is about to end, and returns the time since 1970.
async fn wait_for_midnight() -> Duration {
    loop {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let rest = Duration::from_secs(DAY.as_secs() - now.as_secs() % DAY.as_secs());
        if rest > BEFORE_MIDNIGHT {
            return now;
        }
        sleep(rest).await;
    }
}
