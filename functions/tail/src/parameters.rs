//! The query parameters: the filters of a search without a range of time, and what to send.

use poem_openapi::registry::MetaSchema;
use shared::Timestamp;
use shared::http::{Filters, Parameter, ParameterType, Parameters, Reader, WholeNumber};
use shared::query::TimeExpression;

use crate::progress::EventId;

const FROM: Parameter = Parameter {
    name: "from",
    description: "Where to start: the id of an event, to continue after it, or a time, to begin with \
                  the entries that arrived since then and are still on the queue. Default: now. The \
                  header `Last-Event-ID` takes precedence.",
    example: "-5m",
    synonyms: &["since", "start", "last_event_id"],
};

const LIMIT: Parameter = Parameter {
    name: "limit",
    description: "The number of entries after which the stream ends. Default: it does not end.",
    example: "1",
    synonyms: &["count", "size"],
};

const SAMPLE: Parameter = Parameter {
    name: "sample",
    description: "Send one of this number of matching entries, chosen at random: `1/100`.",
    example: "1/1",
    synonyms: &["sampling", "rate"],
};

/// The largest `limit`.
const MAX_LIMIT: u32 = 1_000_000_000;

/// The values of the parameters.
pub(crate) struct TailParameters {
    pub(crate) filters: Filters,
    pub(crate) from: Option<StartAt>,
    pub(crate) limit: Option<u64>,
    pub(crate) sample: u64,
}

/// Where to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StartAt {
    /// After an event.
    Event(EventId),
    /// At a time.
    Time(Timestamp),
}

impl Parameters for TailParameters {
    fn read(query: &mut Reader) -> Self {
        Self {
            filters: Filters::read_without_time(query),
            from: query.optional(FROM),
            limit: query.optional(LIMIT).map(|limit: WholeNumber<1, MAX_LIMIT>| limit.0.into()),
            sample: query.optional(SAMPLE).map_or(1, |SampleRate(sample)| sample),
        }
    }
}

impl ParameterType for StartAt {
    fn schema() -> MetaSchema {
        MetaSchema::new("string")
    }

    fn parse(text: String) -> Result<Self, String> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Event(id));
        }
        let time = <TimeExpression as ParameterType>::parse(text);
        time.map(|time| Self::Time(time.start))
            .map_err(|error| format!("must be the id of an event or a time: {error}"))
    }
}

/// One of a number of entries: `1/n`.
struct SampleRate(u64);

impl ParameterType for SampleRate {
    fn schema() -> MetaSchema {
        let pattern = "^1/[1-9][0-9]{0,5}$".to_owned();
        MetaSchema { pattern: Some(pattern), ..MetaSchema::new("string") }
    }

    fn parse(text: String) -> Result<Self, String> {
        let number = text
            .strip_prefix("1/")
            .filter(|digits| digits.len() <= 6 && digits.bytes().all(|byte| byte.is_ascii_digit()));
        match number.and_then(|digits| digits.parse().ok()) {
            Some(number) if number > 0 => Ok(Self(number)),
            _ => Err("must be 1/ and a whole number from 1 to 999999, such as 1/100".to_owned()),
        }
    }
}
