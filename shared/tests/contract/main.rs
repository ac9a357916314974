//! What every adapter of a port must do: one suite a port, run on each of its adapters.
//! A new adapter is one line in its suite's `contract!`.

#![expect(clippy::unwrap_used, reason = "everything here is a test or a test's")]

/// Runs the tests of a suite on every adapter: each test gets what the adapter's function makes.
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
    // On a service of its own, which may not be running.
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
            fn what_is_left_out_is_said() {
                crate::services::say_left_out(module_path!(), [$(stringify!($test)),*].len());
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
mod entries;
mod index;
mod kafka;
mod limiter;
mod migrations;
mod mysql;
mod opensearch;
mod queue;
mod redis;
mod schemes;
mod services;
mod store;
