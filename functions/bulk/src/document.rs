//! Turns a document into an entry.

use shared::intake::shape::{Defaults, Names, Record};
use shared::json::{without_extensions, without_lone_surrogates};
use shared::log_entry::{ServiceName, ValidationError};
use shared::{Arrival, EntryId, NewLogEntry};

use crate::action::Action;
use crate::items::{Item, Items};

/// Passes the entry of each document, or why it is invalid, to a closure. The fuzz target uses
/// this.
///
/// # Errors
/// When actions and documents in the body cannot be told apart.
pub fn decode(
    body: &[u8],
    names: &Names,
    arrival: &Arrival,
    mut visit: impl FnMut(Result<NewLogEntry, ValidationError>),
) -> Result<(), String> {
    for item in Items::of(body, None) {
        let Item { action, document } = item.map_err(|error| error.to_string())?;
        visit(entry(&action, document, names, arrival));
    }
    Ok(())
}

/// Turns the document of an action into an entry. Invalid UTF-8 and lone surrogates become U+FFFD.
pub(crate) fn entry(
    action: &Action<'_>,
    document: &[u8],
    names: &Names,
    arrival: &Arrival,
) -> Result<NewLogEntry, ValidationError> {
    let document = String::from_utf8_lossy(document);
    let document = without_lone_surrogates(&document);
    let repaired;
    let mut record = match Record::from_json(&document) {
        Ok(record) => record,
        Err(error) => {
            repaired = without_extensions(&document).ok_or(error)?;
            Record::from_json(&repaired)?
        }
    };
    let index = action.index.as_deref();
    let foreign_id = action.id.as_deref().filter(|id| own_id(id, arrival).is_none());
    for (name, value) in [("index", index), ("_id", foreign_id)] {
        if let Some(value) = value {
            record.push_attribute(name, value);
        }
    }
    let defaults =
        Defaults { service: index.and_then(ServiceName::truncated), ..Defaults::default() };
    let entry = record.into_entry(names, defaults)?;
    let id = id(action, &entry, arrival);
    // A derived id may not contain the time of arrival.
    let timestamp = entry.timestamp.or_else(|| foreign_id.map(|_| arrival.time()));
    Ok(NewLogEntry { id, timestamp, ..entry })
}

/// The entry's id for a document that has an `_id`.
fn id(action: &Action<'_>, entry: &NewLogEntry, arrival: &Arrival) -> Option<EntryId> {
    let id = action.id.as_deref()?;
    let index = action.index.as_deref().unwrap_or_default();
    let derive = || arrival.derive_id(&[index, id], entry.timestamp);
    Some(own_id(id, arrival).unwrap_or_else(derive))
}

/// The client's id, if LogPulse could have assigned it.
fn own_id(id: &str, arrival: &Arrival) -> Option<EntryId> {
    id.parse().ok().filter(|id| arrival.accepts(*id))
}
