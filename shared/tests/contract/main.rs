//! Contract tests: one suite per port, which runs on all of the port's adapters.
//! To test a new adapter, add it to the `contract!` of its suite.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Runs a suite on every adapter. Each test receives the value returned by the function named after
/// the adapter.
macro_rules! contract {
    (@on $adapter:ident [$($test:ident,)*]) => {
        mod $adapter {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::$adapter()).await;
                }
            )*
        }
    };
    // For an adapter whose service may not be running.
    (@with $service:ident [$($test:ident,)*]) => {
        mod $service {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $test() {
                    if crate::services::required() {
                        super::$test(super::$service()).await;
                    }
                }
            )*

            #[test]
            fn skipped_tests_are_reported() {
                crate::services::report_skipped(module_path!(), [$(stringify!($test)),*].len());
            }
        }
    };
    (adapters: [$($adapter:ident,)*], services: [$($service:ident,)*], tests: $tests:tt) => {
        $(contract!(@on $adapter $tests);)*
        $(contract!(@with $service $tests);)*
    };
    (adapters: $adapters:tt, tests: $tests:tt) => {
        contract!(adapters: $adapters, services: [], tests: $tests);
    };
}

mod cache;
mod delete_jobs;
mod entries;
mod follow;
mod index;
mod kafka;
mod limiter;
mod migrations;
mod mysql;
mod opensearch;
mod queue;
mod redis;
mod reindex;
mod schemes;
mod services;
mod store;
