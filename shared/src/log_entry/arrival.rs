//! When and by which request entries arrive, and the ids that follow from it.
//! An id is a `UUIDv7` (RFC 9562): its time decides where an entry lives.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{Invalid, Timestamp};

/// The last position that an id has room for: a request carries at most 2^20 entries.
pub const MAX_POSITION: u32 = (1 << 20) - 1;

/// How old an id of the client may be.
const MAX_AGE_MILLIS: u64 = 7 * 24 * 60 * 60 * 1000;

/// How far ahead of our clock an id of the client may be.
const MAX_AHEAD_MILLIS: u64 = 5 * 60 * 1000;

/// The bits of an id after its time, version, position and variant.
const TAIL_BITS: u64 = (1 << 54) - 1;

/// The version of a `UUIDv7`, in the first half of the id.
const VERSION_7: u64 = 0x7000;

/// The variant of RFC 9562, in the second half of the id.
const RFC_VARIANT: u64 = 0b10 << 62;

/// A `UUIDv7`: unique without a database, ordered by arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Uuid")]
pub struct EntryId(Uuid);

impl EntryId {
    /// The time at which the entry arrived, in whole milliseconds.
    #[must_use]
    pub fn time(self) -> Timestamp {
        let micros = i64::try_from(self.millis() * 1000).ok();
        micros.and_then(Timestamp::from_micros).unwrap_or(Timestamp::MAX)
    }

    /// The day of arrival, which decides where an entry is kept: days since 1970.
    #[must_use]
    pub fn day(self) -> i64 {
        self.time().as_micros() / Timestamp::MICROS_A_DAY
    }

    /// The id as the stores hold it: 16 bytes, in order of arrival.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads an id back from its 16 bytes; `None` if they are no `UUIDv7`.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Self::try_from(Uuid::from_slice(bytes).ok()?).ok()
    }

    /// The first 48 bits: milliseconds since 1970.
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

/// The moment of a request, and what makes its ids its own.
///
/// An id is 48 bits of time, 20 bits of position in the request, and 54 bits of tail. Two attempts
/// of one request through the proxy have the same arrival, so the same ids.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    millis: u64,
    tail: u64,
}

impl Arrival {
    /// An arrival that no other has: its tail is random.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self::at(now, Uuid::new_v4().as_u64_pair().1)
    }

    /// The arrival of a request that a proxy named: the same name and moment, the same ids.
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
    pub(crate) fn id(&self, position: u32) -> EntryId {
        debug_assert!(position <= MAX_POSITION, "the position must fit 20 bits");
        let position = u64::from(position & MAX_POSITION);
        let high = (self.millis << 16) | VERSION_7 | (position >> 8);
        let low = RFC_VARIANT | ((position & 0xff) << 54) | self.tail;
        EntryId(Uuid::from_u64_pair(high, low))
    }

    /// Takes an id that the client gave, if its time is one that an arrival now may have.
    pub(super) fn accept(&self, id: EntryId) -> Result<EntryId, Invalid> {
        let oldest = self.millis.saturating_sub(MAX_AGE_MILLIS);
        if (oldest..=self.millis + MAX_AHEAD_MILLIS).contains(&id.millis()) {
            return Ok(id);
        }
        Err(Invalid::field("id", "its time must be at most 7 days ago and 5 minutes ahead"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn an_id_is_a_uuid_v7_that_tells_its_time() {
        let now = at("2024-06-14T12:00:00.123Z");
        let id = Arrival::new(now).id(0);
        assert_eq!(id.0.get_version_num(), 7);
        assert_eq!(id.0.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(id.time(), now);
    }

    #[test]
    fn ids_of_one_request_keep_the_order_of_its_entries() {
        let arrival = Arrival::new(at("2024-06-14T12:00:00Z"));
        let positions = [0, 1, 255, 256, 4095, 4096, MAX_POSITION];
        let ids: Vec<EntryId> = positions.map(|position| arrival.id(position)).to_vec();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
    }

    #[test]
    fn a_second_attempt_of_a_request_has_the_same_ids_and_another_request_has_not() {
        let start = at("2024-06-14T12:00:00.123Z");
        let id = |request: &str| Arrival::of_request(request, start).id(7);
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
    }

    #[test]
    fn an_id_of_the_client_is_taken_from_seven_days_ago_to_five_minutes_ahead() {
        let now = Arrival::new(at("2024-06-14T12:00:00Z"));
        for (time, taken) in [
            ("2024-06-07T12:00:00Z", true),
            ("2024-06-07T11:59:59Z", false),
            ("2024-06-14T12:05:00Z", true),
            ("2024-06-14T12:05:01Z", false),
        ] {
            let id = Arrival::new(at(time)).id(0);
            assert_eq!(now.accept(id).is_ok(), taken, "{time}");
        }
    }

    #[test]
    fn another_uuid_is_refused() {
        assert!("0190163d-8694-4000-8000-000000000001".parse::<EntryId>().is_err());
        assert!("0190163d-8694-7000-c000-000000000001".parse::<EntryId>().is_err());
        assert!("17".parse::<EntryId>().is_err());
    }
}
