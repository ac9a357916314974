//! The preference `wait` of RFC 7240, section 4.3.
//! Other preferences are ignored, as the RFC requires.

use std::time::Duration;

/// The maximum time that a request may wait.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Parses the time that the client is willing to wait from a `Prefer` header.
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
    fn a_client_may_wait_at_most_ten_seconds() {
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
