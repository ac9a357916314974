//! Space that is kept for dropping a day on a full disk: what is dropped is recorded first, and the
//! record needs a little space.

use std::io;
use std::path::{Path, PathBuf};

use tokio::fs;

/// More than SQLite writes to record a day, because other writers take a part of it.
const BYTES: usize = 4 * 1024 * 1024;

/// A file that is removed when its space is needed.
pub(super) struct Reserve {
    path: PathBuf,
}

impl Reserve {
    pub(super) fn new(data_dir: &Path) -> Self {
        Self { path: data_dir.join("reserve") }
    }

    /// Takes the space, unless it is held.
    pub(super) async fn hold(&self) -> io::Result<()> {
        if self.is_held().await { Ok(()) } else { fs::write(&self.path, vec![0; BYTES]).await }
    }

    /// Frees the space. Returns whether it was held.
    pub(super) async fn release(&self) -> io::Result<bool> {
        let is_held = self.is_held().await;
        match fs::remove_file(&self.path).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(is_held),
        }
    }

    async fn is_held(&self) -> bool {
        fs::metadata(&self.path).await.is_ok_and(|file| file.len() == BYTES as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_space_is_held_until_it_is_released() {
        let data_dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(data_dir.path());
        assert!(!reserve.release().await.unwrap());
        for _ in 0..2 {
            reserve.hold().await.unwrap();
            assert!(reserve.is_held().await);
        }
        assert!(reserve.release().await.unwrap());
        assert_eq!(std::fs::read_dir(data_dir.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_part_of_the_space_is_not_enough() {
        let data_dir = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(data_dir.path());
        std::fs::write(&reserve.path, [0; 100]).unwrap();
        assert!(!reserve.is_held().await);
        reserve.hold().await.unwrap();
        assert!(reserve.is_held().await);
    }
}
