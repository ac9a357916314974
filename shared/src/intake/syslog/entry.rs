//! Turns a message into an entry.

use std::borrow::Cow;
use std::net::IpAddr;

use super::{Header, Message, structured_data};
use crate::intake::shape::{Defaults, Names, Record};
use crate::json::without_lone_surrogates;
use crate::log_entry::{NewLogEntry, ServiceName, ValidationError};

/// The cookie before a message that is JSON, by the Common Event Expression standard.
const CEE: &str = "@cee:";

impl Message<'_> {
    /// Turns the message into an entry. A message that is a JSON object or logfmt is parsed if it
    /// has at most `max_parsed_bytes`. The time, level and service in it take precedence over those
    /// in the header, which become attributes. Without a host in the header, `peer` becomes an
    /// attribute.
    ///
    /// # Errors
    /// When the message is empty.
    pub fn into_entry(
        self,
        names: &Names,
        peer: Option<IpAddr>,
        max_parsed_bytes: usize,
    ) -> Result<NewLogEntry, ValidationError> {
        let Self { priority, header, text } = self;
        let body = text.strip_prefix(CEE).unwrap_or(text);
        let body = if text.len() <= max_parsed_bytes { body } else { "" };
        let body = without_lone_surrogates(body);
        let parsed = Record::from_line(&body, names);
        let is_parsed = parsed.is_some();
        let mut record = parsed.unwrap_or_default();

        let host = header.host.map(str::to_owned);
        let has_host = host.is_some();
        add_header(&mut record, header);
        if let Some(priority) = priority {
            add(&mut record, "facility", priority.facility());
            if is_parsed || !priority.is_exact() {
                record.push_attribute(free_name(&record, "severity"), priority.severity());
            }
        }
        if let Some(peer) = peer.filter(|_| !has_host) {
            add(&mut record, "client.address", peer.to_canonical().to_string());
        }

        let message = (!text.trim().is_empty()).then(|| text.to_owned());
        let mut known = Defaults::default();
        let mut defaults = Defaults {
            level: priority.map(super::Priority::level),
            service: host.and_then(|host| ServiceName::truncated(&host)),
            ..Defaults::default()
        };
        if is_parsed {
            record.parsed_from(text);
            defaults.message = message;
        } else {
            known.message = message;
        }
        record.into_entry_with(names, known, defaults)
    }
}

/// Adds the fields of the header. The names `timereported` and `appname` are recognized as the time
/// and the service, but rank below those that loggers use.
fn add_header<'a>(record: &mut Record<'a>, header: Header<'a>) {
    if let Some(time) = header.time {
        add(record, "timereported", time);
    }
    for (name, value) in [
        ("hostname", header.host),
        ("appname", header.app),
        ("procid", header.process_id),
        ("msgid", header.message_id),
        ("sequence", header.sequence),
    ] {
        if let Some(value) = value {
            add(record, name, value);
        }
    }
    if !header.structured_data.is_empty() {
        let json = structured_data::to_json(&header.structured_data);
        record.push_json(free_name(record, "structured_data"), json);
    }
}

/// Adds a field of the header, unless the message has a field with this name and value.
fn add<'a>(record: &mut Record<'a>, name: &'static str, value: impl Into<Cow<'a, str>>) {
    let value = value.into();
    let same_name = record.fields().iter().find(|field| field.name == name);
    if same_name.is_none_or(|field| field.as_text() != value) {
        record.push_text(free_name(record, name), value);
    }
}

/// The name for a field of the header. It is changed if the message has a field with this name.
fn free_name(record: &Record<'_>, name: &'static str) -> Cow<'static, str> {
    let is_taken = record.fields().iter().any(|field| field.name == name);
    if is_taken { Cow::Owned(format!("syslog.{name}")) } else { Cow::Borrowed(name) }
}
