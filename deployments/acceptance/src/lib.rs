//! Acceptance tests: the behaviour that clients can expect of every deployment.
//! `standalone` and `cluster` run the same [`suite`].
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "test code: a panic fails the test"
)]

mod api;
pub mod captures;
pub mod deletion;
pub mod examples;
pub mod metrics;
mod pattern;
pub mod retention;
mod server;
pub mod suite;
mod tail;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;

pub use api::{Api, TIMEOUT};
pub use server::Server;
pub use tail::TailClient;

/// Passes the names of all tests in the [`suite`] to another macro: `$run! { [name, …] }`.
#[macro_export]
macro_rules! for_each_test {
    ($run:ident) => {
        $run! { [
            a_saved_entry_is_found_by_id_and_by_search,
            context_returns_neighbours_from_the_same_service_or_trace,
            an_export_contains_every_hit_of_the_search,
            stats_add_up_to_the_exported_entries,
            counts_agree_while_entries_arrive,
            fields_are_listed_with_their_values,
            entries_are_grouped_by_pattern,
            entries_are_streamed_as_they_arrive,
            a_stream_continues_after_its_last_event,
            batches_are_accepted_as_json_or_ndjson_plain_or_compressed,
            bad_lines_in_a_batch_are_reported_and_the_others_are_saved,
            formats_of_common_loggers_are_accepted,
            unknown_fields_become_attributes_on_request,
            an_entry_resent_with_the_same_id_is_stored_once_unchanged,
            an_unknown_id_is_not_found,
            an_unknown_recent_id_gets_404_with_retry_after,
            pages_have_no_gaps_or_duplicates,
            a_search_finds_any_part_of_an_entry,
            a_fuzzy_search_finds_misspelt_words,
            the_error_for_an_invalid_search_names_the_parameter,
            a_search_accepts_several_services_and_levels,
            entries_deleted_by_query_are_gone_and_the_others_remain,
            a_deleted_entry_is_not_saved_again,
            every_function_rejects_unknown_query_parameters,
            an_id_that_is_not_utf8_is_not_found,
            the_documentation_loads_nothing_from_other_hosts,
            browsers_get_the_explorer_and_cache_its_files,
            an_index_of_elasticsearch_may_be_called_explorer,
            ping_returns_pong,
        ] }
    };
}

/// Passes the names of the tests of all [`captures`] to another macro: `$run! { [name, …] }`.
#[macro_export]
macro_rules! for_each_capture {
    ($run:ident) => {
        $run! { [
            any_fluentbit_http_json,
            any_fluentbit_http_json_lines,
            any_fluentbit_http_json_stream,
            any_fluentbit_http_msgpack,
            any_node_pino_http_send_json,
            any_node_pino_http_send_ndjson,
            any_node_winston_http_batch,
            any_rsyslog_omhttp,
            any_rsyslog_omhttp_gzip,
            any_syslog_ng_logpulse,
            otlp_fluentbit,
            otlp_fluentbit_gzip,
            otlp_go,
            otlp_node_json_gzip,
            otlp_node_json_none,
            otlp_node_pino_protobuf,
            otlp_node_proto_gzip,
            otlp_node_proto_none,
            otlp_otelcol_big,
            otlp_otelcol_gzip_multiline,
            otlp_otelcol_json_zstd,
            otlp_otelcol_uncompressed_with_bearer_token,
            otlp_otelcol_snappy,
            otlp_python,
            otlp_python_gzip,
            otlp_rust_json_zstd,
            otlp_rust_proto_gzip,
            es_filebeat,
            es_fluentbit,
            es_fluentbit_default,
            es_fluentbit_gzip,
            es_fluentbit_opensearch,
            es_go,
            es_node_pino_elasticsearch,
            es_node_pino_elasticsearch_ecs,
            es_python_elasticsearch7,
            es_python_elasticsearch9,
            es_python_logging_handler,
            es_python_opensearch,
            es_rsyslog,
            es_syslog_ng,
            loki_fluentbit,
            loki_fluentbit_gzip,
            loki_node_pino_loki,
            loki_node_winston_loki,
            loki_node_winston_loki_json,
            loki_python_logger_handler,
            loki_python_logger_handler_gzip,
            loki_rsyslog_omhttp,
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

/// The ids of the entries, each of which must be there once.
fn ids(entries: &[Value]) -> BTreeSet<String> {
    let ids: BTreeSet<String> =
        entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), entries.len(), "an entry is there twice");
    ids
}
