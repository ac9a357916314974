//! Serve a function: listener, health, rate limit, problems, the OpenAPI document.
//! A function is an API of poem-openapi and the ports that it needs; everything else is here.

mod json;
mod problem;

pub use json::Json;
pub use problem::{Problem, Problems, Refusal};
