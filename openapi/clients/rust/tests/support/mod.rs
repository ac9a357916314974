//! Code shared by the tests.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::time::{Duration, Instant};

use logpulse_client::Client;
use logpulse_client::types::NewLogEntry;
use uuid::{Uuid, uuid};

pub const SERVICE: &str = "payment";

/// A version 4 UUID. Entry ids must be version 7.
pub const VERSION_4: Uuid = uuid!("936da01f-9abd-4d9d-80c7-02af85c822a8");

/// Returns a client for the URL in an environment variable.
pub fn client(variable: &str) -> Client {
    Client::new(&std::env::var(variable).unwrap_or_else(|error| panic!("{variable}: {error}")))
}

pub fn entry(message: impl ToString) -> NewLogEntry {
    NewLogEntry::builder().service_name(SERVICE).message(message.to_string()).try_into().unwrap()
}

/// Returns a word that no other entry contains.
pub fn unique_word() -> String {
    format!("w{}", Uuid::new_v4().simple())
}

/// Repeats a call until `accepted` is true for its result, for at most ten seconds.
pub async fn until<T>(call: impl AsyncFn() -> T, accepted: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let result = call().await;
        if accepted(&result) || Instant::now() > deadline {
            return result;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
