//! Receives the entries of a request from the decoders, one at a time.

use std::fmt;

use poem::http::StatusCode;
use shared::NewLogEntry;
use shared::http::Problem;
use shared::intake::shape::Names;
use shared::log_entry::ValidationError;

use crate::entry::{Entry, Stream};

/// Receives each entry, or why it is rejected.
pub(crate) type AddEntry<'a> =
    dyn FnMut(Result<NewLogEntry, ValidationError>) -> Result<(), Problem> + 'a;

/// Receives the entries of a request.
pub(crate) struct Sink<'a> {
    names: &'a Names,
    bounds: Bounds,
    add: &'a mut AddEntry<'a>,
    label_bytes: usize,
    problem: Option<Problem>,
}

/// Bounds on parts of a request that its entries repeat.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The maximum size of a line that is parsed. An entry contains a parsed line twice.
    pub parsed_line_bytes: usize,
    /// The maximum size of the labels in all entries. A stream contains its labels once.
    pub label_bytes: usize,
}

/// The request exceeds a bound, so decoding it stops. [`Sink::finish`] returns the problem.
#[derive(Debug, thiserror::Error)]
#[error("the request exceeds a limit")]
pub(crate) struct LimitExceeded;

impl<'a> Sink<'a> {
    pub(crate) fn new(names: &'a Names, bounds: Bounds, add: &'a mut AddEntry<'a>) -> Self {
        Self { names, bounds, add, label_bytes: 0, problem: None }
    }

    pub(crate) fn names(&self) -> &'a Names {
        self.names
    }

    /// Adds an entry of a stream.
    pub(crate) fn push(
        &mut self,
        stream: &Stream<'_>,
        entry: Entry<'_>,
    ) -> Result<(), LimitExceeded> {
        self.label_bytes = self.label_bytes.saturating_add(stream.bytes());
        if self.label_bytes > self.bounds.label_bytes {
            let max = self.bounds.label_bytes;
            let detail = format!("the labels of all entries exceed {max} bytes");
            return self.stop(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        self.add(entry.in_stream(stream, self.names, self.bounds.parsed_line_bytes))
    }

    /// Rejects an entry that cannot be decoded.
    pub(crate) fn reject(&mut self, reason: impl fmt::Display) -> Result<(), LimitExceeded> {
        self.add(Err(ValidationError::whole(&reason.to_string())))
    }

    /// Returns the problem if the request exceeds a bound.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        self.problem.map_or(Ok(()), Err)
    }

    fn add(&mut self, entry: Result<NewLogEntry, ValidationError>) -> Result<(), LimitExceeded> {
        match (self.add)(entry) {
            Ok(()) => Ok(()),
            Err(problem) => self.stop(problem),
        }
    }

    fn stop(&mut self, problem: Problem) -> Result<(), LimitExceeded> {
        self.problem = Some(problem);
        Err(LimitExceeded)
    }
}
