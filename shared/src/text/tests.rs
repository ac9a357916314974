//! Properties of the text rules that hold for every input.

use proptest::prelude::*;

use super::*;

/// Texts of arbitrary characters and of those that the rules treat specially.
fn any_text() -> impl Strategy<Value = String> {
    let special = prop::sample::select(vec![
        "a",
        "B",
        "7",
        " ",
        "\t",
        "\u{1b}[31m",
        "\u{1b}",
        "[0m",
        "\u{301}",
        "\u{200b}",
        "\u{ad}",
        "İ",
        "ς",
        "Σ",
        "ß",
        "ﬃ",
        "Ｅ",
        "µ",
        "e\u{301}",
        "支",
        "付",
        "한",
        "\u{1112}\u{1161}",
        "ต่",
        "ｶﾞ",
        "🚀",
        "👨\u{200d}👩",
        "!=",
        "½",
        "ǆ",
        "\u{a8}",
        "\u{0}",
        "ŉ",
        "\u{390}",
    ]);
    let piece = prop_oneof![3 => special.prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn normalizing_twice_changes_nothing(text in any_text()) {
        let once = normalize(&text).into_owned();
        prop_assert_eq!(normalize(&once), once.as_str());
        let folded = fragment(&text);
        prop_assert_eq!(fragment(&folded), folded.as_str());
    }

    #[test]
    fn a_text_is_normalized_like_its_clusters(texts in prop::collection::vec(any_text(), 1..4), length in 0usize..200) {
        let text = texts.join(&"aB\t".repeat(length));
        let by_clusters = |text: &str, map: fn(&str) -> String| -> String {
            clusters(text).map(|(_, cluster)| map(cluster)).collect()
        };
        let normalized = normalize(&text).into_owned();
        prop_assert_eq!(&normalized, &by_clusters(&text, |cluster| normalize(cluster).into_owned()));
        prop_assert_eq!(fold(&normalized), by_clusters(&normalized, |cluster| fold(cluster).into_owned()));
    }

    #[test]
    fn every_fragment_of_whole_characters_is_found(text in any_text(), start in 0usize..20, length in 1usize..20) {
        let plain = strip_ansi(&text).into_owned();
        let pieces: Vec<&str> = clusters(&plain).map(|(_, cluster)| cluster).collect();
        let part = pieces.iter().skip(start).take(length).copied().collect::<String>();
        prop_assert!(searchable(&text).contains(&fragment(&part)), "{:?}", part);
    }

    #[test]
    fn a_text_that_contains_a_fragment_contains_its_grams(text in any_text(), start in 0usize..20, length in 1usize..20) {
        let text = searchable(&text);
        let part: String = text.chars().skip(start).take(length).collect();
        let mut all = std::collections::HashSet::new();
        grams(&text, |gram| { all.insert(gram.to_owned()); });
        for gram in fragment_grams(&part) {
            prop_assert!(all.contains(gram));
        }
        if (1..GRAM_CHARS).contains(&part.chars().count()) {
            prop_assert!(all.iter().any(|gram| gram.contains(&part)));
        }
    }

    #[test]
    fn located_texts_equal_those_without_positions(text in any_text()) {
        let located = LocatedText::without_ansi(&text).normalized();
        prop_assert_eq!(&located.text, &word_text(&text));
        let folded = located.folded();
        prop_assert_eq!(&folded.text, &fragment(&strip_ansi(&text)));
        for (start, c) in folded.text.char_indices() {
            let origin = folded.origin(start..start + c.len_utf8());
            prop_assert!(text.is_char_boundary(origin.start) && text.is_char_boundary(origin.end));
            prop_assert!(origin.start < origin.end);
        }
    }

    #[test]
    fn each_form_is_the_folded_text_at_its_position(text in any_text()) {
        let text = word_text(&text);
        for run in runs(&text) {
            run.located_forms(|range, form| assert_eq!(fold(&text[range]), form));
        }
    }
}
