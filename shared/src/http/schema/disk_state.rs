//! The schema of the disk's state.

use poem_openapi::Enum;
use serde::Serialize;

use crate::disk;

/// A state of the disk that needs attention: `low` if it will soon have too little free space
/// (`DISK_MIN_FREE`), `refusing` if it has, so no entries are accepted, `dropping` if the oldest days
/// are being dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub enum DiskState {
    /// It will soon have too little free space.
    Low,
    /// It has too little free space, so no entries are accepted.
    Refusing,
    /// It had too little free space, so the oldest days are being dropped.
    Dropping,
}

impl From<disk::DiskState> for DiskState {
    fn from(state: disk::DiskState) -> Self {
        match state {
            disk::DiskState::Low => Self::Low,
            disk::DiskState::Refusing => Self::Refusing,
            disk::DiskState::Dropping => Self::Dropping,
        }
    }
}
