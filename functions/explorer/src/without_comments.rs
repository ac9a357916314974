//! Removes comments from scripts and styles, which would be a fifth of what browsers load.

/// Removes the comments at the beginnings of lines. The lines keep their numbers, so that browsers
/// report those of the source.
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
        without.push_str(code);
        without.push('\n');
    }
    without
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_at_the_beginnings_of_lines_are_removed() {
        let text = "\
            // The start.\n\
            const a = 1; // stays\n\
            \x20 /** @type {string} */\n\
            \x20 const url = 'http://host/*';\n\
            /*\n\
            * More.\n\
            */\n\
            \x20 b(a /* stays */);\n\
            \x20 /** @type {A} */ (c).d('a' /* stays */);\n";
        let expected = "\
            \n\
            const a = 1; // stays\n\
            \n\
            \x20 const url = 'http://host/*';\n\
            \n\
            \n\
            \n\
            \x20 b(a /* stays */);\n\
            (c).d('a' /* stays */);\n";
        assert_eq!(without_comments(text), expected);
    }
}
