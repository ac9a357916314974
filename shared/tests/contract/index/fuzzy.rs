//! Fuzzy queries, and the order of their hits.

use super::{Fixture, add, by_relevance, fuzzy, messages, opensearch, tantivy, text};
use crate::entries::entry;

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [
        longer_fuzzy_words_allow_more_edits,
        a_fuzzy_word_with_punctuation_requires_all_parts,
        exact_matches_come_first_by_relevance,
    ]
}

async fn longer_fuzzy_words_allow_more_edits(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    add(index, &[entry("connection timeout at db"), entry("disk full")]).await;
    for (words, hits) in [
        ("timeout", 1),
        ("timeuot", 1),   // adjacent letters swapped
        ("tmeout", 1),    // one letter missing
        ("timeoutxy", 1), // two extra letters
        ("tixxxut", 0),   // three wrong letters
        ("dsik", 1),      // one edit, one allowed
        ("dsikk", 0),     // two edits, one allowed
        ("DB", 1),
        ("dx", 0), // two characters must match exactly
        ("conection timeuot", 1),
        ("timeuot disk", 0),
    ] {
        assert_eq!(messages(index, &fuzzy(words)).await.len(), hits, "{words}");
        let relevant = by_relevance(fuzzy(words));
        assert_eq!(messages(index, &relevant).await.len(), hits, "{words}");
    }
    assert!(messages(index, &text("timeuot")).await.is_empty());
}

async fn a_fuzzy_word_with_punctuation_requires_all_parts(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    add(index, &[entry("payment-service failed")]).await;
    assert_eq!(messages(index, &fuzzy("paymnet-servcie")).await.len(), 1);
    assert!(messages(index, &fuzzy("paymnet-unknown")).await.is_empty());
}

async fn exact_matches_come_first_by_relevance(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let exact = "a long message in which the word timeout stands among many others that say little";
    add(index, &[entry(exact), entry("timeouts timeoutx"), entry("timeouts")]).await;
    let found = messages(index, &by_relevance(fuzzy("timeout"))).await;
    assert_eq!(found.len(), 3);
    assert_eq!(found[0], exact);
}
