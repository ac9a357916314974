//! The acceptance tests on a standalone LogPulse, or with `BASE_URL=http://…` on any deployment.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is a failed test")]

mod support;

use acceptance::{Api, Server};

/// The deployment under test, with its server if this test started it.
struct Deployment {
    api: Api,
    _own: Option<(Server, tempfile::TempDir)>,
}

fn deployment() -> Deployment {
    if let Ok(url) = std::env::var("BASE_URL") {
        return Deployment { api: Api::new(&url), _own: None };
    }
    let data_dir = tempfile::tempdir().unwrap();
    let server = support::start(data_dir.path(), &[]);
    Deployment { api: Api::new(&server.url), _own: Some((server, data_dir)) }
}

macro_rules! tests {
    ([$($test:ident,)*]) => {
        $(
            #[tokio::test]
            async fn $test() {
                let deployment = deployment();
                acceptance::suite::$test(&deployment.api).await;
            }
        )*
    };
}

acceptance::for_each_test!(tests);
