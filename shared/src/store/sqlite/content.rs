//! The content of a packed entry: its columns as a JSON array, compressed to a zstd frame without the
//! magic number, which would be a twentieth of it.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;
use zstd::bulk::{Compressor, Decompressor};

use crate::log_entry::LogEntry;
use crate::store::rows::{Id, Row};

/// Higher levels are slower and hardly improve entries of this size.
const LEVEL: i32 = 3;

/// Limits the memory for a content: the JSON of the largest entry is 1 MiB, and escapes take up to
/// six bytes for one.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The first bytes of every zstd frame.
/// Source: <https://www.rfc-editor.org/rfc/rfc8878#section-3.1.1>
const MAGIC_NUMBER: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();

/// The columns of an entry without its id, in the order of [`Row`].
type Columns = (i64, String, String, String, Option<Box<RawValue>>, Option<String>, Option<String>);

/// Compresses contents with a dictionary, or decompresses them.
pub(super) struct Codec {
    /// The number of the dictionary; 0 if there is none.
    pub(super) dictionary: i64,
    content: Vec<u8>,
    // Created on first use, because only the last dictionary compresses.
    compressor: Mutex<Option<Compressor<'static>>>,
    decompressor: Mutex<Option<Decompressor<'static>>>,
}

impl Codec {
    pub(super) fn new(dictionary: i64, content: Vec<u8>) -> Self {
        Self { dictionary, content, compressor: Mutex::default(), decompressor: Mutex::default() }
    }

    /// The content of an entry.
    pub(super) fn pack(&self, entry: &LogEntry) -> io::Result<Vec<u8>> {
        let mut compressor = lock(&self.compressor);
        let compressor = match &mut *compressor {
            Some(compressor) => compressor,
            none => none.insert(self.new_compressor()?),
        };
        let mut frame = compressor.compress(&json(entry)?)?;
        frame.drain(..MAGIC_NUMBER.len());
        Ok(frame)
    }

    /// The row of an entry with this content.
    pub(super) fn unpack(&self, id: Id, content: &[u8]) -> io::Result<Row> {
        let json = self.decompress(content)?;
        let (timestamp, level, service_name, message, attributes, trace_id, span_id): Columns =
            serde_json::from_slice(&json)?;
        let attributes = attributes.map(|attributes| attributes.get().to_owned());
        Ok((id, timestamp, level, service_name, message, attributes, trace_id, span_id))
    }

    fn decompress(&self, content: &[u8]) -> io::Result<Vec<u8>> {
        let mut decompressor = lock(&self.decompressor);
        let decompressor = match &mut *decompressor {
            Some(decompressor) => decompressor,
            none => none.insert(Decompressor::with_dictionary(&self.content)?),
        };
        decompressor.decompress(&[&MAGIC_NUMBER, content].concat(), MAX_BYTES)
    }

    fn new_compressor(&self) -> io::Result<Compressor<'static>> {
        let mut compressor = Compressor::with_dictionary(LEVEL, &self.content)?;
        // The number of the dictionary is in a column.
        compressor.include_dictid(false)?;
        Ok(compressor)
    }
}

/// The columns of the entry as a JSON array.
pub(super) fn json(entry: &LogEntry) -> io::Result<Vec<u8>> {
    let columns = (
        entry.timestamp.as_micros(),
        entry.level.as_str(),
        entry.service_name.as_str(),
        &entry.message,
        &entry.attributes,
        &entry.trace_id,
        &entry.span_id,
    );
    Ok(serde_json::to_vec(&columns)?)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
