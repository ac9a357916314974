//! The time of an event: a number of seconds, Fluent Bit's extension, or the standard timestamp
//! extension.

use std::fmt;

use super::reader::{Malformed, Reader, Token};

/// The extension type of Fluentd and Fluent Bit.
const EVENT_TIME: i8 = 0;

/// The type of the timestamp extension in the specification.
const TIMESTAMP: i8 = -1;

/// The number of bits for the seconds in the 64-bit timestamp extension.
const SECONDS_BITS: u32 = 34;

/// The time of an event, displayed as a decimal number of seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum EventTime {
    Exact { seconds: u64, nanos: u32 },
    Float(f64),
}

impl EventTime {
    /// Reads the time at the beginning of an event.
    pub(super) fn read(mut time: Reader<'_>) -> Result<Option<Self>, Malformed> {
        Ok(match time.token()? {
            Token::Unsigned(seconds) => Some(Self::Exact { seconds, nanos: 0 }),
            Token::Float(seconds) => seconds.is_finite().then_some(Self::Float(seconds)),
            Token::Extension(kind, bytes) => Self::of_extension(kind, bytes),
            _ => None,
        })
    }

    /// Reads the time in an extension.
    pub(super) fn of_extension(kind: i8, bytes: &[u8]) -> Option<Self> {
        let (seconds, nanos) = match (kind, bytes.len()) {
            (EVENT_TIME, 8) => (number(&bytes[..4]), number(&bytes[4..])),
            (TIMESTAMP, 4) => (number(bytes), 0),
            (TIMESTAMP, 8) => {
                let number = number(bytes);
                (number & ((1 << SECONDS_BITS) - 1), number >> SECONDS_BITS)
            }
            (TIMESTAMP, 12) => (number(&bytes[4..]), number(&bytes[..4])),
            _ => return None,
        };
        let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
        Some(Self::Exact { seconds, nanos })
    }
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exact { seconds, nanos: 0 } => write!(f, "{seconds}"),
            Self::Exact { seconds, nanos } => {
                let fraction = format!("{nanos:09}");
                write!(f, "{seconds}.{}", fraction.trim_end_matches('0'))
            }
            Self::Float(seconds) => write!(f, "{}", serde_json::Value::from(seconds)),
        }
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: i8, bytes: &[u8]) -> Option<String> {
        EventTime::of_extension(kind, bytes).map(|time| time.to_string())
    }

    #[test]
    fn time_extensions_are_read() {
        let seconds = [0x6b, 0x07, 0x34, 0x07];
        let nanos = [0x23, 0x9a, 0x9c, 0x46];
        let expected = Some("1795634183.597335110".trim_end_matches('0').to_owned());
        assert_eq!(text(0, &[seconds, nanos].concat()), expected);
        assert_eq!(text(-1, &seconds), Some("1795634183".to_owned()));
        let packed = (0x239a_9c46_u64 << 34 | 0x6b07_3407).to_be_bytes();
        assert_eq!(text(-1, &packed), expected);
        let long = [&nanos[..], &[0; 4], &seconds].concat();
        assert_eq!(text(-1, &long), expected);
    }

    #[test]
    fn other_extensions_are_not_times() {
        for (kind, bytes) in [(0, &[0; 4][..]), (1, &[0; 8]), (-1, &[0; 5]), (0, &[0xff; 8])] {
            assert_eq!(text(kind, bytes), None);
        }
    }
}
