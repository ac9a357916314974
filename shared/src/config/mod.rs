//! Settings: one struct per concern. Only this module reads them from environment variables.
//! Every error names its variable. An empty value counts as absent.

mod allowed_origins;
mod consumer;
mod delete;
mod disk;
pub mod help;
mod http;
mod ports;
mod rate_limit;
mod retention;
mod service_url;
mod standalone;
mod syslog;
mod telemetry;
pub(crate) mod url_options;
mod value;

use std::cell::RefCell;

use serde::de::DeserializeOwned;

pub use allowed_origins::AllowedOrigins;
pub use consumer::BatchConfig;
pub use delete::DeleteConfig;
pub use disk::{DiskConfig, OnLowDisk, Percent};
pub use http::{HttpConfig, LimitsConfig};
pub use ports::{CacheConfig, IndexConfig, QueueConfig, StoreConfig};
#[cfg(any(feature = "opensearch", feature = "tantivy"))]
pub(crate) use ports::{DEFAULT_INDEX_ATTRIBUTES_MAX, HIGHEST_INDEX_ATTRIBUTES_MAX};
pub use rate_limit::RateLimitConfig;
pub use retention::RetentionConfig;
pub use service_url::ServiceUrl;
pub use standalone::StandaloneConfig;
#[cfg(feature = "sqlite")]
pub(crate) use standalone::{QUEUE_FILE, STORE_FILE};
pub use syslog::SyslogConfig;
pub(crate) use telemetry::DEFAULT_LEVEL;
pub use telemetry::{LogFormat, TelemetryConfig};

/// The exit code of a process with an invalid setting (`EX_CONFIG` of sysexits.h).
pub const EX_CONFIG: u8 = 78;

/// Settings that are missing or invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", listed(.problems))]
pub struct ConfigError {
    problems: Vec<Problem>,
}

/// What is wrong with a variable, and which values are valid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Problem {
    variable: String,
    detail: String,
}

impl ConfigError {
    /// Creates an error about a variable.
    #[must_use]
    pub fn new(variable: &str, detail: impl Into<String>) -> Self {
        let problem = Problem { variable: variable.to_owned(), detail: detail.into() };
        Self { problems: vec![problem] }
    }

    /// Creates an error about several variables. It names each of them once.
    fn all(mut problems: Vec<Problem>) -> Self {
        problems.sort_unstable();
        problems.dedup_by(|one, other| one.variable == other.variable);
        Self { problems }
    }
}

fn listed(problems: &[Problem]) -> String {
    let texts: Vec<String> = problems
        .iter()
        .map(|Problem { variable, detail }| format!("{variable}: {detail}"))
        .collect();
    texts.join("; ")
}

/// Checks the settings of one concern, as [`check`] does.
pub type Check = fn() -> Result<(), ConfigError>;

/// Checks the settings of one concern in the environment.
///
/// # Errors
/// When [`load`] fails.
pub fn check<T: DeserializeOwned>() -> Result<(), ConfigError> {
    load::<T>().map(drop)
}

/// Checks the settings of several concerns in the environment.
///
/// # Errors
/// When variables are missing or invalid. The error names all of them.
pub fn check_all<'c>(checks: impl IntoIterator<Item = &'c Check>) -> Result<(), ConfigError> {
    let errors = checks.into_iter().filter_map(|check| check().err());
    let problems: Vec<Problem> = errors.flat_map(|error| error.problems).collect();
    if problems.is_empty() { Ok(()) } else { Err(ConfigError::all(problems)) }
}

/// Reads the settings of one concern from the environment.
///
/// # Errors
/// When variables are missing or invalid. The error names all of them.
pub fn load<T: DeserializeOwned>() -> Result<T, ConfigError> {
    // Bytes that are not UTF-8 become the replacement character, which every parser rejects.
    load_from(std::env::vars_os().map(|(name, value)| {
        (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
    }))
}

/// Reads the settings of one concern from the given variables.
///
/// # Errors
/// When variables are missing or invalid. The error names all of them.
pub fn load_from<T: DeserializeOwned>(
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<T, ConfigError> {
    // envy accepts names in any case.
    let is_setting =
        |name: &str, value: &str| !value.trim().is_empty() && name == name.to_uppercase();
    let mut variables: Vec<(String, String)> =
        variables.into_iter().filter(|(name, value)| is_setting(name, value)).collect();
    let mut problems = Vec::new();
    loop {
        let problem: Problem = match parse(&variables) {
            Ok(settings) if problems.is_empty() => return Ok(settings),
            Ok(_) => return Err(ConfigError::all(problems)),
            Err(problem) => problem,
        };
        // Parse again without the invalid value, to find the next one. A missing variable is found
        // only after all invalid ones. It may be one of these, because its value was removed.
        let set = variables.len();
        variables.retain(|(name, _)| *name != problem.variable);
        let is_missing = variables.len() == set;
        if problems.iter().all(|known: &Problem| known.variable != problem.variable) {
            problems.push(problem);
        }
        if is_missing {
            return Err(ConfigError::all(problems));
        }
    }
}

/// Parses the variables up to the first invalid one, then looks for missing ones.
fn parse<T: DeserializeOwned>(variables: &[(String, String)]) -> Result<T, Problem> {
    // envy's errors do not name the variable. It reads one value at a time, so an invalid value is
    // the last one that it read.
    let last_read = RefCell::new(String::new());
    let read =
        variables.iter().cloned().inspect(|(name, _)| last_read.borrow_mut().clone_from(name));
    envy::from_iter(read).map_err(|error| match error {
        envy::Error::MissingValue(field) => {
            Problem { variable: field.to_uppercase(), detail: "is missing".to_owned() }
        }
        envy::Error::Custom(detail) => Problem { variable: last_read.take(), detail },
    })
}

#[cfg(test)]
mod tests;
