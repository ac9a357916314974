//! The parts of a service URL that a port reads: the scheme, which selects the adapter, and the
//! options in the query string. Errors never contain a value, because a URL may contain a password.

#![allow(dead_code, reason = "which parts are used depends on the Cargo features")]

use std::ops::RangeInclusive;
use std::str::FromStr;

use url::Url;

use super::ConfigError;

/// The error for a URL with a scheme that no compiled-in adapter handles.
pub(crate) fn unknown_scheme(variable: &str, url: &Url, supported: &[&str]) -> ConfigError {
    let supported = if supported.is_empty() { "none" } else { &supported.join(", ") };
    let problem = format!("unknown scheme \"{}\"; this binary supports {supported}", url.scheme());
    ConfigError::new(variable, problem)
}

/// The options of a service URL, e.g. `?prefix=audit-&shards=3`.
pub(crate) struct UrlOptions {
    variable: &'static str,
    options: Vec<(String, String)>,
}

impl UrlOptions {
    /// Reads the options of `url`, which is the value of `variable`.
    ///
    /// # Errors
    /// When an option is not one of `known`.
    pub(crate) fn parse(
        variable: &'static str,
        url: &Url,
        known: &[&str],
    ) -> Result<Self, ConfigError> {
        let options: Vec<_> = url.query_pairs().into_owned().collect();
        let unknown = options.iter().find(|(name, _)| !known.contains(&name.as_str()));
        if let Some((name, _)) = unknown {
            return Err(ConfigError::new(variable, unknown_option(name, known)));
        }
        Ok(Self { variable, options })
    }

    /// The value of an option. If the option is repeated, the last value wins.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|option| option.0 == name).map(|(_, value)| value.as_str())
    }

    /// The value of an option that must be a whole number in `range`.
    ///
    /// # Errors
    /// When the value is not a whole number in `range`.
    pub(crate) fn number<N: FromStr>(
        &self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<N>, ConfigError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let is_in_range = text.parse().is_ok_and(|number| range.contains(&number));
        match text.parse() {
            Ok(number) if is_in_range => Ok(Some(number)),
            _ => Err(self.invalid(format!(
                "{name} must be a whole number from {} to {}",
                range.start(),
                range.end()
            ))),
        }
    }

    /// The error for an option with an invalid value.
    pub(crate) fn invalid(&self, problem: impl Into<String>) -> ConfigError {
        ConfigError::new(self.variable, problem)
    }
}

fn unknown_option(name: &str, known: &[&str]) -> String {
    // An unescaped "?" in a password turns the remaining characters into an option.
    let is_safe = name.chars().all(|c| c.is_ascii_lowercase() || "-_".contains(c));
    let name = if is_safe { format!(" \"{name}\"") } else { String::new() };
    match known {
        [] => format!("unknown option{name}; this URL has no options"),
        known => format!("unknown option{name}; the options are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str, known: &[&str]) -> Result<UrlOptions, ConfigError> {
        UrlOptions::parse("INDEX_URL", &url.parse().unwrap(), known)
    }

    fn error(url: &str, known: &[&str]) -> String {
        parse(url, known).err().unwrap().to_string()
    }

    #[test]
    fn an_unknown_option_error_lists_the_known_options() {
        let expected = "INDEX_URL: unknown option \"size\"; the options are prefix, shards";
        assert_eq!(error("http://os?shards=1&size=2", &["prefix", "shards"]), expected);
        let expected = "INDEX_URL: unknown option \"size\"; this URL has no options";
        assert_eq!(error("http://os?size=2", &[]), expected);
    }

    #[test]
    fn an_error_contains_neither_values_nor_parts_of_a_password() {
        for url in ["http://me:secret@os?a=secret", "http://me:12?secret@os", "http://os?n=secret"]
        {
            let error = match parse(url, &["n"]) {
                Ok(options) => options.number::<u32>("n", 1..=9).unwrap_err(),
                Err(error) => error,
            };
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_number_outside_its_range_is_rejected_with_the_range() {
        for value in ["0", "10", "-1", "one", "", "99999999999999999999"] {
            let options = parse(&format!("http://os?n={value}"), &["n"]).unwrap();
            let error = options.number::<u16>("n", 1..=9).unwrap_err().to_string();
            assert_eq!(error, "INDEX_URL: n must be a whole number from 1 to 9", "{value}");
        }
    }

    #[test]
    fn the_last_of_repeated_options_wins() {
        let options = parse("http://os?n=1&n=2", &["n", "m"]).unwrap();
        assert_eq!(options.number("n", 0..=9), Ok(Some(2)));
        assert_eq!(options.number::<u32>("m", 0..=9), Ok(None));
    }

    #[test]
    fn an_unknown_scheme_error_lists_the_supported_schemes() {
        let url = "kafka://me:secret@broker/logs".parse().unwrap();
        let error = unknown_scheme("QUEUE_URL", &url, &["sqlite"]).to_string();
        assert_eq!(error, "QUEUE_URL: unknown scheme \"kafka\"; this binary supports sqlite");
        let error = unknown_scheme("INDEX_URL", &url, &["http", "https"]).to_string();
        assert!(error.ends_with("supports http, https"), "{error}");
    }
}
