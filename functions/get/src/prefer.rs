//! The `wait` preference, defined in RFC 7240, section 4.3.
//! Other preferences are ignored, as the RFC requires.

use std::time::Duration;

/// The maximum time that a request may wait.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Parses a `Prefer` header and returns how long the client is willing to wait, limited to
/// [`MAX_WAIT`].
pub(crate) fn parse_wait(prefer: &str) -> Option<Duration> {
    let seconds = prefer.split([',', ';']).find_map(|preference| {
        let (name, value) = preference.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then_some(value)?.trim().parse::<u64>().ok()
    })?;
    Some(Duration::from_secs(seconds).min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_is_parsed_and_limited_to_ten_seconds() {
        for (prefer, seconds) in [
            ("wait=3", Some(3)),
            ("respond-async, WAIT = 5", Some(5)),
            ("wait=99", Some(10)),
            ("wait=soon", None),
            ("return=minimal", None),
            ("", None),
        ] {
            assert_eq!(parse_wait(prefer), seconds.map(Duration::from_secs), "{prefer}");
        }
    }
}
