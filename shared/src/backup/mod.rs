//! Backs up the embedded queue and store while LogPulse runs, and restores them.
//!
//! A backup is a directory:
//!
//! ```text
//! manifest.json                        lists the files, with their sizes and checksums
//! files/queue.<checksum>.db            the queue and its dead letters
//! files/store.<checksum>.db            the catalogue of the store
//! files/2026-11-27.<checksum>.db       the entries of a day
//! backup.lock                          locked while the backup is written or read
//! ```
//!
//! Every file is an SQLite database that has been copied within one transaction. The next backup
//! copies those that have changed, removes those whose day has been dropped, and replaces the
//! manifest last. Files are never overwritten, so that the previous backup stays complete until
//! then. The index is not part of it: LogPulse rebuilds it from the store.
//!
//! The queue is copied before the store. An entry that was acknowledged before is in the copy of
//! the queue, or the consumer had stored it, so that it is in the copy of the store. Many are in
//! both: after a restore, they are delivered again, which is harmless.

mod back_up;
mod digest;
mod directory;
mod fingerprint;
mod manifest;
mod restore;

pub use self::back_up::{BackedUp, back_up};
pub use self::restore::{Restore, require_complete, require_empty};

/// A number of files, and their size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// The number of files.
    pub files: usize,
    /// Their size.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }
}

#[cfg(test)]
mod tests;
