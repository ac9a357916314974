//! Records a request's arrival. The ids of its entries are derived from it. A trusted proxy may
//! send the request id and the start time, so that a retry on another replica yields the same ids.

use poem::{Endpoint, Request, Response, Result};

use super::request_id;
use crate::http::client::Client;
use crate::log_entry::{Arrival, Timestamp};

/// The largest accepted difference between the proxy's clock and the server's, in microseconds.
const MAX_CLOCK_SKEW_MICROS: u64 = 5 * 60 * 1_000_000;

pub(super) struct Arrivals<E> {
    pub(super) next: E,
}

impl<E: Endpoint<Output = Response>> Endpoint for Arrivals<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let arrival = arrival(&request, Timestamp::now());
        request.set_data(arrival);
        self.next.call(request).await
    }
}

fn arrival(request: &Request, now: Timestamp) -> Arrival {
    match request_id::from_proxy(request).zip(start(request, now)) {
        Some((id, start)) => Arrival::of_request(id.as_str(), start),
        None => Arrival::new(now),
    }
}

/// When a trusted proxy received the request (nginx's `t=$msec`), if its clock agrees with the
/// server's.
fn start(request: &Request, now: Timestamp) -> Option<Timestamp> {
    let text = request.header("x-request-start").filter(|_| Client::of(request).behind_proxy)?;
    let (seconds, millis) = text.strip_prefix("t=")?.split_once('.')?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if millis.len() != 3 || !is_number(seconds) || !is_number(millis) {
        return None;
    }
    let seconds: i64 = seconds.parse().ok()?;
    let millis: i64 = millis.parse().ok()?;
    let micros = seconds.checked_mul(1000)?.checked_add(millis)?.checked_mul(1000)?;
    let agrees = micros.abs_diff(now.as_micros()) <= MAX_CLOCK_SKEW_MICROS;
    Timestamp::from_micros(micros).filter(|_| agrees)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::client::tests::{proxies, request};
    use crate::log_entry::NewLogEntry;

    const NOW: &str = "2024-06-14T12:00:00.123Z";
    const NOW_HEADER: &str = "t=1718366400.123";

    /// The id of an entry that arrives with this request.
    fn entry_id(peer: &str, headers: &[(&str, &str)]) -> String {
        let mut request = request(peer, headers);
        request.set_data(proxies().client_of(&request));
        let arrival = arrival(&request, Timestamp::parse(NOW).unwrap());
        let entry = NewLogEntry::from_json(br#"{"service":"a","message":"m"}"#).unwrap();
        entry.arrive(&arrival, 0).unwrap().id.to_string()
    }

    #[test]
    fn retries_by_a_trusted_proxy_get_the_same_ids() {
        let headers = [("x-request-id", "a1"), ("x-request-start", NOW_HEADER)];
        assert_eq!(entry_id("10.1.1.1:80", &headers), entry_id("10.2.2.2:80", &headers));
        let other = [("x-request-id", "b2"), ("x-request-start", NOW_HEADER)];
        assert_ne!(entry_id("10.1.1.1:80", &headers), entry_id("10.1.1.1:80", &other));
    }

    #[test]
    fn ids_are_random_unless_a_trusted_proxy_sends_an_id_and_a_plausible_start() {
        let id = ("x-request-id", "a1");
        let long = "a".repeat(129);
        let cases: [(&str, &[(&str, &str)]); 9] = [
            ("192.0.2.1:80", &[id, ("x-request-start", NOW_HEADER)]),
            ("10.1.1.1:80", &[id]),
            ("10.1.1.1:80", &[("x-request-start", NOW_HEADER)]),
            ("10.1.1.1:80", &[id, ("x-request-start", "t=1718366700.124")]),
            ("10.1.1.1:80", &[id, ("x-request-start", "t=1718366100.122")]),
            ("10.1.1.1:80", &[id, ("x-request-start", "1718366400.123")]),
            ("10.1.1.1:80", &[id, ("x-request-start", "t=1718366400.1")]),
            ("10.1.1.1:80", &[id, ("x-request-start", "t=99999999999999999999.123")]),
            ("10.1.1.1:80", &[("x-request-id", &long), ("x-request-start", NOW_HEADER)]),
        ];
        for (peer, headers) in cases {
            assert_ne!(entry_id(peer, headers), entry_id(peer, headers), "{peer} {headers:?}");
        }
    }

    #[test]
    fn a_proxys_clock_may_differ_by_up_to_five_minutes() {
        for start in ["t=1718366700.123", "t=1718366100.123"] {
            let headers = [("x-request-id", "a1"), ("x-request-start", start)];
            let ids = (entry_id("10.1.1.1:80", &headers), entry_id("10.1.1.1:80", &headers));
            assert_eq!(ids.0, ids.1, "{start}");
        }
    }
}
