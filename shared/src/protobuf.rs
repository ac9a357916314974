//! The protobuf wire format. [`Fields`] reads a message without copying it, without a schema and
//! without recursion: a nested message is a slice of its parent.

/// The value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire<'a> {
    /// An integer, a boolean or an enum.
    Varint(u64),
    /// A number of eight bytes.
    Fixed64(u64),
    /// A string, bytes or a message.
    Bytes(&'a [u8]),
    /// A number of four bytes.
    Fixed32(u32),
}

/// The bytes are not a valid message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the protobuf message is malformed or incomplete")]
pub struct Malformed;

/// The fields of a message, each with its number. The iterator ends after an error.
#[derive(Debug, Clone)]
pub struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields of this message.
    #[must_use]
    pub fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn read(&mut self) -> Result<(u64, Wire<'a>), Malformed> {
        let key = self.varint()?;
        let number = key >> 3;
        let wire = match key & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => Wire::Fixed64(u64::from_le_bytes(*self.array()?)),
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.bytes(usize::try_from(length).map_err(|_| Malformed)?)?)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(*self.array()?)),
            // Groups, which current messages do not use.
            _ => return Err(Malformed),
        };
        if number == 0 { Err(Malformed) } else { Ok((number, wire)) }
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = *self.array()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<&'a [u8; LENGTH], Malformed> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(array)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(bytes)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Wire<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

/// Appends an integer field to a message.
pub fn push_varint(message: &mut Vec<u8>, field: u64, value: u64) {
    varint(message, field << 3);
    varint(message, value);
}

/// Appends a string, bytes or a nested message to a message.
pub fn push_bytes(message: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(message, field << 3 | 2);
    varint(message, bytes.len() as u64);
    message.extend_from_slice(bytes);
}

fn varint(message: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            message.push(low & 0x7f);
            return;
        }
        message.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_type_are_read() {
        let message = b"\x0a\x02ab\x10\xac\x02\x1d\x01\x00\x00\x00\x21\x02\x00\x00\x00\x00\x00\x00\x00\x12\x00";
        let fields: Result<Vec<_>, _> = Fields::of(message).collect();
        let expected = [
            (1, Wire::Bytes(b"ab")),
            (2, Wire::Varint(300)),
            (3, Wire::Fixed32(1)),
            (4, Wire::Fixed64(2)),
            (2, Wire::Bytes(b"")),
        ];
        assert_eq!(fields.unwrap(), expected);
    }

    #[test]
    fn written_fields_are_read_back() {
        let mut message = Vec::new();
        let long = vec![b'a'; 300];
        push_varint(&mut message, 1, u64::MAX);
        push_bytes(&mut message, 17, &long);
        let fields: Result<Vec<_>, _> = Fields::of(&message).collect();
        assert_eq!(fields.unwrap(), [(1, Wire::Varint(u64::MAX)), (17, Wire::Bytes(&long))]);
    }

    #[test]
    fn a_malformed_message_ends_with_an_error() {
        for (message, problem) in [
            (&b"\x0a\x03ab"[..], "a length beyond the end"),
            (b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a length of 2^64 - 1"),
            (b"\x0a", "no length"),
            (b"\x80", "an incomplete varint"),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a varint of eleven bytes"),
            (b"\x1d123", "an incomplete number"),
            (b"\x0b\x0c", "a group"),
            (b"\x02\x00", "a field number of zero"),
        ] {
            let fields: Vec<_> = Fields::of(message).collect();
            assert_eq!(fields, [Err(Malformed)], "{problem}");
        }
    }
}
