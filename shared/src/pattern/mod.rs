//! Patterns: messages that differ only in their values have the same template.
//!
//! * [`template`] replaces the variable parts of a message by placeholders. It runs before an entry
//!   is indexed, so that both indexes store the same template and its counts are exact.
//! * [`PatternId`] identifies a template.
//! * [`key()`] is the text that an index stores.
//! * [`merge()`] combines templates that differ in values which no rule recognizes, such as names of
//!   users. It runs at query time on the templates that a query finds.
//! * [`values()`] returns the variable parts of a message, and [`placeholders()`] those of a template.
//!
//! # Rules
//!
//! A template is made of the first line that is not empty, without terminal escape sequences. Runs
//! of white space become a single space.
//!
//! | placeholder | masks | examples |
//! |---|---|---|
//! | `<number>` | integers, decimals and their signs | `-5`, `1,234.5`, `1e+06`, `blk_-42` -> `blk_<number>` |
//! | | at least three digits at the end of a word | `KB3108664` -> `KB<number>`, `error404` -> `error<number>` |
//! | `<size>` | a number and a unit of bytes | `10.5 KB`, `512M`, `3GiB` |
//! | `<duration>` | a number and a unit up to days; ISO 8601 | `12ms`, `0.5 s`, `1m30.5s`, `PT1.5S` |
//! | `<time>` | dates, times of day, or both | `2015-10-18 18:01:47,978`, `Jun 14 15:16:01` |
//! | `<ip>`, `<port>` | IPv4 and IPv6 addresses, and the port that follows | `10.0.0.1:80` -> `<ip>:<port>` |
//! | `<mac>` | MAC addresses | `00:1b:44:11:3a:b7` |
//! | `<host>` | names with a common top-level domain and a digit in their first label | `web3.example.com` |
//! | `<email>` | e-mail addresses | `alice@example.com` |
//! | `<uuid>` | UUIDs | `0b4c9a0e-1111-2222-3333-444455556666` |
//! | `<hex>` | `0x` and digits; hexadecimal words of at least seven characters with a digit | `0xE0000340`, `4f2a9bc` |
//! | `<id>` | words in which letters and digits alternate | `x2k9p`, `5f8c9d7b66-x2k9p` |
//! | | several numbers joined with letters or `_` | `attempt_1445_0020_m_02` -> `attempt_<id>` |
//! | `<version>` | numbers with two dots or more, or with a `v` | `1.2.3-rc.1`, `v1.2` |
//! | `<string>` | quoted strings | `user "bob"` -> `user "<string>"` |
//!
//! Punctuation around a variable part is kept: `pid=12` becomes `pid=<number>`, `95%` becomes
//! `<number>%`, and `/users/12/orders?limit=50` becomes `/users/<number>/orders?limit=<number>`. A
//! quoted string that is one value becomes that value's placeholder (`"10.0.0.1"` -> `"<ip>"`).
//!
//! These are not masked:
//!
//! * Words with one or two digits (`eth0`, `utf8`, `v2`, `ssh2`, `h2`, `4xx`, `thread12`) and names
//!   such as `sha256`, `x86_64`, `UTF-8` and `HTTP/1.1`.
//! * Hexadecimal words without a digit (`deadbeef`).
//! * Keys of objects (`{"user": …`), requests (`"GET / HTTP/1.1"`) and the values of fields that
//!   describe the event (`msg="…"`, `"level":"…"`). Values in the last two are masked by the other
//!   rules.
//! * Digits and quotes other than ASCII's, and strings that are not closed.

mod id;
mod merge;
mod partition;
mod placeholder;
mod quoted;
mod rules;
mod scanner;
mod tokens;
mod values;
mod words;

pub use id::PatternId;
pub use merge::{Group, merge};
pub use values::{placeholders, values};

use std::borrow::Cow;
use std::ops::Range;

use crate::text::strip_ansi;
use scanner::Piece;

/// The maximum length of a template, and of the part of a message from which it is made.
pub const MAX_TEMPLATE_BYTES: usize = 1024;

/// The template of a message: its first line, in which placeholders replace the variable parts. See
/// the [rules](self#rules).
///
/// Only the first [`MAX_TEMPLATE_BYTES`] of the message are read, and the template is not longer
/// either. Except for contrived texts, a template is its own template.
///
/// ```
/// let template = shared::pattern::template("Connection from 10.0.0.1 port 22 closed");
/// assert_eq!(template, "Connection from <ip> port <number> closed");
/// ```
#[must_use]
pub fn template(message: &str) -> String {
    build(&first_line(message), |_, _, _| {})
}

/// The text that an index stores for a message: its pattern's id, a space and its template. The id
/// is a prefix, so that it alone finds the entries.
#[must_use]
pub fn key(message: &str) -> String {
    let template = template(message);
    key_of(PatternId::of(&template), &template)
}

/// The [`key()`] of a template.
#[must_use]
pub fn key_of(id: PatternId, template: &str) -> String {
    id.prefix() + template
}

/// The id and the template in a [`key()`].
#[must_use]
pub fn parse_key(key: &str) -> Option<(PatternId, &str)> {
    let (id, template) = key.split_once(' ')?;
    Some((id.parse().ok()?, template))
}

/// The template of a line. Calls `on_piece` with each piece, its range in the template and its
/// range in the line.
fn build(line: &str, mut on_piece: impl FnMut(Piece, Range<usize>, Range<usize>)) -> String {
    let mut template = String::with_capacity(line.len() + 48);
    let mut is_full = false;
    scanner::scan(line, |piece, range| {
        let text = match piece {
            Piece::Literal => &line[range.clone()],
            Piece::Space => " ",
            Piece::Variable(placeholder) => placeholder.as_str(),
        };
        is_full |= template.len() + text.len() > MAX_TEMPLATE_BYTES;
        if !is_full {
            let start = template.len();
            template.push_str(text);
            on_piece(piece, start..template.len(), range);
        }
    });
    template.truncate(template.trim_ascii_end().len());
    template
}

/// The first line that is not empty, without terminal escape sequences.
fn first_line(message: &str) -> Cow<'_, str> {
    let message = message.trim_ascii_start();
    let start = &message[..message.floor_char_boundary(MAX_TEMPLATE_BYTES)];
    let line = |line| match strip_ansi(line) {
        Cow::Borrowed(line) => Cow::Borrowed(line.trim_ascii()),
        // The removal may have created another sequence.
        Cow::Owned(line) => Cow::Owned(line.replace('\u{1b}', "").trim_ascii().to_owned()),
    };
    start.split('\n').map(line).find(|line| !line.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
