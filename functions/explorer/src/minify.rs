//! Makes scripts and styles smaller, without parsing them: a fifth of the source is comments and
//! indentation.

/// The operators that need no spaces around them.
const OPERATORS: [&str; 17] =
    ["=", "=>", "===", "!==", "<", ">", "<=", ">=", "&&", "||", "??", "?", ":", "+", "-", "*", "/"];

/// Removes comments at the beginnings of lines, comments that declare types, empty lines,
/// indentation, and spaces around operators and at braces.
///
/// A text of several lines must not depend on its indentation, and no text may contain `/** ` or
/// such spaces: a browser test compares what the scripts mean.
pub(crate) fn minify_script(source: &str) -> String {
    let mut minified = without_comments(source);
    for operator in OPERATORS {
        minified = minified.replace(&format!(" {operator} "), operator);
    }
    minified.replace("{ ", "{").replace(" {\n", "{\n").replace(" }", "}")
}

/// Removes comments, indentation, line breaks, and needless spaces and semicolons. A value of
/// several lines must break after a colon or a comma: a browser test compares what the styles mean.
pub(crate) fn minify_styles(source: &str) -> String {
    let minified: String = without_comments(source).lines().collect();
    minified.replace(" {", "{").replace(": ", ":").replace(", ", ",").replace(";}", "}")
}

fn without_comments(source: &str) -> String {
    let mut minified = String::with_capacity(source.len());
    let mut in_comment = false;
    for line in source.lines().map(str::trim_start) {
        in_comment = in_comment || line.starts_with("/*");
        let code = match line.split_once("*/") {
            Some((_, code)) if in_comment => {
                in_comment = false;
                code.trim_start()
            }
            _ if in_comment || line.starts_with("//") => "",
            _ => line,
        };
        if !code.is_empty() {
            push_without_types(&mut minified, code);
            minified.push('\n');
        }
    }
    minified
}

/// Appends the code without comments such as `/** @type {string} */`.
fn push_without_types(minified: &mut String, code: &str) {
    let mut rest = code;
    while let Some((before, comment)) = rest.split_once("/** ") {
        let Some((_, after)) = comment.split_once("*/") else { break };
        minified.push_str(before);
        rest = after.trim_start();
    }
    minified.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_spaces_are_removed() {
        for (source, expected) in [
            ("// The start.\nconst a = 1; // stays", "const a=1; // stays\n"),
            ("{\n  a = 'http://host/*';\n}", "{\na='http://host/*';\n}\n"),
            ("/*\n * Several lines.\n */\nb();", "b();\n"),
            ("  /** @type {A} */\n  c(d /* stays */);", "c(d /* stays */);\n"),
            ("  /** @type {A} */ (e).f('g' /* stays */);", "(e).f('g' /* stays */);\n"),
            ("h = /** @type {A} */ (i), j = (/** @type {B} */ k) => k;", "h=(i), j=(k)=>k;\n"),
            ("l = '/** stays';", "l='/** stays';\n"),
            (
                "import { m } from 'n';\n({ m }) => ({ a: m });",
                "import {m} from 'n';\n({m})=>({a: m});\n",
            ),
        ] {
            assert_eq!(minify_script(source), expected);
        }
    }

    #[test]
    fn styles_become_one_line() {
        assert_eq!(minify_styles("/* A. */\n\na {\n  b: c d;\n}\n\ne f {\n}\n"), "a{b:c d}e f{}");
    }
}
