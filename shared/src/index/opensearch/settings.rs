//! The settings of the indexes, from the options of `INDEX_URL`.

use std::num::NonZeroU32;

use url::Url;

use crate::config::url_options::UrlOptions;
use crate::config::{ConfigError, DEFAULT_INDEX_ATTRIBUTES_MAX};
use crate::index::{VARIABLE, attributes_max};

const MAX_PREFIX_BYTES: usize = 200;

/// The names, shards, replicas and columns of the indexes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IndexSettings {
    pub(super) prefix: String,
    pub(super) shards: NonZeroU32,
    pub(super) replicas: u32,
    /// The number of attributes that support ranges on each day.
    pub(super) attributes: usize,
}

impl Default for IndexSettings {
    fn default() -> Self {
        Self {
            prefix: "logs-".to_owned(),
            shards: NonZeroU32::MIN,
            replicas: 0,
            attributes: DEFAULT_INDEX_ATTRIBUTES_MAX,
        }
    }
}

impl IndexSettings {
    /// Reads the settings from `http://host:9200?prefix=…&shards=…&replicas=…&attributes=…`.
    pub(super) fn parse(url: &Url) -> Result<Self, ConfigError> {
        let known = ["prefix", "shards", "replicas", "attributes"];
        let options = UrlOptions::parse(VARIABLE, url, &known)?;
        if !url.has_host() {
            return Err(options.invalid("must name a host, e.g. http://host:9200"));
        }
        let default = Self::default();
        let prefix = options.text("prefix").map_or(default.prefix, str::to_owned);
        if !is_index_prefix(&prefix) {
            return Err(options.invalid(format!(
                "prefix must be 1 to {MAX_PREFIX_BYTES} of the characters a-z 0-9 . _ - \
                 and start with a letter or digit"
            )));
        }
        let shards = options.number("shards", 1..=u32::MAX.into())?.unwrap_or(default.shards);
        let replicas = options.number("replicas", 0..=u32::MAX.into())?.unwrap_or(default.replicas);
        let attributes = attributes_max(&options)?;
        Ok(Self { prefix, shards, replicas, attributes })
    }
}

/// Whether `text` is a valid index prefix, which contains no wildcard.
fn is_index_prefix(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.len() <= MAX_PREFIX_BYTES
        && text.chars().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<IndexSettings, ConfigError> {
        IndexSettings::parse(&url.parse().unwrap())
    }

    #[test]
    fn settings_come_from_the_url_or_have_defaults() {
        let url = "http://os:9200/?prefix=audit-&shards=3&replicas=1&attributes=50";
        let expected = IndexSettings {
            prefix: "audit-".to_owned(),
            shards: 3.try_into().unwrap(),
            replicas: 1,
            attributes: 50,
        };
        assert_eq!(parse(url).unwrap(), expected);
        assert_eq!(parse("http://os:9200").unwrap(), IndexSettings::default());
    }

    #[test]
    fn an_invalid_option_is_named() {
        for (option, name) in [
            ("prefix=", "prefix"),
            ("prefix=*", "prefix"),
            ("prefix=Logs", "prefix"),
            ("prefix=-a", "prefix"),
            ("shards=0", "shards"),
            ("replicas=-1", "replicas"),
            ("attributes=all", "attributes"),
            ("attributes=5001", "attributes must be a whole number from 0 to 5000"),
            ("password=secret", "password"),
        ] {
            let error = parse(&format!("http://os:9200?{option}")).unwrap_err().to_string();
            assert!(error.starts_with("INDEX_URL: "), "{option}: {error}");
            assert!(error.contains(name), "{option}: {error}");
            assert!(!error.contains("secret"), "{option}: {error}");
        }
    }
}
