//! The header of RFC 3164 and its dialects: `TIME HOST APP[PID]: MESSAGE`. The host or the app may
//! be missing, as in messages from Docker and the C library.

use super::{Header, time};
use crate::log_entry::Timestamp;

/// The longest name of a time zone in letters.
const MAX_ZONE_CHARS: usize = 5;

/// Parses a message after its priority. Returns the header and the message. Without a time, the
/// only header that is recognized is `APP[PID]:`.
pub(super) fn parse(text: &str, arrival: Timestamp) -> Option<(Header<'_>, &str)> {
    let text = text.trim_start_matches(' ');
    let (sequence, rest) = read_sequence(text);
    // A Cisco device may be configured to send its name before the time.
    let origin = rest.split_once(": ").filter(|(name, _)| is_host(name) && sequence.is_some());
    let read = |text| time::read(text, arrival);
    let (origin, read) = match read(rest) {
        Some(read) => (None, Some(read)),
        None => (origin.map(|(name, _)| name), origin.and_then(|(_, rest)| read(rest))),
    };
    let Some((time, rest)) = read else { return parse_tagged(text) };
    let header = Header { time: Some(time), sequence, host: origin, ..Header::default() };
    if rest.is_empty() {
        return Some((header, rest));
    }
    if let Some(message) = rest.strip_prefix(':') {
        return Some((header, after_space(message)));
    }
    parse_names(header, rest.strip_prefix(' ')?.trim_start_matches(' '))
}

/// Parses the part of a message after the time.
fn parse_names<'a>(header: Header<'a>, text: &'a str) -> Option<(Header<'a>, &'a str)> {
    if let Some(Tag { app, process_id, message }) = Tag::read(text) {
        // `CET: %SYS-5-…` is a zone with an unknown offset.
        if is_zone(app) && message.starts_with('%') {
            return None;
        }
        return Some((Header { app: Some(app), process_id, ..header }, message));
    }
    let Some((host, rest)) = text.split_once(' ').filter(|(host, _)| is_host(host)) else {
        return Some((header, text));
    };
    let host = (host != "-").then_some(host);
    if let Some(Tag { app, process_id, message }) = Tag::read(rest) {
        return Some((Header { host, app: Some(app), process_id, ..header }, message));
    }
    // Cisco's ASA writes `HOST : MESSAGE`.
    Some((Header { host, ..header }, rest.strip_prefix(": ").unwrap_or(rest)))
}

/// Parses a message without a time. A tag without a process id could be the beginning of the
/// message: `error: disk full`.
fn parse_tagged(text: &str) -> Option<(Header<'_>, &str)> {
    let Tag { app, process_id, message } = Tag::read(text)?;
    process_id?;
    Some((Header { app: Some(app), process_id, ..Header::default() }, message))
}

/// The tag before a message: `APP:`, `APP[PID]:` or `APP[PID]`.
struct Tag<'a> {
    app: &'a str,
    process_id: Option<&'a str>,
    message: &'a str,
}

impl<'a> Tag<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let end = text.find(|c: char| c.is_whitespace() || matches!(c, ':' | '['))?;
        let (app, rest) = text.split_at(end);
        // Cisco's messages begin with `%FACILITY-SEVERITY-MNEMONIC:`.
        if app.is_empty() || app.starts_with(['%', '"', '{', '(', '<']) {
            return None;
        }
        let (process_id, rest) = match rest.strip_prefix('[') {
            Some(inner) => {
                let (id, rest) = inner.split_once(']')?;
                let is_id = !id.is_empty() && !id.contains(char::is_whitespace);
                (Some(is_id.then_some(id)?), rest)
            }
            None => (None, rest),
        };
        let after_colon = rest.strip_prefix(':');
        let message = after_colon.or(process_id.map(|_| rest))?;
        let is_separated = message.is_empty() || message.starts_with(char::is_whitespace);
        let has_both = process_id.is_some() && after_colon.is_some();
        (is_separated || has_both).then(|| Self { app, process_id, message: after_space(message) })
    }
}

/// Reads the sequence number of a Cisco device: `29: `.
fn read_sequence(text: &str) -> (Option<&str>, &str) {
    match text.split_once(": ") {
        Some((number, rest))
            if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            (Some(number), rest)
        }
        _ => (None, text),
    }
}

/// Whether the text may be the name or the address of a host.
fn is_host(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:/%".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

fn is_zone(text: &str) -> bool {
    text.len() <= MAX_ZONE_CHARS && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn after_space(text: &str) -> &str {
    text.strip_prefix(' ').unwrap_or(text)
}
