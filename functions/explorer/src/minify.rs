//! Makes scripts and styles smaller, without parsing them: a fifth of the source is comments and
//! indentation.

/// The operators that need no spaces around them.
const OPERATORS: [&str; 17] =
    ["=", "=>", "===", "!==", "<", ">", "<=", ">=", "&&", "||", "??", "?", ":", "+", "-", "*", "/"];

/// Removes comments at the beginnings of lines, comments that declare types, indentation, and
/// spaces around operators and at braces. A line keeps its number, so that browsers report
/// those of the source.
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

/// Removes comments, indentation and empty lines.
pub(crate) fn minify_styles(source: &str) -> String {
    let minified = without_comments(source);
    let lines = minified.lines().filter(|line| !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
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
        push_without_types(&mut minified, code);
        minified.push('\n');
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
    fn comments_and_spaces_are_removed_and_lines_keep_their_numbers() {
        for (source, expected) in [
            ("// The start.\nconst a = 1; // stays", "\nconst a=1; // stays\n"),
            ("{\n  a = 'http://host/*';\n}", "{\na='http://host/*';\n}\n"),
            ("/*\n * Several lines.\n */\nb();", "\n\n\nb();\n"),
            ("  /** @type {A} */\n  c(d /* stays */);", "\nc(d /* stays */);\n"),
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
    fn styles_have_no_empty_lines() {
        assert_eq!(
            minify_styles("/* A. */\n\na {\n  b: c;\n}\n\nd {\n}\n"),
            "a {\nb: c;\n}\nd {\n}\n"
        );
    }
}
