//! Reads the parameters of a query string one by one, and collects what is wrong with them.

use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use serde_json::Value;

use super::pairs::{self, Pair};
use super::types::ParameterType;
use crate::log_entry::{FieldError, ValidationError};

/// How often a parameter that is a list may be repeated.
const MAX_REPETITIONS: usize = 100;

/// How many unknown parameters an error names.
const MAX_UNKNOWN: usize = 10;

/// The longest unknown name that an error repeats, in characters.
const MAX_NAME_CHARS: usize = 64;

/// What the document says about a parameter besides its type.
#[derive(Debug)]
pub struct Parameter {
    /// The name.
    pub name: &'static str,
    /// The meaning.
    pub description: &'static str,
    /// An example of a value, as in a query string before it is encoded.
    pub example: &'static str,
    /// What other services call it. They are not accepted, but explained.
    pub synonyms: &'static [&'static str],
}

/// The parameters of a query string that have not been read yet, and the errors so far.
#[derive(Debug)]
pub struct Reader {
    unread: Vec<Pair>,
    known: Vec<Known>,
    errors: Vec<FieldError>,
}

/// A parameter that was read.
#[derive(Debug)]
struct Known {
    name: &'static str,
    synonyms: &'static [&'static str],
    schema: MetaSchema,
}

impl Reader {
    pub(super) fn new(query: &str) -> Self {
        Self { unread: pairs::parse(query), known: Vec::new(), errors: Vec::new() }
    }

    /// Reads a parameter that may be absent.
    pub fn optional<T: ParameterType>(&mut self, parameter: Parameter) -> Option<T> {
        let name = parameter.name;
        let texts = self.take(parameter, T::schema());
        if texts.len() > 1 {
            self.reject(name, "must not be repeated");
        }
        self.parse(name, texts).pop()
    }

    /// Reads a parameter with a default.
    pub fn with_default<T>(&mut self, parameter: Parameter, default: T) -> T
    where
        T: ParameterType + Into<Value> + Copy,
    {
        let value = self.optional(parameter);
        if let Some(known) = self.known.last_mut() {
            known.schema.default = Some(default.into());
        }
        value.unwrap_or(default)
    }

    /// Reads a parameter that may be repeated.
    pub fn many<T: ParameterType>(&mut self, parameter: Parameter) -> Vec<T> {
        let name = parameter.name;
        let items = MetaSchemaRef::Inline(Box::new(T::schema()));
        let schema = MetaSchema {
            items: Some(Box::new(items)),
            max_items: Some(MAX_REPETITIONS),
            ..MetaSchema::new("array")
        };
        let texts = self.take(parameter, schema);
        if texts.len() > MAX_REPETITIONS {
            self.reject(name, format!("must not be repeated more than {MAX_REPETITIONS} times"));
            return Vec::new();
        }
        self.parse(name, texts)
    }

    /// Takes the values of a parameter out of the query string.
    fn take(&mut self, parameter: Parameter, schema: MetaSchema) -> Vec<Option<String>> {
        let Parameter { name, description, example, synonyms } = parameter;
        let example = Some(example_of(&schema, example));
        let schema = MetaSchema { description: Some(description), example, ..schema };
        self.known.push(Known { name, synonyms, schema });
        self.unread.extract_if(.., |(other, _)| other == name).map(|(_, value)| value).collect()
    }

    fn parse<T: ParameterType>(&mut self, name: &str, texts: Vec<Option<String>>) -> Vec<T> {
        let mut values = Vec::new();
        for text in texts {
            let text = text.ok_or_else(|| "must be UTF-8, percent-encoded".to_owned());
            match text.and_then(T::parse) {
                Ok(value) => values.push(value),
                Err(detail) => self.reject(name, detail),
            }
        }
        values
    }

    fn reject(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(FieldError { field: name.to_owned(), detail: detail.into() });
    }

    /// Ends reading: parameters that are left are unknown.
    ///
    /// # Errors
    /// Each unknown and each invalid parameter.
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
        let name = name.to_lowercase();
        let closest = self
            .known
            .iter()
            .rev()
            .max_by(|one, other| one.similarity(&name).total_cmp(&other.similarity(&name)));
        let names: Vec<&str> = self.known.iter().map(|known| known.name).collect();
        match (closest.map(|known| known.name), names.as_slice()) {
            (None, _) => "unknown parameter; this operation has none".to_owned(),
            (Some(only), [_]) => format!("unknown parameter; the only known one is {only}"),
            (Some(closest), [others @ .., last]) => {
                let others = others.join(", ");
                format!(
                    "unknown parameter; did you mean {closest}? (known are {others} and {last})"
                )
            }
            (Some(_), []) => String::new(),
        }
    }

    /// The schema of each parameter that was read, by name.
    pub(super) fn into_schemas(self) -> Vec<(&'static str, MetaSchemaRef)> {
        let inline = |schema| MetaSchemaRef::Inline(Box::new(schema));
        self.known.into_iter().map(|known| (known.name, inline(known.schema))).collect()
    }
}

impl Known {
    /// How close an unknown name is to this one or to a synonym, from 0 to 1.
    fn similarity(&self, unknown: &str) -> f64 {
        let names = std::iter::once(&self.name).chain(self.synonyms);
        names.map(|name| strsim::jaro_winkler(name, unknown)).fold(0.0, f64::max)
    }
}

/// The example as JSON.
fn example_of(schema: &MetaSchema, text: &str) -> Value {
    match schema.ty {
        "array" => vec![text].into(),
        "string" => text.into(),
        _ => serde_json::from_str(text).unwrap_or_default(),
    }
}

/// The name, cut off if it is long.
fn shorten(name: String) -> String {
    match name.char_indices().nth(MAX_NAME_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name,
    }
}
