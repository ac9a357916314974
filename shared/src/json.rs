//! Splits a body into JSON texts, so that an invalid one does not affect the others, and repairs
//! texts.

mod damaged;
mod extended;
mod surrogates;
mod text;
mod values;

pub use extended::without_extensions;
pub use surrogates::{replace_lone_surrogates, without_lone_surrogates};
pub use text::{Text, push_string};
pub use values::{IncompleteArray, Values, values};

use serde::de::IgnoredAny;

/// The text without the byte order mark with which some editors begin a file.
#[must_use]
pub fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// The length of the JSON text at the beginning of `text`. It may contain invalid UTF-8 and invalid
/// escapes in strings.
fn length(text: &[u8]) -> serde_json::Result<usize> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    values.next().transpose()?;
    Ok(values.byte_offset())
}
