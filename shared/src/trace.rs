//! Which trace something belongs to, across processes: a request, its records, their batch.
//! Source: W3C Trace Context, <https://www.w3.org/TR/trace-context/>.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// The HTTP header, and the header of a record, that carries it.
pub const TRACEPARENT: &str = "traceparent";

/// A trace, and the span of it that is meant: `00-<trace id>-<span id>-<flags>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

/// It is no `traceparent`.
#[derive(Debug, thiserror::Error)]
#[error("a traceparent is 00-<32 hexadecimal digits>-<16>-<2>")]
pub struct NotTraceParent;

impl TraceParent {
    /// The first span of a new trace. Nobody has asked to keep it: it is not sampled.
    #[must_use]
    pub fn start() -> Self {
        Self { trace_id: Uuid::new_v4().as_u128(), span_id: new_span_id(), flags: 0 }
    }

    /// A new span of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span_id: new_span_id(), ..self }
    }

    /// The trace's name, as it is written.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    /// The span's name, as it is written.
    #[must_use]
    pub fn span_id(&self) -> String {
        format!("{:016x}", self.span_id)
    }
}

/// A version 4 UUID's second half: its variant bits keep it from being zero, which names no span.
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
    type Err = NotTraceParent;

    /// Reads version 00, and what a later version begins with.
    fn from_str(text: &str) -> Result<Self, NotTraceParent> {
        let mut parts = text.split('-');
        let version = hexadecimal(parts.next(), 2)?;
        let trace_id = hexadecimal(parts.next(), 32)?;
        let span_id = hexadecimal(parts.next(), 16)?;
        let flags = hexadecimal(parts.next(), 2)?;
        let is_whole = parts.next().is_none() || version > 0;
        if version == 0xff || trace_id == 0 || span_id == 0 || !is_whole {
            return Err(NotTraceParent);
        }
        let fits = |_| NotTraceParent;
        let span_id = u64::try_from(span_id).map_err(fits)?;
        Ok(Self { trace_id, span_id, flags: u8::try_from(flags).map_err(fits)? })
    }
}

/// So many hexadecimal digits, in small letters.
fn hexadecimal(text: Option<&str>, digits: usize) -> Result<u128, NotTraceParent> {
    let small = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let text = text.filter(|text| text.len() == digits && text.bytes().all(small));
    u128::from_str_radix(text.ok_or(NotTraceParent)?, 16).map_err(|_| NotTraceParent)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn it_is_written_as_it_was_read() {
        let parent: TraceParent = SENT.parse().unwrap();
        assert_eq!(parent.to_string(), SENT);
        assert_eq!(parent.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.span_id(), "00f067aa0ba902b7");
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
    fn a_later_version_may_say_more() {
        let later = SENT.replacen("00", "01", 1) + "-more";
        assert_eq!(later.parse::<TraceParent>().unwrap(), SENT.parse().unwrap());
    }

    #[test]
    fn anything_else_is_none() {
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
