//! Who asks: the peer, or whom a trusted proxy names.
//! Anybody can send `X-Real-IP`; it is believed from the networks of the settings only.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use poem::{Addr, Request};

use crate::log_entry::{Arrival, Timestamp};

/// How far a proxy's clock may be from ours, in microseconds.
const MAX_CLOCK_DIFFERENCE_MICROS: u64 = 5 * 60 * 1_000_000;

/// The longest request id that is taken from a proxy, in bytes.
const MAX_REQUEST_ID_BYTES: usize = 128;

/// The networks of the proxies whose headers are believed.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// The proxies of these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Who sent the request.
    #[must_use]
    pub fn client_of(&self, request: &Request) -> Client {
        let peer = peer_of(request);
        let trusted = self.0.iter().any(|network| network.contains(&peer));
        let named = trusted.then(|| request.header("x-real-ip")?.trim().parse().ok()).flatten();
        Client { address: named.map_or(peer, canonical), behind_proxy: trusted }
    }
}

/// Who sent a request.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    /// Its address; of an IPv4 client always in the form of IPv4.
    pub address: IpAddr,
    /// Whether a trusted proxy passed the request on.
    pub behind_proxy: bool,
}

impl Client {
    /// What the rate limit knows the client by.
    #[must_use]
    pub fn key(&self) -> ClientKey {
        match self.address {
            IpAddr::V4(_) => ClientKey(self.address),
            IpAddr::V6(address) => {
                let network = u128::from(address) & (u128::MAX << 64);
                ClientKey(Ipv6Addr::from(network).into())
            }
        }
    }

    /// The request's name, if a trusted proxy gave it one that is fit for a log.
    pub(super) fn request_id<'a>(&self, request: &'a Request) -> Option<&'a str> {
        let id = request.header("x-request-id").filter(|_| self.behind_proxy)?;
        let fit = (1..=MAX_REQUEST_ID_BYTES).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_graphic());
        fit.then_some(id)
    }

    /// The moment of the request and what makes its ids its own: both are the proxy's, if it says
    /// them, so that its second attempt at another replica has the same ids.
    pub(super) fn arrival(&self, request: &Request, now: Timestamp) -> Arrival {
        let named = self.request_id(request).zip(self.start(request, now));
        match named {
            Some((id, start)) => Arrival::of_request(id, start),
            None => Arrival::new(now),
        }
    }

    /// When the proxy began with the request: nginx' `t=$msec`, if its clock is near ours.
    fn start(&self, request: &Request, now: Timestamp) -> Option<Timestamp> {
        let text = request.header("x-request-start").filter(|_| self.behind_proxy)?;
        let (seconds, millis) = text.strip_prefix("t=")?.split_once('.')?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if millis.len() != 3 || !digits(seconds) || !digits(millis) {
            return None;
        }
        let seconds: i64 = seconds.parse().ok()?;
        let millis: i64 = millis.parse().ok()?;
        let micros = seconds.checked_mul(1000)?.checked_add(millis)?.checked_mul(1000)?;
        let near = micros.abs_diff(now.as_micros()) <= MAX_CLOCK_DIFFERENCE_MICROS;
        Timestamp::from_micros(micros).filter(|_| near)
    }
}

/// What the rate limit knows a client by: its IPv4 address, or the /64 of its IPv6 address, which
/// is what one customer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey(IpAddr);

impl std::fmt::Display for ClientKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

#[cfg(test)]
impl ClientKey {
    pub(super) fn from_number(number: u32) -> Self {
        Self(std::net::Ipv4Addr::from(number).into())
    }
}

/// The other end of the connection; unspecified if it is no socket (tests).
fn peer_of(request: &Request) -> IpAddr {
    match &request.remote_addr().0 {
        Addr::SocketAddr(address) => canonical(address.ip()),
        _ => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

/// An IPv4 address in the clothes of IPv6 is an IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use poem::web::RemoteAddr;

    use super::*;
    use crate::log_entry::NewLogEntry;

    const NOW: &str = "2024-06-14T12:00:00.123Z";
    const NOW_HEADER: &str = "t=1718366400.123";

    fn request(peer: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, body) = request.finish().into_parts();
        let peer: SocketAddr = peer.parse().unwrap();
        let remote = RemoteAddr(Addr::SocketAddr(peer));
        let local = poem::web::LocalAddr::default();
        let mut hyper = poem::http::Request::new(());
        *hyper.headers_mut() = parts.headers;
        let (parts, ()) = hyper.into_parts();
        let scheme = poem::http::uri::Scheme::HTTP;
        Request::from_parts((parts, local, remote, scheme).into(), body)
    }

    fn proxies() -> TrustedProxies {
        TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()])
    }

    fn address(peer: &str, headers: &[(&str, &str)]) -> String {
        proxies().client_of(&request(peer, headers)).address.to_string()
    }

    /// The id of an entry that arrives with this request.
    fn id(peer: &str, headers: &[(&str, &str)]) -> String {
        let request = request(peer, headers);
        let now = Timestamp::parse(NOW).unwrap();
        let arrival = proxies().client_of(&request).arrival(&request, now);
        let entry = NewLogEntry::from_json(br#"{"service":"a","message":"m"}"#).unwrap();
        entry.arrive(&arrival, 0).unwrap().id.to_string()
    }

    #[test]
    fn a_client_is_whom_a_trusted_proxy_names() {
        assert_eq!(address("10.1.1.1:80", &[("x-real-ip", "203.0.113.9")]), "203.0.113.9");
        assert_eq!(address("[::ffff:10.1.1.1]:80", &[("x-real-ip", "2001:db8::1")]), "2001:db8::1");
    }

    #[test]
    fn nobody_else_can_name_another_client() {
        assert_eq!(address("192.0.2.1:80", &[("x-real-ip", "203.0.113.9")]), "192.0.2.1");
        assert_eq!(address("192.0.2.1:80", &[("x-forwarded-for", "203.0.113.9")]), "192.0.2.1");
    }

    #[test]
    fn a_proxy_that_names_nobody_is_the_client() {
        assert_eq!(address("10.1.1.1:80", &[]), "10.1.1.1");
        assert_eq!(address("10.1.1.1:80", &[("x-real-ip", "unknown")]), "10.1.1.1");
    }

    #[test]
    fn a_client_of_ipv6_is_its_network_and_a_mapped_one_is_of_ipv4() {
        for (address, key) in [
            ("203.0.113.9", "203.0.113.9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ] {
            let client = proxies().client_of(&request("10.1.1.1:80", &[("x-real-ip", address)]));
            assert_eq!(client.key().to_string(), key);
        }
    }

    #[test]
    fn two_attempts_of_a_proxy_have_the_same_ids() {
        let headers = [("x-request-id", "a1"), ("x-request-start", NOW_HEADER)];
        assert_eq!(id("10.1.1.1:80", &headers), id("10.2.2.2:80", &headers));
        let other = [("x-request-id", "b2"), ("x-request-start", NOW_HEADER)];
        assert_ne!(id("10.1.1.1:80", &headers), id("10.1.1.1:80", &other));
    }

    #[test]
    fn ids_are_random_without_both_headers_of_a_trusted_proxy_whose_clock_is_near() {
        let name = ("x-request-id", "a1");
        let long = "a".repeat(MAX_REQUEST_ID_BYTES + 1);
        let cases: [(&str, &[(&str, &str)]); 9] = [
            ("192.0.2.1:80", &[name, ("x-request-start", NOW_HEADER)]),
            ("10.1.1.1:80", &[name]),
            ("10.1.1.1:80", &[("x-request-start", NOW_HEADER)]),
            ("10.1.1.1:80", &[name, ("x-request-start", "t=1718366700.124")]),
            ("10.1.1.1:80", &[name, ("x-request-start", "t=1718366100.122")]),
            ("10.1.1.1:80", &[name, ("x-request-start", "1718366400.123")]),
            ("10.1.1.1:80", &[name, ("x-request-start", "t=1718366400.1")]),
            ("10.1.1.1:80", &[name, ("x-request-start", "t=99999999999999999999.123")]),
            ("10.1.1.1:80", &[("x-request-id", &long), ("x-request-start", NOW_HEADER)]),
        ];
        for (peer, headers) in cases {
            assert_ne!(id(peer, headers), id(peer, headers), "{peer} {headers:?}");
        }
    }

    #[test]
    fn a_proxys_clock_may_be_five_minutes_off() {
        for start in ["t=1718366700.123", "t=1718366100.123"] {
            let headers = [("x-request-id", "a1"), ("x-request-start", start)];
            assert_eq!(id("10.1.1.1:80", &headers), id("10.1.1.1:80", &headers), "{start}");
        }
    }
}
