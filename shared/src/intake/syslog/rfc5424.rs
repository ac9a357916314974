//! The header of RFC 5424: `1 TIME HOST APP PROCID MSGID STRUCTURED-DATA MESSAGE`.

use super::{Header, structured_data};
use crate::log_entry::Timestamp;

/// Parses a message after its priority. Returns the header and the message. Structured data that is
/// malformed is left in the message.
pub(super) fn parse(text: &str) -> Option<(Header<'_>, &str)> {
    let rest = text.strip_prefix("1 ")?;
    let (time, rest) = field(rest)?;
    if time.is_some_and(|time| Timestamp::parse_lenient(time).is_err()) {
        return None;
    }
    let (host, rest) = field(rest)?;
    let (app, rest) = field(rest)?;
    let (process_id, rest) = field(rest)?;
    let (message_id, rest) = field(rest)?;
    let (structured_data, rest) = match rest.strip_prefix('-') {
        Some(after) if after.is_empty() || after.starts_with(' ') => (Vec::new(), after),
        _ => structured_data::parse(rest).unwrap_or((Vec::new(), rest)),
    };
    let message = rest.strip_prefix(' ').unwrap_or(rest);
    let time = time.map(Into::into);
    let header =
        Header { time, host, app, process_id, message_id, structured_data, sequence: None };
    // The byte order mark only says that the message is UTF-8.
    Some((header, message.strip_prefix('\u{feff}').unwrap_or(message)))
}

/// Reads a field, which is `-` if it has no value. Returns it and the text after the next space.
fn field(text: &str) -> Option<(Option<&str>, &str)> {
    let (field, rest) = text.split_once(' ').unwrap_or((text, ""));
    (!field.is_empty()).then_some(((field != "-").then_some(field), rest))
}
