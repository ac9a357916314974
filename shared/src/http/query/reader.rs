//! Reads the parameters of a query string one by one, and collects their errors.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use serde_json::Value;

use super::pairs::{self, Pair};
use super::types::ParameterType;
use crate::log_entry::{FieldError, ValidationError};

/// The maximum number of values of a list parameter without a limit of its own.
const MAX_VALUES: usize = 100;

/// The maximum number of unknown parameters in an error.
const MAX_UNKNOWN: usize = 10;

/// The maximum length of an unknown name in an error, in characters.
const MAX_NAME_CHARS: usize = 64;

/// The documentation of a parameter, without its type.
#[derive(Debug)]
pub struct Parameter {
    /// The name.
    pub name: &'static str,
    /// The description in the OpenAPI document.
    pub description: &'static str,
    /// An example of a value, as in a query string before it is encoded.
    pub example: &'static str,
    /// Its names in other services. An error for one of these names suggests this parameter.
    pub synonyms: &'static [&'static str],
}

/// The parameters of a query string that have not been read yet, and the errors so far.
#[derive(Debug)]
pub struct Reader {
    unread: Vec<Pair>,
    known: Vec<KnownParameter>,
    errors: Vec<FieldError>,
}

/// A parameter that was read.
#[derive(Debug)]
struct KnownParameter {
    parameter: Parameter,
    /// Builds the schema of a value.
    schema: fn() -> MetaSchema,
    /// The maximum number of values of a list.
    max_items: Option<usize>,
    default: Option<Value>,
}

impl Reader {
    pub(super) fn new(query: &str) -> Self {
        Self { unread: pairs::parse(query), known: Vec::new(), errors: Vec::new() }
    }

    /// Reads a parameter that may be absent.
    pub fn optional<T: ParameterType>(&mut self, parameter: Parameter) -> Option<T> {
        self.read(parameter, None)
    }

    /// Reads a parameter with a default.
    pub fn with_default<T>(&mut self, parameter: Parameter, default: T) -> T
    where
        T: ParameterType + Into<Value> + Copy,
    {
        self.read(parameter, Some(default.into())).unwrap_or(default)
    }

    /// Reads a parameter that may be repeated.
    pub fn many<T: ParameterType>(&mut self, parameter: Parameter) -> Vec<T> {
        self.at_most(MAX_VALUES, parameter)
    }

    /// Reads a parameter that may be repeated up to this many times.
    pub fn at_most<T: ParameterType>(&mut self, max: usize, parameter: Parameter) -> Vec<T> {
        let name = parameter.name;
        let schema = T::schema;
        let max_items = Some(max);
        let texts = self.take(KnownParameter { parameter, schema, max_items, default: None });
        if texts.len() > max {
            self.reject(name, format!("must appear at most {max} times"));
            return Vec::new();
        }
        self.parse(name, texts)
    }

    fn read<T: ParameterType>(
        &mut self,
        parameter: Parameter,
        default: Option<Value>,
    ) -> Option<T> {
        let name = parameter.name;
        let texts =
            self.take(KnownParameter { parameter, schema: T::schema, max_items: None, default });
        if texts.len() > 1 {
            self.reject(name, "must not be repeated");
            return None;
        }
        self.parse(name, texts).pop()
    }

    /// Removes a parameter's values from the unread pairs and returns them.
    fn take(&mut self, known: KnownParameter) -> Vec<Option<String>> {
        let name = known.parameter.name;
        self.known.push(known);
        self.unread.extract_if(.., |(other, _)| other == name).map(|(_, value)| value).collect()
    }

    /// Parses the values up to the first invalid one.
    fn parse<T: ParameterType>(&mut self, name: &str, texts: Vec<Option<String>>) -> Vec<T> {
        let mut values = Vec::new();
        for text in texts {
            let text = text.ok_or_else(|| "must be UTF-8, percent-encoded".to_owned());
            match text.and_then(T::parse) {
                Ok(value) => values.push(value),
                Err(detail) => {
                    self.reject(name, detail);
                    break;
                }
            }
        }
        values
    }

    fn reject(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(name, detail));
    }

    /// Ends reading; the remaining parameters are unknown.
    ///
    /// # Errors
    /// Each invalid parameter, and the first unknown ones.
    pub(super) fn finish(mut self) -> Result<(), ValidationError> {
        let mut unknown: Vec<String> = Vec::new();
        for (name, _) in std::mem::take(&mut self.unread) {
            if unknown.len() < MAX_UNKNOWN && !unknown.contains(&name) {
                unknown.push(name);
            }
        }
        for name in unknown {
            let detail = self.explain_unknown(&name);
            self.reject(&shorten(name), detail);
        }
        if self.errors.is_empty() { Ok(()) } else { Err(ValidationError::fields(self.errors)) }
    }

    fn explain_unknown(&self, name: &str) -> String {
        if self.known.is_empty() {
            return "unknown parameter; this operation has no query parameters".to_owned();
        }
        if name.is_empty() {
            return "the query string has a parameter without a name".to_owned();
        }
        let names: Vec<&str> = self.known.iter().map(|known| known.parameter.name).collect();
        let names = names.join(", ");
        match self.closest(&name.to_lowercase()) {
            Some(closest) => {
                format!("unknown parameter; did you mean {closest}? (valid parameters: {names})")
            }
            None => format!("unknown parameter; valid parameters: {names}"),
        }
    }

    /// The known parameter with the most similar name, if any is similar.
    fn closest(&self, unknown: &str) -> Option<&'static str> {
        let parameters = self.known.iter().map(|known| &known.parameter);
        let similar = parameters.filter_map(|one| Some((one.distance(unknown)?, one.name)));
        similar.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
    }

    /// The schema of each parameter that was read, by name.
    pub(super) fn into_schemas(self) -> Vec<(&'static str, MetaSchemaRef)> {
        let schemas = self.known.into_iter();
        schemas.map(|known| (known.parameter.name, inline(known.into_schema()))).collect()
    }
}

impl KnownParameter {
    fn into_schema(self) -> MetaSchema {
        let Parameter { description, example, .. } = self.parameter;
        let value = (self.schema)();
        let schema = if self.max_items.is_some() {
            MetaSchema {
                items: Some(Box::new(inline(value))),
                max_items: self.max_items,
                ..MetaSchema::new("array")
            }
        } else {
            value
        };
        let example = Some(example_of(&schema, example));
        MetaSchema { description: Some(description), example, default: self.default, ..schema }
    }
}

impl Parameter {
    /// The number of edits between an unknown name and this name or a synonym; `None` if more than
    /// a third of the characters differ.
    fn distance(&self, unknown: &str) -> Option<usize> {
        let names = std::iter::once(&self.name).chain(self.synonyms);
        let distances = names.filter_map(|name| {
            let distance = strsim::osa_distance(name, unknown);
            (distance * 3 <= name.len().max(unknown.chars().count())).then_some(distance)
        });
        distances.min()
    }
}

fn inline(schema: MetaSchema) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(schema))
}

/// The example as JSON.
fn example_of(schema: &MetaSchema, text: &str) -> Value {
    match schema.ty {
        "array" => vec![text].into(),
        "string" => text.into(),
        _ => serde_json::from_str(text).unwrap_or_default(),
    }
}

/// Truncates a long name.
fn shorten(name: String) -> String {
    match name.char_indices().nth(MAX_NAME_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}
