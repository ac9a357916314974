//! Acceptance tests: what every deployment must do, as its clients see it.
//! `standalone` and `cluster` run the same [`suite`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "test code: a panic is a failed test"
)]

mod api;
pub mod examples;
pub mod metrics;
mod server;
pub mod suite;

use std::sync::atomic::{AtomicU64, Ordering};

pub use api::{Api, TIMEOUT};
pub use server::Server;

/// Passes the names of all tests in the [`suite`] to another macro: `$run! { [name, …] }`.
#[macro_export]
macro_rules! for_each_test {
    ($run:ident) => {
        $run! { [
            a_saved_entry_is_found_by_id_and_by_search,
            a_batch_is_accepted_as_json_and_ndjson_plain_or_compressed,
            bad_lines_of_a_batch_are_reported_and_the_rest_is_saved,
            an_entry_sent_again_with_its_id_is_kept_once_and_unchanged,
            an_unknown_id_is_not_found,
            a_recent_unknown_id_is_not_found_but_worth_retrying,
            pages_follow_each_other_without_gaps,
            a_fuzzy_search_finds_misspelt_words,
            an_invalid_search_names_the_parameter,
            several_services_and_levels_can_be_searched,
            an_unknown_query_parameter_is_rejected_by_every_function,
            an_id_that_is_not_text_is_not_found,
            the_documentation_loads_nothing_from_other_hosts,
            ping_returns_pong,
        ] }
    };
}

/// A name that no other test uses.
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("{name}-{}-{}-{count}", std::process::id(), since_epoch.as_millis())
}
