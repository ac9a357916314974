//! The JSON form of a push request, read one entry at a time:
//! `{"streams": [{"stream": {label: value, …}, "values": [[time, line, {name: value, …}], …]}, …]}`
//! The format of Loki before 0.4, which python-logging-loki sends by default, is also read:
//! `{"streams": [{"labels": "{label=\"value\"}", "entries": [{"ts": time, "line": line}, …]}, …]}`

use std::borrow::Cow;
use std::cell::OnceCell;
use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use shared::intake::shape::{Field, Record};
use shared::json::Text;

use crate::entry::{Entry, Stream, Time};
use crate::labels;
use crate::sink::Sink;

/// Passes the entries of a push request to the sink.
pub(crate) fn read(request: &str, sink: &mut Sink<'_>) -> serde_json::Result<()> {
    let mut json = serde_json::Deserializer::from_str(request);
    Request(sink).deserialize(&mut json)?;
    json.end()
}

struct Request<'s, 'a>(&'s mut Sink<'a>);

impl<'de> DeserializeSeed<'de> for Request<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Request<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with streams")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut has_streams = false;
        while let Some(Text(key)) = map.next_key()? {
            if key == "streams" {
                has_streams = true;
                map.next_value_seed(Streams(&mut *self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        if has_streams { Ok(()) } else { Err(A::Error::missing_field("streams")) }
    }
}

struct Streams<'s, 'a>(&'s mut Sink<'a>);

impl<'de> DeserializeSeed<'de> for Streams<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Streams<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of streams")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut streams: A) -> Result<(), A::Error> {
        while streams.next_element_seed(StreamSeed(&mut *self.0))?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

struct StreamSeed<'s, 'a>(&'s mut Sink<'a>);

impl<'de> DeserializeSeed<'de> for StreamSeed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for StreamSeed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stream")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(sink) = self;
        let label_text = OnceCell::new();
        let mut stream = None;
        let mut has_values = false;
        // The values, if they come before the labels.
        let mut values: Option<&RawValue> = None;
        while let Some(Text(key)) = map.next_key()? {
            has_values |= key == "values" || key == "entries";
            match (&*key, &stream) {
                ("stream", _) => {
                    let labels = members(map.next_value()?);
                    stream = Some(Stream::new(labels, sink.names()));
                }
                ("labels", None) => {
                    let Text(text) = map.next_value()?;
                    let labels = labels::parse_or_keep(label_text.get_or_init(|| text));
                    stream = Some(Stream::new(labels, sink.names()));
                }
                ("values" | "entries", Some(stream)) => {
                    map.next_value_seed(Values { stream, sink: &mut *sink })?;
                }
                ("values" | "entries", None) => values = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if !has_values {
            return Err(A::Error::missing_field("values"));
        }
        let Some(values) = values else { return Ok(()) };
        let stream = stream.unwrap_or_default();
        Values { stream: &stream, sink }.deserialize(values).map_err(A::Error::custom)
    }
}

struct Values<'v, 's, 'a> {
    stream: &'v Stream<'v>,
    sink: &'s mut Sink<'a>,
}

impl<'de> DeserializeSeed<'de> for Values<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Values<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while let Some(value) = values.next_element::<&RawValue>()? {
            match serde_json::from_str::<Entry<'_>>(value.get()) {
                Ok(entry) => self.sink.push(self.stream, entry),
                Err(error) => self.sink.reject(error),
            }
            .map_err(A::Error::custom)?;
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Entry<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of a time, a line and optionally an object of metadata")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Entry<'de>, A::Error> {
        let missing = |length| A::Error::invalid_length(length, &self);
        let time = parts.next_element()?.ok_or_else(|| missing(0))?;
        let Text(line) = parts.next_element()?.ok_or_else(|| missing(1))?;
        let metadata = members(parts.next_element()?.flatten());
        while parts.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Entry { time, line, metadata })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Entry<'de>, A::Error> {
        let mut time = Time::Unknown;
        let mut line = None;
        while let Some(Text(name)) = members.next_key()? {
            match &*name {
                "ts" => time = members.next_value()?,
                "line" => line = Some(members.next_value()?),
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        let Text(line) = line.ok_or_else(|| A::Error::missing_field("line"))?;
        Ok(Entry { time, line, metadata: Vec::new() })
    }
}

/// The members of an object, or of `null`.
fn members(object: Option<Record<'_>>) -> Vec<Field<'_>> {
    object.unwrap_or_default().into_fields()
}

impl<'de: 'a, 'a> Deserialize<'de> for Time<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TimeVisitor)
    }
}

/// Accepts numbers too, although Loki accepts only strings.
struct TimeVisitor;

impl<'de> Visitor<'de> for TimeVisitor {
    type Value = Time<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string with nanoseconds since 1970")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Time<'de>, E> {
        Ok(Time::parse(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Time<'de>, E> {
        Ok(Time::parse(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, nanos: u64) -> Result<Time<'de>, E> {
        Ok(Time::from_nanos(nanos.into()))
    }

    fn visit_i64<E>(self, nanos: i64) -> Result<Time<'de>, E> {
        Ok(Time::parse(Cow::Owned(nanos.to_string())))
    }

    fn visit_f64<E>(self, nanos: f64) -> Result<Time<'de>, E> {
        Ok(Time::parse(Cow::Owned(nanos.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Time<'de>, E> {
        Ok(Time::Unknown)
    }
}
