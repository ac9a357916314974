//! The URL of a service, which may contain a password.

use std::{fmt, str::FromStr};

use url::Url;

/// The URL of a queue, store, index, cache or limiter. Its password is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl(Url);

impl ServiceUrl {
    /// Returns the URL with its password, for the adapter that connects to the service.
    #[must_use]
    pub fn expose(&self) -> &Url {
        &self.0
    }

    /// Adds an option to the query string, unless the URL has one with this name.
    pub(super) fn with_default_option(&self, name: &str, value: impl fmt::Display) -> Self {
        let mut url = self.0.clone();
        if url.query_pairs().all(|(option, _)| option != name) {
            url.query_pairs_mut().append_pair(name, &value.to_string());
        }
        Self(url)
    }
}

impl FromStr for ServiceUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid =
            |error| format!("must be a URL such as memory: or sqlite:///data/store.db: {error}");
        Url::parse(text).map(Self).map_err(invalid)
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.password().is_none() {
            return self.0.fmt(f);
        }
        let mut redacted = self.0.clone();
        // Setting a password cannot fail, because the URL already has one.
        let _ = redacted.set_password(Some("***"));
        redacted.fmt(f)
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
