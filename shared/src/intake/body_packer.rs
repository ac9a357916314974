//! Packs the entries of a body one at a time, because a list of all of them could be large.

use poem::http::StatusCode;

use super::{Outcome, Packed, Packer};
use crate::http::{DecodedBody, Problem};
use crate::log_entry::{NewLogEntry, ValidationError};

/// Packs the entries of a body, and reserves memory for them.
pub struct BodyPacker {
    body: DecodedBody,
    packer: Packer,
    position: usize,
}

impl BodyPacker {
    /// Packs the entries of this body. Also returns the bytes of the body; the memory reserved for
    /// them counts towards that of the entries.
    #[must_use]
    pub fn new(mut body: DecodedBody, packer: Packer) -> (Vec<u8>, Self) {
        let bytes = std::mem::take(&mut body.bytes);
        (bytes, Self { body, packer, position: 0 })
    }

    /// Packs or rejects the next entry.
    ///
    /// # Errors
    /// When there are too many entries or they are too large (413), or not enough memory is free
    /// (503).
    pub fn push<E: Into<ValidationError>>(
        &mut self,
        entry: Result<NewLogEntry, E>,
    ) -> Result<(), Problem> {
        self.packer
            .push(self.position, entry)
            .map_err(|error| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))?;
        self.position += 1;
        self.body.reserve_entries(self.packer.bytes())
    }

    /// The entries, and the body, which keeps their memory reserved until they are published.
    ///
    /// # Errors
    /// The same as [`BodyPacker::push`].
    pub fn finish(self) -> Result<(Packed<Outcome>, DecodedBody), Problem> {
        let Self { mut body, packer, .. } = self;
        let entries = packer.finish();
        body.reserve(entries.bytes())?;
        Ok((entries, body))
    }
}
