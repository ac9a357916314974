//! Parses stream labels in their text form, as in protobuf: `{job="nginx", level="info"}`.

use shared::intake::shape::{Field, quoted};

/// Parses the labels. Returns `None` if the text has another form.
pub(crate) fn parse(text: &str) -> Option<Vec<Field<'_>>> {
    let mut rest = text.trim().strip_prefix('{')?.trim_start();
    let mut labels = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix('}') {
            return end.is_empty().then_some(labels);
        }
        let (label, after) = label(rest)?;
        labels.push(label);
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start(),
            None => after.starts_with('}').then_some(after)?,
        };
    }
}

/// Parses the labels. Text of another form becomes the value of a label named `labels`.
pub(crate) fn parse_or_keep(text: &str) -> Vec<Field<'_>> {
    parse(text).unwrap_or_else(|| vec![Field::text("labels", text)])
}

/// Reads a label. Returns it and the rest.
fn label(text: &str) -> Option<(Field<'_>, &str)> {
    let (name, rest) = if text.starts_with('"') {
        quoted::read(text)?
    } else {
        let end = text.find(|c: char| c.is_whitespace() || "=!~{},\"".contains(c))?;
        (text[..end].into(), &text[end..])
    };
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    let (value, rest) = quoted::read(value)?;
    (!name.is_empty()).then(|| (Field::text(name, value), rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_names_with_quoted_values() {
        for (text, expected) in [
            ("{}", &[][..]),
            (" { } ", &[]),
            (r#"{a="b"}"#, &[("a", "b")]),
            (
                r#"{level="info",app="storefront", x = "" ,}"#,
                &[("level", "info"), ("app", "storefront"), ("x", "")],
            ),
            (
                r#"{path="C:\\logs\\a.log",text="say \"hi\", {you}"}"#,
                &[("path", r"C:\logs\a.log"), ("text", r#"say "hi", {you}"#)],
            ),
            (r#"{"service.name"=`a\b`,größe="µ"}"#, &[("service.name", r"a\b"), ("größe", "µ")]),
        ] {
            let expected: Vec<Field<'_>> =
                expected.iter().map(|(name, value)| Field::text(*name, *value)).collect();
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_text_is_not_parsed_as_labels() {
        for text in [
            "",
            "{",
            r#"{a="b""#,
            r#"{a="b"} x"#,
            r#"{a="b" c="d"}"#,
            r#"{a="say "hi""}"#,
            "{a=b}",
            r#"{a!="b"}"#,
            r#"{="b"}"#,
            r#"{""="b"}"#,
            "{,}",
            r#"a="b""#,
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
