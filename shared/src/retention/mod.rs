//! How long entries are kept, by day of arrival.
//!
//! The setting `RETENTION` has a default and up to eight rules. When an entry is accepted, the
//! first rule that it meets decides its [`Class`], which never changes. Stores and indexes keep the
//! entries of each class and day together, so that a day of a class can be dropped as a whole.

mod class;
mod part;
mod setting;

pub use class::Class;
pub use part::Part;
pub use setting::{Keep, Retention, RetentionError};
