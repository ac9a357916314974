//! Writes the pages of an export in its format and compresses them.

use std::io;
use std::mem::take;

use shared::LogEntry;

use crate::compression::Compressor;
use crate::format::Format;

/// Writes entries, a page at a time.
pub(crate) struct Writer {
    format: Format,
    /// What precedes the next entries.
    text: Vec<u8>,
    compressor: Compressor,
}

impl Writer {
    pub(crate) fn new(format: Format, compressor: Compressor) -> Self {
        Self { format, text: format.header(), compressor }
    }

    /// Writes a page. Returns what is ready to be sent, and the writer unless this was the last
    /// page.
    pub(crate) fn write(
        mut self,
        entries: &[LogEntry],
        is_last: bool,
    ) -> io::Result<(Vec<u8>, Option<Self>)> {
        let mut text = take(&mut self.text);
        self.format.write(entries, &mut text);
        if is_last {
            return Ok((self.compressor.finish(text)?, None));
        }
        Ok((self.compressor.write(text)?, Some(self)))
    }
}
