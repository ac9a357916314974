//! Parsers for the values of variables: numbers, durations, networks, URLs.
//! Their errors never repeat the value, which may be a secret.

use std::{fmt::Display, net::IpAddr, str::FromStr, time::Duration};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de::Error};

/// Returns the trimmed value.
pub(super) fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(D::Error::custom("is not valid UTF-8"));
    }
    Ok(text.trim().to_owned())
}

/// Parses a value with [`FromStr`].
pub(super) fn parsed<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    text(deserializer)?.parse().map_err(D::Error::custom)
}

/// Parses an optional value with [`FromStr`].
pub(super) fn parsed_or_none<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: FromStr<Err: Display>,
    D: Deserializer<'de>,
{
    parsed(deserializer).map(Some)
}

/// Parses a whole number from `MIN` to `MAX`.
pub(super) fn number<'de, const MIN: u64, const MAX: u64, T, D>(
    deserializer: D,
) -> Result<T, D::Error>
where
    T: FromStr,
    D: Deserializer<'de>,
{
    let text = text(deserializer)?;
    let in_range = text.parse::<u64>().is_ok_and(|number| (MIN..=MAX).contains(&number));
    match text.parse() {
        Ok(number) if in_range => Ok(number),
        _ => Err(D::Error::custom(format!("must be a whole number from {MIN} to {MAX}"))),
    }
}

/// Parses an optional whole number from `MIN` to `MAX`.
pub(super) fn number_or_none<'de, const MIN: u64, const MAX: u64, T, D>(
    deserializer: D,
) -> Result<Option<T>, D::Error>
where
    T: FromStr,
    D: Deserializer<'de>,
{
    number::<MIN, MAX, _, _>(deserializer).map(Some)
}

/// Parses a duration of `MIN` to `MAX` whole seconds.
pub(super) fn seconds<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    number::<MIN, MAX, _, _>(deserializer).map(Duration::from_secs)
}

/// Parses a duration of `MIN` to `MAX` whole milliseconds.
pub(super) fn milliseconds<'de, const MIN: u64, const MAX: u64, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Duration, D::Error> {
    number::<MIN, MAX, _, _>(deserializer).map(Duration::from_millis)
}

/// Parses a boolean: `true` or `1`, `false` or `0`, regardless of case.
pub(super) fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match text(deserializer)?.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(D::Error::custom("must be true or false")),
    }
}

/// Parses a comma-separated list of IP addresses and CIDRs.
pub(super) fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let text = text(deserializer)?;
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let networks: Result<Vec<IpNet>, &str> = parts.map(network).collect();
    networks.map_err(D::Error::custom)
}

fn network(text: &str) -> Result<IpNet, &'static str> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse::<IpNet>())
        .map_err(|_| "must be IP addresses or CIDRs such as 172.16.0.0/12, separated by commas")
}
