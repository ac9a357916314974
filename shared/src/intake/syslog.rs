//! Turns syslog messages (RFC 5424 and RFC 3164) into entries.
//! `text -- parse --> Message -- into_entry --> NewLogEntry`
//!
//! There are many dialects of RFC 3164, so no information is lost if a header is not recognized: it
//! remains part of the message.

mod entry;
mod priority;
mod rfc3164;
mod rfc5424;
mod structured_data;
mod time;

use std::borrow::Cow;

use crate::log_entry::Timestamp;
use priority::Priority;
use structured_data::Element;

/// A syslog message.
#[derive(Debug, PartialEq, Eq)]
pub struct Message<'a> {
    priority: Option<Priority>,
    header: Header<'a>,
    /// The message without its header.
    text: &'a str,
}

/// The header of a message, without the priority. A field that is absent or `-` is `None`.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header<'a> {
    /// When the event happened, in ISO 8601.
    time: Option<Cow<'a, str>>,
    host: Option<&'a str>,
    app: Option<&'a str>,
    process_id: Option<&'a str>,
    message_id: Option<&'a str>,
    /// The sequence number of Cisco's devices.
    sequence: Option<&'a str>,
    structured_data: Vec<Element<'a>>,
}

impl<'a> Message<'a> {
    /// Parses a message. A time without a year is assumed to be as near to the arrival as possible,
    /// and a time without a zone to be in UTC.
    #[must_use]
    pub fn parse(text: &'a str, arrival: Timestamp) -> Self {
        let text = text.trim_end_matches(['\r', '\n', '\0']);
        let Some((priority, rest)) = Priority::read(text) else {
            return Self { priority: None, header: Header::default(), text };
        };
        let parsed = rfc5424::parse(rest).or_else(|| rfc3164::parse(rest, arrival));
        let (header, text) = parsed.unwrap_or_else(|| (Header::default(), rest));
        Self { priority: Some(priority), header, text }
    }
}

#[cfg(test)]
mod tests;
