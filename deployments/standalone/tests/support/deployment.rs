//! The deployment that a test runs against.

use acceptance::Server;
use tempfile::TempDir;

/// The deployment at `BASE_URL`, or a standalone LogPulse that is stopped after the test.
pub(crate) struct Deployment {
    pub(crate) url: String,
    _standalone: Option<(Server, TempDir)>,
}

impl Deployment {
    #[allow(dead_code, reason = "not every test uses each constructor")]
    pub(crate) fn under_test() -> Self {
        Self::with(&[])
    }

    /// As [`under_test`](Self::under_test), where a standalone LogPulse has these settings.
    pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
        if let Ok(url) = std::env::var("BASE_URL") {
            return Self { url: url.trim_end_matches('/').to_owned(), _standalone: None };
        }
        let data_dir = tempfile::tempdir().unwrap();
        let server = crate::support::start(data_dir.path(), settings);
        Self { url: server.url.clone(), _standalone: Some((server, data_dir)) }
    }
}
