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
    (adapters: [$($adapter:ident,)*], tests: $tests:tt) => {
        $(contract!(@on $adapter $tests);)*
    };
}

mod cache;
mod entries;
mod index;
mod limiter;
mod queue;
mod store;
