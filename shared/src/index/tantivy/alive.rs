//! Finds documents that have not been deleted. tantivy's queries also find deleted ones, until a
//! merge removes them.

use tantivy::query::Weight;
use tantivy::{DocId, SegmentReader};

/// Calls `on_docs` with blocks of the documents that the weight finds in a segment, in order.
pub(super) fn for_each(
    weight: &dyn Weight,
    segment: &SegmentReader,
    mut on_docs: impl FnMut(&[DocId]),
) -> tantivy::Result<()> {
    let Some(alive) = segment.alive_bitset() else {
        return weight.for_each_no_score(segment, &mut on_docs);
    };
    let mut docs = Vec::new();
    weight.for_each_no_score(segment, &mut |block| {
        docs.clear();
        docs.extend(block.iter().copied().filter(|doc| alive.is_alive(*doc)));
        on_docs(&docs);
    })
}

/// Calls `on_doc` with the documents that the weight finds in a segment, in order, and their scores.
pub(super) fn for_each_scored(
    weight: &dyn Weight,
    segment: &SegmentReader,
    mut on_doc: impl FnMut(DocId, f32),
) -> tantivy::Result<()> {
    let alive = segment.alive_bitset();
    weight.for_each(segment, &mut |doc, score| {
        if alive.is_none_or(|alive| alive.is_alive(doc)) {
            on_doc(doc, score);
        }
    })
}
