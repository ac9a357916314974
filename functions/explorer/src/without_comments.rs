//! Removes comments from scripts and styles, which would be a fifth of what browsers load.

/// Removes the comments at the beginnings of lines, and those that declare types. A line keeps its
/// number, so that browsers report those of the source.
pub(crate) fn without_comments(text: &str) -> String {
    let mut without = String::with_capacity(text.len());
    let mut in_comment = false;
    for line in text.lines() {
        let start = line.trim_start();
        in_comment = in_comment || start.starts_with("/*");
        let code = match start.split_once("*/") {
            Some((_, code)) if in_comment => {
                in_comment = false;
                code.trim_start()
            }
            _ if in_comment || start.starts_with("//") => "",
            _ => line,
        };
        push_without_types(&mut without, code);
        without.push('\n');
    }
    without
}

/// Appends the code without comments such as `/** @type {string} */`, which no text contains.
fn push_without_types(without: &mut String, code: &str) {
    let mut rest = code;
    while let Some((before, comment)) = rest.split_once("/** ") {
        let Some((_, after)) = comment.split_once("*/") else { break };
        without.push_str(before);
        rest = after.trim_start();
    }
    without.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_on_lines_of_their_own_and_types_are_removed() {
        let text = "\
            // The start.\n\
            const a = 1; // stays\n\
            \x20 /** @type {string} */\n\
            \x20 const url = 'http://host/*';\n\
            /*\n\
            * More.\n\
            */\n\
            \x20 b(a /* stays */);\n\
            \x20 /** @type {A} */ (c).d('a' /* stays */);\n\
            const e = /** @type {A} */ (f), g = (/** @type {B} */ h) => h;\n\
            const i = '/** stays';\n";
        let expected = "\
            \n\
            const a = 1; // stays\n\
            \n\
            \x20 const url = 'http://host/*';\n\
            \n\
            \n\
            \n\
            \x20 b(a /* stays */);\n\
            (c).d('a' /* stays */);\n\
            const e = (f), g = (h) => h;\n\
            const i = '/** stays';\n";
        assert_eq!(without_comments(text), expected);
    }
}
