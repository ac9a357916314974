//! The free space of a disk.

use std::io;
use std::path::Path;

use crate::error::Error;

/// The size of a file system, as `df` shows it: without what is reserved for root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes that can be written.
    pub free: u64,
    /// Bytes that can be written or are in use.
    pub size: u64,
}

impl Space {
    /// The space of the file system that contains the path.
    ///
    /// # Errors
    /// When the path does not exist or cannot be read.
    pub fn of(path: &Path) -> io::Result<Self> {
        let stats = rustix::fs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stats.f_frsize);
        let free = bytes(stats.f_bavail);
        let used = bytes(stats.f_blocks.saturating_sub(stats.f_bfree));
        Ok(Self { free, size: free.saturating_add(used) })
    }

    /// Whether less than this share of the space is free.
    #[must_use]
    pub fn has_less_than(&self, percent: u8) -> bool {
        u128::from(self.free) * 100 < u128::from(self.size) * u128::from(percent)
    }
}

/// Why a disk needs someone's attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskState {
    /// It is about to have too little free space.
    Low,
    /// It has too little free space, so no entries are accepted.
    Refusing,
    /// It had too little free space, so the oldest days have been dropped.
    Dropping,
}

/// No entries are accepted, because the disk has too little free space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("less than {min_free} % of the disk is free (DISK_MIN_FREE), so no entries are accepted")]
pub struct LowDisk {
    /// The least share of the disk that must be free, in percent.
    pub min_free: u8,
}

impl LowDisk {
    /// The cause of the error, if it is this one.
    pub(crate) fn cause_of(error: &Error) -> Option<&Self> {
        match error {
            Error::Unavailable { source, .. } => source.downcast_ref(),
            Error::Failed { .. } | Error::Rejected { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_space_is_compared_exactly() {
        let space = Space { free: 5, size: 100 };
        assert!(space.has_less_than(6));
        assert!(!space.has_less_than(5));
        assert!(!space.has_less_than(0));
        let large = Space { free: u64::MAX / 2, size: u64::MAX };
        assert!(large.has_less_than(50) && !large.has_less_than(49));
        let none = Space { free: 0, size: 0 };
        assert!(!none.has_less_than(5));
    }

    #[test]
    fn the_space_of_a_directory_is_known() {
        let space = Space::of(&std::env::temp_dir()).unwrap();
        assert!(space.free <= space.size && space.size > 0, "{space:?}");
        assert!(Space::of(Path::new("/no/such/path")).is_err());
    }
}
