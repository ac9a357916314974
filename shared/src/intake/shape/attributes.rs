//! The attributes of an entry: the fields of its record that the entry does not represent.

use std::collections::HashSet;

use super::{Field, Record};
use crate::json::push_string;
use crate::log_entry::{Attributes, ValidationError};

/// The field that holds attributes in LogPulse's own format. Its fields become attributes.
const ATTRIBUTES: &str = "attributes";

/// Builds the attributes from the fields that are not `represented` by the entry.
pub(super) fn build(
    record: &Record<'_>,
    represented: &[bool],
) -> Result<Option<Attributes>, ValidationError> {
    let is_kept = |(field, is_represented): (_, &bool)| (!is_represented).then_some(field);
    let kept: Vec<&Field<'_>> =
        record.fields().iter().zip(represented).filter_map(is_kept).chain(record.extra()).collect();
    let mut others = HashSet::new();
    if kept.iter().any(|field| field.name == ATTRIBUTES) {
        let names = kept.iter().map(|field| field.name.as_ref());
        others.extend(names.filter(|name| *name != ATTRIBUTES));
    }
    let mut json = String::from("{");
    for field in &kept {
        let members = (field.name == ATTRIBUTES).then(|| field.value().object()).flatten();
        match members.filter(|members| is_disjoint(members, &others)) {
            Some(members) => members.fields().iter().for_each(|member| member.write(&mut json)),
            None => field.write(&mut json),
        }
    }
    if json.len() == 1 {
        return Ok(None);
    }
    json.push('}');
    let attributes = Attributes::parse(json).or_else(|_| Attributes::parse(as_strings(&kept)));
    attributes.map(Some).map_err(|detail| ValidationError::field(ATTRIBUTES, detail))
}

/// Whether an object has none of these fields.
fn is_disjoint(object: &Record<'_>, others: &HashSet<&str>) -> bool {
    !object.fields().iter().any(|field| others.contains(field.name.as_ref()))
}

/// The attributes as JSON. A value that attributes cannot contain, for example because it nests too
/// deeply, becomes a string that contains its JSON.
fn as_strings(fields: &[&Field<'_>]) -> String {
    let mut json = String::from("{");
    for field in fields {
        let mut alone = String::from("{");
        field.write(&mut alone);
        alone.push('}');
        if Attributes::parse(alone).is_ok() {
            field.write(&mut json);
            continue;
        }
        let mut value = String::new();
        field.value().write(&mut value);
        if json.len() > 1 {
            json.push(',');
        }
        push_string(&field.name, &mut json);
        json.push(':');
        push_string(&value, &mut json);
    }
    json.push('}');
    json
}
