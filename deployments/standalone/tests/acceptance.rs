//! Runs the acceptance tests against standalone LogPulse, or against any deployment at `BASE_URL`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic fails the test")]

#[path = "support/deployment.rs"]
mod deployment;
mod support;

use acceptance::Api;
use deployment::Deployment;

macro_rules! tests {
    ([$($test:ident,)*]) => {
        $(
            #[tokio::test]
            async fn $test() {
                let deployment = Deployment::with(&[("DELETE_ENABLED", "true")]);
                acceptance::suite::$test(&Api::new(&deployment.url)).await;
            }
        )*
    };
}

acceptance::for_each_test!(tests);

macro_rules! captures {
    ([$($capture:ident,)*]) => {
        $(
            #[tokio::test]
            async fn $capture() {
                let deployment = Deployment::under_test();
                acceptance::captures::$capture(&Api::new(&deployment.url)).await;
            }
        )*
    };
}

acceptance::for_each_capture!(captures);
