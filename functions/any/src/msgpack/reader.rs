//! Reads `MessagePack` from memory. Lengths are not trusted: nothing is allocated for them, and
//! reading beyond the end fails.

/// The maximum number of open arrays and maps.
const MAX_DEPTH: usize = 64;

/// Why a body is not valid `MessagePack`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// A length exceeds the remaining bytes.
    #[error("it is truncated or contains a wrong length")]
    Truncated,
    /// A value is nested too deeply.
    #[error("values must not be nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// The name of a field is an array or a map.
    #[error("the name of a field must not be an array or a map")]
    Name,
    /// No value begins with this byte.
    #[error("no value begins with the byte {0:#x}")]
    Marker(u8),
}

/// A scalar, or the beginning of an array or a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    SmallFloat(f32),
    Text(&'a [u8]),
    Bytes(&'a [u8]),
    Extension(i8, &'a [u8]),
    /// The number of elements.
    Array(u32),
    /// The number of fields.
    Map(u32),
}

/// The part of a body that has not been read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The number of unread bytes.
    pub(super) fn len(self) -> usize {
        self.0.len()
    }

    /// Consumes a whole value and returns a reader for it.
    pub(super) fn value(&mut self) -> Result<Reader<'a>, Malformed> {
        let start = self.0;
        self.skip()?;
        Ok(Reader(&start[..start.len() - self.len()]))
    }

    /// Returns the next token without consuming it.
    pub(super) fn peek(mut self) -> Result<Token<'a>, Malformed> {
        self.token()
    }

    /// Reads a token.
    pub(super) fn token(&mut self) -> Result<Token<'a>, Malformed> {
        let marker = self.byte()?;
        Ok(match marker {
            0x00..=0x7f => Token::Unsigned(marker.into()),
            0x80..=0x8f => Token::Map(u32::from(marker & 0x0f)),
            0x90..=0x9f => Token::Array(u32::from(marker & 0x0f)),
            0xa0..=0xbf => Token::Text(self.take(usize::from(marker & 0x1f))?),
            0xc0 => Token::Nil,
            0xc1 => return Err(Malformed::Marker(marker)),
            0xc2 | 0xc3 => Token::Bool(marker == 0xc3),
            0xc4..=0xc6 => Token::Bytes(self.sized(1 << (marker - 0xc4))?),
            0xc7..=0xc9 => self.extension(1 << (marker - 0xc7))?,
            0xca => Token::SmallFloat(f32::from_be_bytes(self.array()?)),
            0xcb => Token::Float(f64::from_be_bytes(self.array()?)),
            0xcc..=0xcf => Token::Unsigned(self.number(1 << (marker - 0xcc))?),
            0xd0 => Token::Signed(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Token::Signed(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Token::Signed(i32::from_be_bytes(self.array()?).into()),
            0xd3 => Token::Signed(i64::from_be_bytes(self.array()?)),
            0xd4..=0xd8 => self.extension_of(1 << (marker - 0xd4))?,
            0xd9..=0xdb => Token::Text(self.sized(1 << (marker - 0xd9))?),
            0xdc | 0xdd => Token::Array(self.length(2 << (marker - 0xdc))?),
            0xde | 0xdf => Token::Map(self.length(2 << (marker - 0xde))?),
            0xe0..=0xff => Token::Signed(i8::from_be_bytes([marker]).into()),
        })
    }

    /// Skips a whole value without recursion.
    fn skip(&mut self) -> Result<(), Malformed> {
        // The number of values still to be read in each open array and map.
        let mut open: Vec<u64> = Vec::new();
        loop {
            let values = match self.token()? {
                Token::Array(length) => length.into(),
                Token::Map(length) => 2 * u64::from(length),
                _ => 0,
            };
            if values > 0 {
                if open.len() == MAX_DEPTH {
                    return Err(Malformed::TooDeep);
                }
                open.push(values);
                continue;
            }
            loop {
                let Some(missing) = open.last_mut() else { return Ok(()) };
                *missing -= 1;
                if *missing > 0 {
                    break;
                }
                open.pop();
            }
        }
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(*array)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed::Truncated)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Reads an unsigned number of `bytes` bytes.
    fn number(&mut self, bytes: usize) -> Result<u64, Malformed> {
        Ok(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Reads a length of `bytes` bytes, at most four.
    fn length(&mut self, bytes: usize) -> Result<u32, Malformed> {
        u32::try_from(self.number(bytes)?).map_err(|_| Malformed::Truncated)
    }

    /// Reads bytes that are preceded by their length.
    fn sized(&mut self, length_bytes: usize) -> Result<&'a [u8], Malformed> {
        let length = self.length(length_bytes)?;
        self.take(usize::try_from(length).map_err(|_| Malformed::Truncated)?)
    }

    fn extension(&mut self, length_bytes: usize) -> Result<Token<'a>, Malformed> {
        let length = self.length(length_bytes)?;
        self.extension_of(usize::try_from(length).map_err(|_| Malformed::Truncated)?)
    }

    fn extension_of(&mut self, length: usize) -> Result<Token<'a>, Malformed> {
        let kind = i8::from_be_bytes(self.array()?);
        Ok(Token::Extension(kind, self.take(length)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(bytes: &[u8]) -> Token<'_> {
        let mut reader = Reader::new(bytes);
        let token = reader.token().unwrap();
        assert!(reader.is_empty(), "{bytes:x?}");
        token
    }

    #[test]
    fn every_kind_of_token_is_read() {
        for (bytes, expected) in [
            (&[0x7f][..], Token::Unsigned(127)),
            (&[0xff], Token::Signed(-1)),
            (&[0xc0], Token::Nil),
            (&[0xc3], Token::Bool(true)),
            (&[0xcc, 200], Token::Unsigned(200)),
            (&[0xcd, 1, 0], Token::Unsigned(256)),
            (&[0xce, 0, 1, 0, 0], Token::Unsigned(65_536)),
            (&[0xcf, 0xff, 255, 255, 255, 255, 255, 255, 255], Token::Unsigned(u64::MAX)),
            (&[0xd0, 0x80], Token::Signed(-128)),
            (&[0xd1, 0xff, 0], Token::Signed(-256)),
            (&[0xd2, 0x80, 0, 0, 0], Token::Signed(i32::MIN.into())),
            (&[0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0], Token::Signed(i64::MIN)),
            (&[0xca, 0x3f, 0x80, 0, 0], Token::SmallFloat(1.0)),
            (&[0xcb, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0], Token::Float(1.0)),
            (&[0xa1, b'a'], Token::Text(b"a")),
            (&[0xd9, 1, b'a'], Token::Text(b"a")),
            (&[0xda, 0, 1, b'a'], Token::Text(b"a")),
            (&[0xdb, 0, 0, 0, 1, b'a'], Token::Text(b"a")),
            (&[0xc4, 1, 7], Token::Bytes(&[7])),
            (&[0xc6, 0, 0, 0, 1, 7], Token::Bytes(&[7])),
            (&[0xd4, 5, 7], Token::Extension(5, &[7])),
            (&[0xc7, 0, 0xff], Token::Extension(-1, &[])),
            (&[0xc8, 0, 1, 0, 7], Token::Extension(0, &[7])),
            (&[0x82], Token::Map(2)),
            (&[0xde, 1, 0], Token::Map(256)),
            (&[0xdf, 0, 1, 0, 0], Token::Map(65_536)),
            (&[0x9f], Token::Array(15)),
            (&[0xdd, 0, 0, 0, 1], Token::Array(1)),
        ] {
            assert_eq!(token(bytes), expected, "{bytes:x?}");
        }
    }

    #[test]
    fn a_value_is_read_with_all_of_its_elements() {
        let bytes = [0x92, 0x81, 0xa1, b'a', 0x92, 1, 2, 0x90, 0xc0];
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.value().unwrap().len(), 8);
        assert_eq!(reader.token(), Ok(Token::Nil));
    }

    #[test]
    fn a_wrong_length_is_an_error() {
        for bytes in [
            &[0xdb, 0xff, 0xff, 0xff, 0xff, b'a'][..],
            &[0xdd, 0xff, 0xff, 0xff, 0xff, 1],
            &[0xdf, 0xff, 0xff, 0xff, 0xff, 1, 1],
            &[0xc9, 0xff, 0xff, 0xff, 0xff, 1, 1],
            &[0x81, 0xa1],
            &[0xcb, 1],
            &[0x91],
            &[],
        ] {
            assert_eq!(Reader::new(bytes).value().unwrap_err(), Malformed::Truncated, "{bytes:x?}");
        }
        assert_eq!(Reader::new(&[0xc1]).value().unwrap_err(), Malformed::Marker(0xc1));
    }

    #[test]
    fn the_depth_of_a_value_is_bounded() {
        let nested = |depth: usize| [vec![0x91; depth], vec![0xc0]].concat();
        assert!(Reader::new(&nested(MAX_DEPTH)).value().is_ok());
        assert_eq!(Reader::new(&nested(10_000)).value().unwrap_err(), Malformed::TooDeep);
    }
}
