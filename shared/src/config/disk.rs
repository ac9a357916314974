//! What happens when the disk is almost full.

use std::str::FromStr;

use serde::Deserialize;

use super::value;

/// The highest share of the disk that can be required to be free, in percent.
const MAX_PERCENT: u8 = 50;

/// What happens when the disk of `DATA_DIR` is almost full.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default)]
pub struct DiskConfig {
    /// The least share of the disk that must be free. `DISK_MIN_FREE`, default 5%.
    #[serde(deserialize_with = "value::parsed")]
    pub disk_min_free: Percent,
    /// What happens when less is free. `ON_LOW_DISK`, default `refuse`.
    #[serde(deserialize_with = "value::parsed")]
    pub on_low_disk: OnLowDisk,
}

/// A share in percent: 0 to 50.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(pub u8);

/// What happens when the disk has too little free space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLowDisk {
    /// No entries are accepted until space is free.
    Refuse,
    /// The days that would be dropped next are dropped early.
    DropOldest,
}

impl Default for DiskConfig {
    fn default() -> Self {
        Self { disk_min_free: Percent(5), on_low_disk: OnLowDisk::Refuse }
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix('%').unwrap_or(text).trim_end().parse().ok();
        let number = number.filter(|number| *number <= MAX_PERCENT).map(Self);
        number.ok_or_else(|| format!("must be a whole percentage from 0% to {MAX_PERCENT}%"))
    }
}

impl FromStr for OnLowDisk {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "drop-oldest" => Ok(Self::DropOldest),
            _ => Err("must be refuse or drop-oldest"),
        }
    }
}
