//! Settings: one struct per concern. Only this module reads them from environment variables.
//! Every error names its variable. An empty value counts as absent.

mod allowed_origins;
mod consumer;
pub mod help;
mod http;
mod ports;
mod rate_limit;
mod service_url;
mod standalone;
mod telemetry;
pub(crate) mod url_options;
mod value;

use std::cell::RefCell;

use serde::de::DeserializeOwned;

pub use allowed_origins::AllowedOrigins;
pub use consumer::BatchConfig;
pub use http::{HttpConfig, LimitsConfig};
pub use ports::{CacheConfig, IndexConfig, QueueConfig, StoreConfig};
#[cfg(any(feature = "opensearch", feature = "tantivy"))]
pub(crate) use ports::{DEFAULT_INDEX_ATTRIBUTES_MAX, HIGHEST_INDEX_ATTRIBUTES_MAX};
pub use rate_limit::RateLimitConfig;
pub use service_url::ServiceUrl;
pub use standalone::StandaloneConfig;
pub use telemetry::{LogFormat, TelemetryConfig};

/// The exit code of a process with an invalid setting (`EX_CONFIG` of sysexits.h).
pub const EX_CONFIG: u8 = 78;

/// A setting that is missing or invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct ConfigError {
    /// The name of the variable.
    pub variable: String,
    /// What is wrong with its value, and which values are valid.
    pub problem: String,
}

impl ConfigError {
    /// Creates an error about a variable.
    #[must_use]
    pub fn new(variable: &str, problem: impl Into<String>) -> Self {
        Self { variable: variable.to_owned(), problem: problem.into() }
    }
}

/// Reads the settings of one concern from the environment.
///
/// # Errors
/// When a variable is missing or invalid. [`ConfigError`] names the first such variable.
pub fn load<T: DeserializeOwned>() -> Result<T, ConfigError> {
    // Bytes that are not UTF-8 become the replacement character, which every parser rejects.
    load_from(std::env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    }))
}

/// Reads the settings of one concern from the given variables.
///
/// # Errors
/// When a variable is missing or invalid. [`ConfigError`] names the first such variable.
pub fn load_from<T: DeserializeOwned>(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    // envy accepts names in any case, and its errors do not name the variable. It reads one value
    // at a time, so an invalid value is the last one that it read.
    let last_read = RefCell::new(String::new());
    let variables = variables
        .into_iter()
        .filter(|(name, value)| !value.trim().is_empty() && *name == name.to_uppercase())
        .inspect(|(name, _)| last_read.borrow_mut().clone_from(name));
    envy::from_iter(variables).map_err(|error| match error {
        envy::Error::MissingValue(field) => {
            ConfigError { variable: field.to_uppercase(), problem: "is missing".to_owned() }
        }
        envy::Error::Custom(problem) => {
            ConfigError { variable: last_read.borrow().clone(), problem }
        }
    })
}

#[cfg(test)]
mod tests;
