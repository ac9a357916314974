//! Records of the queue, parsed in parts of a limited number of lines.

use bytes::Bytes;
use shared::LogEntry;
use shared::query::Subject;
use shared::queue::{Position, Record};

use crate::progress::Point;

/// The maximum number of lines of a part. Every part is matched against every client's filters without
/// a pause.
const MAX_LINES: usize = 100;

/// The approximate memory of a line besides its JSON.
const LINE_COST: usize = 512;

/// A part of a record.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) partition: i32,
    /// The point after the part.
    pub(crate) end: Point,
    pub(crate) lines: Vec<Line>,
}

/// An entry of a record.
#[derive(Debug)]
pub(crate) struct Line {
    /// The point after the line.
    pub(crate) end: Point,
    pub(crate) entry: LogEntry,
    pub(crate) json: Bytes,
}

impl Part {
    /// The entries, ready for conditions to be evaluated.
    pub(crate) fn subjects(&self) -> Vec<Subject<'_>> {
        self.lines.iter().map(|line| Subject::new(&line.entry)).collect()
    }

    /// The approximate memory of the part.
    pub(crate) fn cost(&self) -> usize {
        LINE_COST + self.lines.iter().map(|line| line.json.len() + LINE_COST).sum::<usize>()
    }
}

/// Parses a record. Lines that are not entries are skipped.
pub(crate) fn parts(position: Position, record: &Record) -> Vec<Part> {
    let Position { partition, offset } = position;
    let lines: Vec<&[u8]> = record.as_bytes().split(|byte| *byte == b'\n').collect();
    let after = |number: usize| match u32::try_from(number) {
        Ok(read) if number < lines.len() => Point { offset, lines: read },
        _ => Point::after(offset),
    };
    let mut parts = Vec::with_capacity(lines.len().div_ceil(MAX_LINES));
    let mut number = 0;
    for chunk in lines.chunks(MAX_LINES) {
        let mut part = Vec::with_capacity(chunk.len());
        for line in chunk {
            number += 1;
            if let Ok(entry) = LogEntry::from_json(line) {
                // A copy, so that a line in memory does not keep the whole record.
                let json = Bytes::copy_from_slice(line);
                part.push(Line { end: after(number), entry, json });
            }
        }
        parts.push(Part { partition, end: after(number), lines: part });
    }
    parts
}
