//! W3C Trace Context (<https://www.w3.org/TR/trace-context/>), propagated across processes from
//! a request to its queue records and their batch.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The header of HTTP requests and queue records that carries the trace context.
pub const TRACEPARENT: &str = "traceparent";

/// A span of a trace: `00-<trace id>-<span id>-<flags>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

/// The text is not a `traceparent`.
#[derive(Debug, thiserror::Error)]
#[error("a traceparent must be 00-<32 hex digits>-<16 hex digits>-<2 hex digits>")]
pub struct InvalidTraceParent;

impl TraceParent {
    /// The first span of a new trace, which is not sampled.
    #[must_use]
    pub fn start() -> Self {
        Self { trace_id: Uuid::new_v4().as_u128(), span_id: new_span_id(), flags: 0 }
    }

    /// A new span of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span_id: new_span_id(), ..self }
    }

    /// The id of the trace: 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(self) -> impl fmt::Display {
        fmt::from_fn(move |f| write!(f, "{:032x}", self.trace_id))
    }

    /// The id of the span: 16 hexadecimal digits.
    #[must_use]
    pub fn span_id(self) -> impl fmt::Display {
        fmt::from_fn(move |f| write!(f, "{:016x}", self.span_id))
    }
}

/// Half of a version 4 UUID. The variant bits ensure that it is not zero, which would be invalid.
fn new_span_id() -> u64 {
    Uuid::new_v4().as_u64_pair().1
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_id, span_id, flags } = self;
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

impl FromStr for TraceParent {
    type Err = InvalidTraceParent;

    /// Parses version 00, and the part of later versions that is compatible with it.
    fn from_str(text: &str) -> Result<Self, InvalidTraceParent> {
        let mut parts = text.split('-');
        let version = parse_hex(parts.next(), 2)?;
        let trace_id = parse_hex(parts.next(), 32)?;
        let span_id = parse_hex(parts.next(), 16)?;
        let flags = parse_hex(parts.next(), 2)?;
        let has_valid_length = parts.next().is_none() || version > 0;
        if version == 0xff || trace_id == 0 || span_id == 0 || !has_valid_length {
            return Err(InvalidTraceParent);
        }
        let span_id = u64::try_from(span_id).map_err(|_| InvalidTraceParent)?;
        let flags = u8::try_from(flags).map_err(|_| InvalidTraceParent)?;
        Ok(Self { trace_id, span_id, flags })
    }
}

/// Parses exactly `digits` lowercase hexadecimal digits.
fn parse_hex(text: Option<&str>, digits: usize) -> Result<u128, InvalidTraceParent> {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let text = text.filter(|text| text.len() == digits && text.bytes().all(is_digit));
    u128::from_str_radix(text.ok_or(InvalidTraceParent)?, 16).map_err(|_| InvalidTraceParent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_traceparent_survives_parsing_and_formatting() {
        let parent: TraceParent = SENT.parse().unwrap();
        assert_eq!(parent.to_string(), SENT);
        assert_eq!(parent.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.span_id().to_string(), "00f067aa0ba902b7");
    }

    #[test]
    fn a_child_is_another_span_of_the_same_trace() {
        let parent: TraceParent = SENT.parse().unwrap();
        let child = parent.child();
        assert_eq!((child.trace_id, child.flags), (parent.trace_id, 1));
        assert_ne!(child.span_id, parent.span_id);
        assert_eq!(child.to_string().parse::<TraceParent>().unwrap(), child);
    }

    #[test]
    fn a_later_version_may_have_more_fields() {
        let later = SENT.replacen("00", "01", 1) + "-more";
        assert_eq!(later.parse::<TraceParent>().unwrap(), SENT.parse().unwrap());
    }

    #[test]
    fn an_invalid_traceparent_is_rejected() {
        for text in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-+0f067aa0ba902b7-01",
        ] {
            assert!(text.parse::<TraceParent>().is_err(), "{text}");
        }
    }
}
