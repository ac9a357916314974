//! Checksums of files.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};

/// The number of bytes that are read at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// The size and the SHA-256 of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileDigest {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

impl FileDigest {
    /// Reads the file.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        Self::of_copy(path, &mut io::sink())
    }

    /// Copies the file to `target`, and returns the digest of what has been copied.
    pub(super) fn of_copy(path: &Path, target: &mut impl Write) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut bytes = 0;
        let mut sha256 = Sha256::new();
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                return Ok(Self { bytes, sha256: hex(&sha256.finalize()) });
            }
            sha256.update(&buffer[..read]);
            target.write_all(&buffer[..read])?;
            bytes += read as u64;
        }
    }
}

/// The SHA-256 of a text, in hexadecimal digits.
pub(super) fn sha256(text: &str) -> String {
    hex(&Sha256::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
