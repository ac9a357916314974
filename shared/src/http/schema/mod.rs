//! The OpenAPI schemas of the domain types, which do not depend on a web framework.
//! They are written by hand because only serde reads and writes these types.

mod disk_state;
mod entry_id;
mod field_error;
mod index_state;
mod log_entry;
mod timestamp;

pub use disk_state::DiskState;
pub use entry_id::PathId;
pub use index_state::IndexState;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};

/// Implements [`Type`](poem_openapi::types::Type) with a named schema, or with an inline one.
macro_rules! impl_type {
    ($type:ty, $name:literal, $schema:expr) => {
        super::impl_type!(
            @$type,
            $name,
            poem_openapi::registry::MetaSchemaRef::Reference($name.to_owned()),
            |registry: &mut poem_openapi::registry::Registry| {
                registry.create_schema::<Self, _>($name.to_owned(), |_| $schema);
            }
        );
    };
    (inline $type:ty, $name:literal, $schema:expr) => {
        super::impl_type!(
            @$type,
            $name,
            poem_openapi::registry::MetaSchemaRef::Inline(Box::new($schema)),
            |_: &mut poem_openapi::registry::Registry| {}
        );
    };
    (@$type:ty, $name:literal, $reference:expr, $register:expr) => {
        impl poem_openapi::types::Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;

            fn name() -> std::borrow::Cow<'static, str> {
                std::borrow::Cow::Borrowed($name)
            }

            fn schema_ref() -> poem_openapi::registry::MetaSchemaRef {
                $reference
            }

            fn register(registry: &mut poem_openapi::registry::Registry) {
                ($register)(registry);
            }

            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }

            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::once(self))
            }
        }
    };
}

use impl_type;

/// A field's name and schema.
type Field = (&'static str, MetaSchemaRef);

fn field(name: &'static str, schema: MetaSchema) -> Field {
    (name, MetaSchemaRef::Inline(Box::new(schema)))
}

fn string(description: &'static str) -> MetaSchema {
    MetaSchema { description: Some(description), ..MetaSchema::new("string") }
}
