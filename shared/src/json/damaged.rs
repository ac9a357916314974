//! Finds the end of an invalid JSON text.

use memchr::{memchr, memchr2};

/// The maximum depth to which brackets are tracked. Valid entries are nested less deeply.
const MAX_DEPTH: u32 = 24;

/// The end of the invalid text at the beginning of `text`: the next separator (a comma in an array,
/// otherwise a line break) or closing bracket outside of its strings and brackets.
///
/// # Errors
/// When its quotes or brackets do not match: the number of bytes that were read.
///
/// If a quote or a bracket is missing, everything after it seems to belong to the text. The
/// beginning of the next entry reveals this.
pub(super) fn end(text: &[u8], separator: u8) -> Result<usize, usize> {
    let mut brackets = Brackets::default();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at += string_length(&text[at..]).map_err(|read| at + read)?,
            b'{' if brackets.innermost() == Some(b'{') && !may_be_value(&text[..at]) => {
                return Err(at);
            }
            b'{' | b'[' => brackets.open(byte).ok_or(at)?,
            b'}' | b']' if brackets.depth > 0 => brackets.close(byte).ok_or(at)?,
            b']' if separator == b',' => return Ok(at),
            _ if byte == separator && brackets.depth == 0 => return Ok(at),
            _ => {}
        }
        at += 1;
    }
    if separator == b'\n' && brackets.depth == 0 { Ok(at) } else { Err(at) }
}

/// The end of the first object in an array, judging by the `},{` that follows it: the position of
/// the comma.
pub(super) fn next_comma(text: &[u8]) -> Option<usize> {
    let mut start = 0;
    loop {
        let brace = start + memchr(b'}', &text[start..])?;
        start = brace + 1;
        let after = text[start..].trim_ascii_start();
        if let Some(rest) = after.strip_prefix(b",")
            && rest.trim_ascii_start().starts_with(b"{")
        {
            return Some(text.len() - after.len());
        }
    }
}

/// The number of bytes before the closing quote. If there is none, or if the string is likely to be
/// the text between the strings of two entries, such as `"},{"`, the error is the number of bytes
/// that were read.
fn string_length(text: &[u8]) -> Result<usize, usize> {
    let mut at = 1;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        at += memchr2(b'"', b'\\', rest).ok_or(text.len())?;
        if text[at] == b'"' {
            break;
        }
        at += 2;
    }
    let next_entry = text[1..at].trim_ascii_end().strip_suffix(b"{");
    if next_entry.is_none_or(may_be_value) { Ok(at) } else { Err(at) }
}

/// Whether an object after this text may be a member of the innermost object, instead of the next
/// entry.
fn may_be_value(text: &[u8]) -> bool {
    !text.ends_with(b"\n") && !text.trim_ascii_end().ends_with(b",")
}

/// The open brackets, the innermost one in the lowest bit: 1 for `[`, 0 for `{`.
#[derive(Default)]
struct Brackets {
    kinds: u64,
    depth: u32,
}

impl Brackets {
    fn innermost(&self) -> Option<u8> {
        let kind = if self.kinds & 1 == 1 { b'[' } else { b'{' };
        (self.depth > 0).then_some(kind)
    }

    fn open(&mut self, bracket: u8) -> Option<()> {
        self.kinds = self.kinds << 1 | u64::from(bracket == b'[');
        self.depth += 1;
        (self.depth <= MAX_DEPTH).then_some(())
    }

    fn close(&mut self, bracket: u8) -> Option<()> {
        let matches = (self.innermost() == Some(b'[')) == (bracket == b']');
        self.kinds >>= 1;
        self.depth -= 1;
        matches.then_some(())
    }
}
