//! The arrival of a request, and the entry ids derived from it.
//! An id is a `UUIDv7` (RFC 9562). Its time determines where the entry is stored and indexed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Timestamp, ValidationError};

/// The largest position that fits in an id: a request has at most 2^20 entries.
pub const MAX_POSITION: u32 = (1 << 20) - 1;

/// The maximum age of an id sent by a client.
const MAX_AGE_MILLIS: u64 = 7 * 24 * 60 * 60 * 1000;

/// How far an id sent by a client may be ahead of the server's clock.
const MAX_AHEAD_MILLIS: u64 = 5 * 60 * 1000;

/// The bits of an id after its time, version, position and variant.
const TAIL_BITS: u64 = (1 << 54) - 1;

/// The version bits of a `UUIDv7`, in the first half of the id.
const VERSION_7: u64 = 0x7000;

/// The variant bits of RFC 9562, in the second half of the id.
const RFC_VARIANT: u64 = 0b10 << 62;

/// A `UUIDv7`: unique without coordination, ordered by arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Uuid")]
pub struct EntryId(Uuid);

impl EntryId {
    /// The smallest id.
    pub(crate) const FIRST: Self = Self(Uuid::from_u64_pair(VERSION_7, RFC_VARIANT));

    /// The greatest id with a time before `time`; `None` if `time` is the beginning of 1970.
    pub(crate) fn last_before(time: Timestamp) -> Option<Self> {
        let millis = u64::try_from(time.as_micros()).ok()?.div_ceil(1000).checked_sub(1)?;
        Some(Self(Uuid::from_u64_pair(
            millis << 16 | VERSION_7 | 0xfff,
            RFC_VARIANT | u64::MAX >> 2,
        )))
    }

    /// The time in the id, in whole milliseconds.
    #[must_use]
    pub fn time(self) -> Timestamp {
        Self::time_in(self.0.as_u64_pair().0)
    }

    /// The time in an id that begins with these eight bytes.
    pub(crate) fn time_in(first_half: u64) -> Timestamp {
        // The first 48 bits are milliseconds since 1970.
        let micros = i64::try_from((first_half >> 16) * 1000).ok();
        micros.and_then(Timestamp::from_micros).unwrap_or(Timestamp::MAX)
    }

    /// The 16 bytes of the id, which sort by arrival.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Creates an id from its 16 bytes; `None` if they are not a `UUIDv7`.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::try_from(Uuid::from_slice(bytes).ok()?).ok()
    }

    /// Milliseconds since 1970: the first 48 bits.
    fn millis(self) -> u64 {
        self.0.as_u64_pair().0 >> 16
    }
}

impl TryFrom<Uuid> for EntryId {
    type Error = &'static str;

    fn try_from(uuid: Uuid) -> Result<Self, Self::Error> {
        let rfc_variant = uuid.get_variant() == uuid::Variant::RFC4122;
        if uuid.get_version_num() == 7 && rfc_variant {
            Ok(Self(uuid))
        } else {
            Err("must be a UUIDv7")
        }
    }
}

impl FromStr for EntryId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(Uuid::parse_str(text).map_err(|_| "must be a UUIDv7")?)
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The time of a request, and the bits that distinguish its ids from those of other requests.
///
/// An id has 48 bits of time, 20 bits of position in the request, and 54 tail bits. When the proxy
/// retries a request, both attempts have the same arrival and therefore the same ids.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    millis: u64,
    tail: u64,
}

impl Arrival {
    /// A unique arrival, with random tail bits.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self::at(now, Uuid::new_v4().as_u64_pair().1)
    }

    /// The arrival of a request that a proxy forwarded, derived from its request id and start time.
    #[must_use]
    pub fn of_request(request_id: &str, start: Timestamp) -> Self {
        let digest = Sha256::digest(request_id.as_bytes());
        let mut head = [0; 8];
        head.copy_from_slice(&digest[..8]);
        Self::at(start, u64::from_be_bytes(head))
    }

    fn at(time: Timestamp, tail: u64) -> Self {
        let millis = u64::try_from(time.as_micros() / 1000).unwrap_or_default();
        Self { millis, tail: tail & TAIL_BITS }
    }

    /// The id of the entry at `position` in the request, from 0 to [`MAX_POSITION`].
    #[must_use]
    pub fn id(&self, position: u32) -> EntryId {
        debug_assert!(position <= MAX_POSITION, "the position must fit in 20 bits");
        let position = u64::from(position & MAX_POSITION);
        let high = (self.millis << 16) | VERSION_7 | (position >> 8);
        let low = RFC_VARIANT | ((position & 0xff) << 54) | self.tail;
        EntryId(Uuid::from_u64_pair(high, low))
    }

    /// Derives an id from the name that a client has given to an entry, so that an entry that is
    /// resent is stored only once. The id depends on all parts of the name and on the time of the
    /// event.
    ///
    /// The id contains the time of the event, if that time is allowed in a client's id. Otherwise,
    /// the name gets a new id every seven days, at moments that differ between names, and the id
    /// contains the most recent of these moments.
    #[must_use]
    pub fn derive_id(&self, name: &[&str], event: Option<Timestamp>) -> EntryId {
        let mut hash = Sha256::new();
        for part in name {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        if let Some(event) = event {
            hash.update(event.as_micros().to_be_bytes());
        }
        let digest = hash.finalize();
        let part = |index: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&digest[8 * index..8 * (index + 1)]);
            u64::from_be_bytes(bytes)
        };
        let event = event.and_then(|event| u64::try_from(event.as_micros() / 1000).ok());
        let millis = event.filter(|millis| self.is_near(*millis)).unwrap_or_else(|| {
            let since = (self.millis % MAX_AGE_MILLIS + part(2) % MAX_AGE_MILLIS) % MAX_AGE_MILLIS;
            self.millis.saturating_sub(since)
        });
        let high = millis << 16 | VERSION_7 | (part(0) & 0xfff);
        EntryId(Uuid::from_u64_pair(high, RFC_VARIANT | (part(1) >> 2)))
    }

    /// The time when the request arrived, in whole milliseconds.
    #[must_use]
    pub fn time(&self) -> Timestamp {
        self.id(0).time()
    }

    /// Whether a client may send this id: its time is close enough to the arrival.
    #[must_use]
    pub fn accepts(&self, id: EntryId) -> bool {
        self.is_near(id.millis())
    }

    /// Returns the client's id if its time is close enough to the arrival.
    pub(super) fn accept(&self, id: EntryId) -> Result<EntryId, ValidationError> {
        if self.accepts(id) {
            return Ok(id);
        }
        Err(ValidationError::field(
            "id",
            "its time must be at most 7 days in the past and 5 minutes in the future",
        ))
    }

    fn is_near(&self, millis: u64) -> bool {
        let oldest = self.millis.saturating_sub(MAX_AGE_MILLIS);
        (oldest..=self.millis + MAX_AHEAD_MILLIS).contains(&millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn an_id_is_a_uuid_v7_with_the_time_of_arrival() {
        let now = at("2024-06-14T12:00:00.123Z");
        let id = Arrival::new(now).id(0);
        assert_eq!(id.0.get_version_num(), 7);
        assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(id.time(), now);
    }

    #[test]
    fn the_ids_of_a_request_sort_in_the_order_of_its_entries() {
        let arrival = Arrival::new(at("2024-06-14T12:00:00Z"));
        let positions = [0, 1, 255, 256, 4095, 4096, MAX_POSITION];
        let ids: Vec<EntryId> = positions.map(|position| arrival.id(position)).to_vec();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }

    #[test]
    fn a_retried_request_has_the_same_ids_and_another_request_does_not() {
        let start = at("2024-06-14T12:00:00.123Z");
        let id = |request: &str| Arrival::of_request(request, start).id(7);
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
    }

    #[test]
    fn a_client_id_may_be_seven_days_old_or_five_minutes_ahead() {
        let now = Arrival::new(at("2024-06-14T12:00:00Z"));
        for (time, accepted) in [
            ("2024-06-07T12:00:00Z", true),
            ("2024-06-07T11:59:59Z", false),
            ("2024-06-14T12:05:00Z", true),
            ("2024-06-14T12:05:01Z", false),
        ] {
            let id = Arrival::new(at(time)).id(0);
            assert_eq!(now.accept(id).is_ok(), accepted, "{time}");
        }
    }

    #[test]
    fn a_derived_id_has_the_time_of_the_event_and_is_stable_for_a_week() {
        let event = at("2024-06-14T12:00:00.123Z");
        let id =
            |arrival: &str, name: &[&str]| Arrival::new(at(arrival)).derive_id(name, Some(event));
        let first = id("2024-06-14T11:56:00Z", &["logs", "17"]);
        assert_eq!((first.time(), first.0.get_version_num()), (event, 7));
        assert_eq!(first.0.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(first, id("2024-06-21T12:00:00Z", &["logs", "17"]));
        for other in [&["log", "s17"][..], &["logs", "18"], &["logs17"]] {
            assert_ne!(first, id("2024-06-14T12:00:00Z", other), "{other:?}");
        }
        let later = Timestamp::from_micros(event.as_micros() + 1);
        let arrival = Arrival::new(event);
        assert_ne!(first, arrival.derive_id(&["logs", "17"], later));
    }

    #[test]
    fn a_derived_id_without_a_recent_event_changes_every_seven_days() {
        let start = at("2024-06-14T12:00:00Z");
        let arrivals = (0..7 * 24).map(|hour| {
            let micros = start.as_micros() + hour * 60 * 60 * 1_000_000;
            Arrival::new(Timestamp::from_micros(micros).unwrap())
        });
        for event in [None, Some(at("2024-06-07T11:59:59Z")), Some(at("2025-01-01T00:00:00Z"))] {
            for name in 0..20 {
                let name = name.to_string();
                let ids: Vec<EntryId> = arrivals
                    .clone()
                    .map(|arrival| {
                        let id = arrival.derive_id(&["logs", &name], event);
                        assert!(arrival.accepts(id) && id.millis() <= arrival.millis);
                        id
                    })
                    .collect();
                let changes = ids.windows(2).filter(|ids| ids[0] != ids[1]).count();
                assert!(changes <= 1, "{event:?} {name}: {ids:?}");
            }
        }
    }

    #[test]
    fn ids_other_than_uuid_v7_are_rejected() {
        assert!("0190163d-8694-4000-8000-000000000001".parse::<EntryId>().is_err());
        assert!("0190163d-8694-7000-c000-000000000001".parse::<EntryId>().is_err());
        assert!("17".parse::<EntryId>().is_err());
    }
}
