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
