//! Patterns.

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
pub use values::values;

use std::borrow::Cow;
use std::ops::Range;

use crate::text::strip_ansi;
use scanner::Piece;

/// The maximum length of a template, and of the part of a message from which it is made.
pub const MAX_TEMPLATE_BYTES: usize = 1024;

/// The template of a message.
#[must_use]
pub fn template(message: &str) -> String {
    build(&first_line(message), |_, _, _| {})
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
    let line = start.split('\n').next().unwrap_or_default();
    match strip_ansi(line) {
        Cow::Borrowed(line) => Cow::Borrowed(line.trim_ascii()),
        Cow::Owned(line) => Cow::Owned(line.trim_ascii().to_owned()),
    }
}
