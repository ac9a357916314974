//! Where a service is: a URL that may carry a password.
//! Printing it never shows the password.

use std::{fmt, ops::Deref, str::FromStr};

use url::Url;

/// The URL of a queue, store, index, cache or limiter. It prints without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl(Url);

impl Deref for ServiceUrl {
    type Target = Url;

    fn deref(&self) -> &Url {
        &self.0
    }
}

impl FromStr for ServiceUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            |error| format!("must be a URL such as memory: or sqlite:///data/store.db: {error}");
        Url::parse(text).map(Self).map_err(wrong)
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.password().is_none() {
            return self.0.fmt(f);
        }
        let mut hidden = self.0.clone();
        // It has a password, so it can have another one.
        let _ = hidden.set_password(Some("***"));
        hidden.fmt(f)
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
