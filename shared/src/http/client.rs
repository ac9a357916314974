//! A request's client: its address, and the key of its rate limit bucket.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use poem::{Addr, Request};

/// The networks of the proxies whose headers are trusted (`TRUSTED_PROXIES`).
#[derive(Debug, Clone, Default)]
pub(super) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(super) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// Returns the request's client. `X-Real-IP` is used only if a trusted proxy sent it, because
    /// any client can send that header.
    pub(super) fn client_of(&self, request: &Request) -> Client {
        let peer = peer_of(request);
        let behind_proxy = self.0.iter().any(|network| network.contains(&peer));
        let real_ip = || request.header("x-real-ip")?.trim().parse::<IpAddr>().ok();
        let forwarded = behind_proxy.then(real_ip).flatten();
        Client { address: forwarded.map_or(peer, |address| address.to_canonical()), behind_proxy }
    }
}

/// The address of the client that sent a request.
#[must_use]
pub fn client_address(request: &Request) -> IpAddr {
    Client::of(request).address
}

/// The client that sent a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Client {
    /// Its address, never an IPv4-mapped IPv6 address.
    pub(super) address: IpAddr,
    /// Whether a trusted proxy forwarded the request.
    pub(super) behind_proxy: bool,
}

impl Client {
    /// The client that the middleware determined, or the peer if the middleware has not run.
    pub(super) fn of(request: &Request) -> Self {
        let peer = || Self { address: peer_of(request), behind_proxy: false };
        request.data().copied().unwrap_or_else(peer)
    }

    /// The key of the client's rate limit bucket.
    pub(super) fn key(&self) -> ClientKey {
        match self.address {
            IpAddr::V4(_) => ClientKey(self.address),
            IpAddr::V6(address) => {
                let network = u128::from(address) & (u128::MAX << 64);
                ClientKey(Ipv6Addr::from(network).into())
            }
        }
    }
}

/// Identifies a client's rate limit bucket: its IPv4 address, or the /64 of its IPv6 address, the
/// prefix that is usually assigned to a single subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct ClientKey(IpAddr);

impl fmt::Display for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// The address of the connection's peer. It is unspecified without a socket, as in tests.
fn peer_of(request: &Request) -> IpAddr {
    match &request.remote_addr().0 {
        Addr::SocketAddr(address) => address.ip().to_canonical(),
        _ => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::SocketAddr;

    use poem::web::{LocalAddr, RemoteAddr};

    use super::*;

    /// A request from `peer` with these headers.
    pub(crate) fn request(peer: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = poem::http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let peer: SocketAddr = peer.parse().unwrap();
        let remote = RemoteAddr(Addr::SocketAddr(peer));
        let scheme = poem::http::uri::Scheme::HTTP;
        let parts = (parts, LocalAddr::default(), remote, scheme);
        Request::from_parts(parts.into(), poem::Body::empty())
    }

    /// The proxies in 10.0.0.0/8.
    pub(crate) fn proxies() -> TrustedProxies {
        TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap()])
    }

    fn address(peer: &str, headers: &[(&str, &str)]) -> String {
        proxies().client_of(&request(peer, headers)).address.to_string()
    }

    #[test]
    fn a_trusted_proxy_sets_the_client_address() {
        assert_eq!(address("10.1.1.1:80", &[("x-real-ip", "203.0.113.9")]), "203.0.113.9");
        assert_eq!(address("[::ffff:10.1.1.1]:80", &[("x-real-ip", "2001:db8::1")]), "2001:db8::1");
    }

    #[test]
    fn a_client_cannot_claim_another_address() {
        assert_eq!(address("192.0.2.1:80", &[("x-real-ip", "203.0.113.9")]), "192.0.2.1");
        assert_eq!(address("192.0.2.1:80", &[("x-forwarded-for", "203.0.113.9")]), "192.0.2.1");
    }

    #[test]
    fn a_proxy_that_sends_no_address_is_treated_as_the_client() {
        assert_eq!(address("10.1.1.1:80", &[]), "10.1.1.1");
        assert_eq!(address("10.1.1.1:80", &[("x-real-ip", "unknown")]), "10.1.1.1");
    }

    #[test]
    fn keys_are_ipv4_addresses_or_ipv6_64_prefixes() {
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
}
