//! The journey of a log entry through a standalone LogPulse.
//! `BASE_URL=http://…` runs it on any other deployment.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;

use journey::{Api, Server};

/// The deployment under test, kept alive by its server if it is our own.
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
    ([$($journey:ident,)*]) => {
        $(
            #[tokio::test]
            async fn $journey() {
                let deployment = deployment();
                journey::$journey(&deployment.api).await;
            }
        )*
    };
}

journey::every_journey!(tests);
