//! Splits a TCP stream into messages (RFC 6587). A message is preceded by its length
//! (`11 <13>message`), or ends with a line break or a NUL. Senders may mix both.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr2;

/// The smallest limit on the length of a message, which is longer than any header.
const MIN_LIMIT: usize = 256;

/// The maximum number of digits in the length before a message.
const MAX_LENGTH_DIGITS: usize = 10;

/// The part of a stream that has not been split yet.
#[derive(Debug)]
pub struct Frames {
    buffer: BytesMut,
    state: State,
    max_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Between two messages.
    Between,
    /// In a message with this many bytes left.
    Counted(u64),
    /// In a message that ends with a line break. This many bytes of the buffer contain none.
    Line(usize),
}

/// How the next message ends.
enum Framing {
    Counted {
        prefix: usize,
        length: u64,
    },
    Line,
    /// The next bytes decide.
    Unknown,
}

impl Frames {
    /// Splits a stream. Messages longer than `max_bytes` are split into several.
    #[must_use]
    pub fn new(max_bytes: usize) -> Self {
        let max_bytes = max_bytes.max(MIN_LIMIT);
        Self { buffer: BytesMut::new(), state: State::Between, max_bytes }
    }

    /// Adds bytes that were received.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Removes and returns the next complete message that is not blank. Once this returns `None`,
    /// the buffer is no longer than the longest message.
    pub fn next_message(&mut self) -> Option<Bytes> {
        loop {
            let frame = match self.state {
                State::Between => {
                    self.begin()?;
                    continue;
                }
                State::Counted(left) => self.take_counted(left)?,
                State::Line(searched) => self.take_line(searched)?,
            };
            if !is_blank(&frame) {
                return Some(frame);
            }
        }
    }

    /// The rest of a stream that has ended, unless it is blank.
    #[must_use]
    pub fn finish(self) -> Option<Bytes> {
        Some(self.buffer.freeze()).filter(|rest| !is_blank(rest))
    }

    /// Skips line breaks and determines how the next message ends.
    fn begin(&mut self) -> Option<()> {
        let breaks = self.buffer.iter().take_while(|byte| b"\r\n\0".contains(byte)).count();
        self.buffer.advance(breaks);
        match framing_of(&self.buffer) {
            Framing::Counted { prefix, length } => {
                self.buffer.advance(prefix);
                self.state = State::Counted(length);
            }
            Framing::Line => self.state = State::Line(0),
            Framing::Unknown => return None,
        }
        Some(())
    }

    fn take_counted(&mut self, left: u64) -> Option<Bytes> {
        let max_bytes = u64::try_from(self.max_bytes).unwrap_or(u64::MAX);
        if left > max_bytes {
            let part = self.take_part()?;
            self.state = State::Counted(left - part.len() as u64);
            return Some(part);
        }
        let length = usize::try_from(left).ok().filter(|length| *length <= self.buffer.len())?;
        self.state = State::Between;
        Some(self.take(length))
    }

    fn take_line(&mut self, searched: usize) -> Option<Bytes> {
        let end = memchr2(b'\n', b'\0', &self.buffer[searched..]).map(|found| searched + found);
        if let Some(end) = end.filter(|end| *end <= self.max_bytes) {
            self.state = State::Between;
            return Some(self.take(end));
        }
        let part = self.take_part();
        self.state = State::Line(if part.is_some() { 0 } else { self.buffer.len() });
        part
    }

    /// Removes the longest possible part of a message that is too long, unless the buffer is
    /// shorter. A UTF-8 sequence is not cut.
    fn take_part(&mut self) -> Option<Bytes> {
        let next = self.buffer.get(..=self.max_bytes)?;
        let is_start = |end: &usize| next[*end] & 0b1100_0000 != 0b1000_0000;
        let end = (self.max_bytes - 3..=self.max_bytes).rev().find(is_start);
        Some(self.take(end.unwrap_or(self.max_bytes)))
    }

    /// Removes bytes from the buffer. They are copied, because a short message would otherwise keep
    /// the whole buffer in memory.
    fn take(&mut self, length: usize) -> Bytes {
        let bytes = Bytes::copy_from_slice(&self.buffer[..length]);
        self.buffer.advance(length);
        bytes
    }
}

/// How the message at the beginning of `bytes` ends. A number is a length only if a priority
/// follows, because lines may begin with a number too.
fn framing_of(bytes: &[u8]) -> Framing {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > MAX_LENGTH_DIGITS || bytes.starts_with(b"0") {
        return Framing::Line;
    }
    let prefix = digits + 1;
    match (digits, &bytes[digits..]) {
        (_, []) | (1.., [b' ']) => Framing::Unknown,
        (1.., [b' ', b'<', ..]) => {
            let number = str::from_utf8(&bytes[..digits]).ok().and_then(|text| text.parse().ok());
            number.map_or(Framing::Line, |length| Framing::Counted { prefix, length })
        }
        _ => Framing::Line,
    }
}

/// Whether a message consists of white space and NULs only.
pub(crate) fn is_blank(message: &[u8]) -> bool {
    let is_blank = |char: char| char.is_whitespace() || char == '\0';
    str::from_utf8(message).is_ok_and(|text| text.chars().all(is_blank))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The messages of a stream that is received in these parts.
    fn messages(parts: &[&[u8]], max_bytes: usize) -> Vec<String> {
        let mut frames = Frames::new(max_bytes);
        let mut messages = Vec::new();
        for part in parts {
            frames.push(part);
            while let Some(message) = frames.next_message() {
                messages.push(message);
            }
            assert!(frames.buffer.len() <= frames.max_bytes, "the buffer is not bounded");
        }
        messages.extend(frames.finish());
        messages.iter().map(|message| String::from_utf8(message.to_vec()).unwrap()).collect()
    }

    #[test]
    fn a_stream_has_the_same_messages_wherever_it_is_split() {
        let stream = "<13>line\n9 <13>a\nb\nc<13>nul\0<13>crlf\r\n\n10 <13>größ\n7 <13>x y2026-11-27 text\n12 monkeys\n123\n<13>end";
        let expected = [
            "<13>line",
            "<13>a\nb\nc",
            "<13>nul",
            "<13>crlf\r",
            "<13>größ",
            "<13>x y",
            "2026-11-27 text",
            "12 monkeys",
            "123",
            "<13>end",
        ];
        let bytes = stream.as_bytes();
        for split in 0..=bytes.len() {
            let parts = [&bytes[..split], &bytes[split..]];
            assert_eq!(messages(&parts, 1000), expected, "split at {split}");
        }
        let parts: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(messages(&parts, 1000), expected);
    }

    #[test]
    fn a_wrong_length_loses_nothing() {
        for (stream, expected) in [
            ("5 <13>hello\n<13>b\n", &["<13>h", "ello", "<13>b"][..]),
            ("1000 <13>a\n<13>b\n", &["<13>a\n<13>b\n"]),
            ("9999999999 <13>a", &["<13>a"]),
            ("99999999999 <13>a\nb", &["99999999999 <13>a", "b"]),
            ("0 <13>a", &["0 <13>a"]),
            ("05 <13>a", &["05 <13>a"]),
            ("-1 <13>a", &["-1 <13>a"]),
            ("12", &["12"]),
            ("12 ", &["12 "]),
            (" \n\r\n\0", &[]),
            ("\u{b}\n\u{2003}", &[]),
            ("", &[]),
        ] {
            assert_eq!(messages(&[stream.as_bytes()], 1000), expected, "{stream}");
        }
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let line = "ü".repeat(MIN_LIMIT) + "\n<13>next\n";
        let counted = format!("{} <13>{}<13>next\n", 4 + 2 * MIN_LIMIT, "ü".repeat(MIN_LIMIT));
        for stream in [line, counted] {
            let messages = messages(&[stream.as_bytes()], 1);
            let (last, parts) = messages.split_last().unwrap();
            assert_eq!(last, "<13>next");
            assert!(parts.len() > 1 && parts.iter().all(|part| part.len() <= MIN_LIMIT));
            assert_eq!(parts.concat().trim_start_matches("<13>"), "ü".repeat(MIN_LIMIT));
        }
        let garbage = [0x80; 3 * MIN_LIMIT];
        let mut frames = Frames::new(1);
        frames.push(&garbage);
        let mut bytes = 0;
        while let Some(part) = frames.next_message() {
            bytes += part.len();
        }
        assert_eq!(bytes + frames.finish().unwrap().len(), garbage.len());
    }
}
