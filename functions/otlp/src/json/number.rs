//! Numbers, which may be strings in protobuf's JSON mapping.

use serde::Deserialize;
use serde::de::{self, Deserializer};
use serde_json::value::RawValue;

/// A number, or a string of one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Integer(i128);

impl Integer {
    pub(super) fn to_u64(self) -> u64 {
        u64::try_from(self.0).unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Integer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?.get();
        let text = json.trim_matches('"');
        let number = match text {
            "" | "null" => Ok(0),
            _ => text.parse::<i128>(),
        };
        let number = number.ok().or_else(|| text.parse().ok().map(integer_part));
        number.map(Self).ok_or_else(|| de::Error::custom(format_args!("{json} is not an integer")))
    }
}

/// The integer part of a number that JavaScript has written with an exponent.
#[expect(clippy::cast_possible_truncation, reason = "the fraction is dropped on purpose")]
fn integer_part(number: f64) -> i128 {
    number as i128
}

/// A `SeverityNumber`: a number, or its name such as `SEVERITY_NUMBER_INFO2`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SeverityNumber(pub(super) i64);

impl<'de> Deserialize<'de> for SeverityNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = <&RawValue>::deserialize(deserializer)?;
        let name = json.get().trim_matches('"').strip_prefix("SEVERITY_NUMBER_");
        let Some(name) = name else {
            let number = serde_json::from_str::<Integer>(json.get()).map_err(de::Error::custom)?;
            return Ok(Self(i64::try_from(number.0).unwrap_or_default()));
        };
        let base = name.trim_end_matches(['2', '3', '4']);
        let step = name[base.len()..].parse::<i64>().unwrap_or(1);
        let first = match base {
            "TRACE" => 1,
            "DEBUG" => 5,
            "INFO" => 9,
            "WARN" => 13,
            "ERROR" => 17,
            "FATAL" => 21,
            _ => return Ok(Self(0)),
        };
        Ok(Self(first - 1 + step))
    }
}
