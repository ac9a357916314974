//! Measures the memory in use while entries arrive at a steady rate, and are searched.

use std::time::Duration;

use acceptance::Server;

use crate::load::{Connection, get};

const DEFAULT_MINUTES: u64 = 60;

/// Prints the memory in use after each minute while 5,000 entries/s arrive and a word is searched once
/// a second, newest first. It ends after `MINUTES` (60).
pub(crate) async fn watch(server: &Server, address: &str) {
    let minutes = std::env::var("MINUTES")
        .map_or(DEFAULT_MINUTES, |minutes| minutes.parse().expect("MINUTES is not a whole number"));
    let incoming = tokio::spawn(crate::trickle(address.to_owned()));
    let mut connection = Connection::open(address).await;
    let search = get("/logs/search?q=timeout");
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.tick().await;
    for minute in 1..=minutes {
        for _ in 0..60 {
            seconds.tick().await;
            let (status, _) = connection.send(&search).await;
            assert_eq!(status, 200, "the search failed");
        }
        assert!(!incoming.is_finished(), "a request to add entries failed");
        println!(
            "minute {minute}: {} MiB anonymous, {} MiB resident, peak {} MiB",
            server.anonymous_memory_mib(),
            server.memory_mib(),
            server.peak_memory_mib(),
        );
    }
    incoming.abort();
}
