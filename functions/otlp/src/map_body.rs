//! A body that is a map. Shippers such as Fluent Bit send all fields of a record in it.

use std::sync::OnceLock;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use shared::NewLogEntry;
use shared::intake::shape::{Defaults, Meaning, Names, Record};
use shared::json::Text;
use shared::log_entry::{Attributes, Level, ServiceName, Timestamp, TraceId};

use crate::invalid::Invalid;
use crate::members::Members;
use crate::value::Any;

/// The values that a record contains outside its body.
#[derive(Debug)]
pub(crate) struct KnownValues {
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) observed: Option<Timestamp>,
    pub(crate) level: Option<Level>,
    pub(crate) service: Option<ServiceName>,
    pub(crate) trace_id: Option<TraceId>,
    pub(crate) span_id: Option<TraceId>,
}

/// Builds the entry of a record with this map as its body. Takes the message, and values that the
/// record lacks, from the fields with the names that loggers use. The map's other fields become
/// attributes.
pub(crate) fn entry(body: &Any<'_>, known: KnownValues) -> Result<NewLogEntry, Invalid> {
    let json = body.to_json()?;
    let names = names(&known);
    let defaults = Defaults {
        timestamp: known.timestamp.or(known.observed),
        level: known.level,
        service: known.service,
        ..Defaults::default()
    };
    let entry = Record::from_json(&json)?.into_entry(names, defaults)?;
    let trace_id = known.trace_id.or(entry.trace_id);
    let span_id = known.span_id.or(entry.span_id);
    Ok(NewLogEntry { trace_id, span_id, ..entry })
}

/// Adds the fields of an object as members.
pub(crate) fn add_fields<'a>(
    object: &'a Attributes,
    members: &mut Members<'a>,
) -> Result<(), Invalid> {
    let mut json = serde_json::Deserializer::from_str(object.as_str());
    Ok(json.deserialize_map(FieldsVisitor(members))?)
}

/// The field names to recognize in the body: those of values that the record lacks.
fn names(known: &KnownValues) -> &'static Names {
    static NAMES: [OnceLock<Names>; 32] = [const { OnceLock::new() }; 32];
    let known = [
        (Meaning::Time, known.timestamp.is_some()),
        (Meaning::Level, known.level.is_some()),
        (Meaning::Service, known.service.is_some()),
        (Meaning::TraceId, known.trace_id.is_some()),
        (Meaning::SpanId, known.span_id.is_some()),
    ];
    let index =
        known.iter().rev().fold(0, |index, (_, is_known)| index << 1 | usize::from(*is_known));
    NAMES[index].get_or_init(|| {
        let known = known.iter().filter(|(_, is_known)| *is_known);
        known.fold(Names::standard(), |names, (meaning, _)| names.without(*meaning))
    })
}

/// Adds the fields of an object to the members.
struct FieldsVisitor<'m, 'a>(&'m mut Members<'a>);

impl<'a> Visitor<'a> for FieldsVisitor<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((Text(name), value)) = map.next_entry::<Text<'a>, &'a RawValue>()? {
            self.0.add_json(name, value.get().as_bytes());
        }
        Ok(())
    }
}
