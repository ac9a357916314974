//! Splits a query string into names and values (`application/x-www-form-urlencoded`).
//! A value that is not UTF-8 becomes `None`, so that it can be rejected. A `%` without two
//! hexadecimal digits is literal (URL Standard).

use percent_encoding::percent_decode;

/// A name, and its value if the value is UTF-8.
pub(super) type Pair = (String, Option<String>);

/// The pairs of a query string, in order. A name that is not UTF-8 contains replacement characters.
pub(super) fn parse(query: &str) -> Vec<Pair> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    let pairs = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
    pairs
        .map(|(name, value)| {
            let name = String::from_utf8_lossy(&decode(name)).into_owned();
            (name, String::from_utf8(decode(value)).ok())
        })
        .collect()
}

fn decode(text: &str) -> Vec<u8> {
    let spaced = text.replace('+', " ");
    percent_decode(spaced.as_bytes()).collect()
}
