//! Builds queries from samples of messages.

use shared::query::MAX_QUERY_CHARS;

use crate::entries::Rng;

/// A kind of sample from a message.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// The whole message, without quotes.
    Line,
    /// The whole message, in quotes.
    QuotedLine,
    /// Three of the message's words.
    ThreeWords,
    /// A quoted part of 12 to 40 characters.
    LongFragment,
    /// A quoted part of 4 to 8 characters.
    ShortFragment,
    /// A quoted part of 1 to 3 characters.
    TinyFragment,
    /// Two Chinese characters, without quotes.
    TwoIdeographs,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Line,
        Self::QuotedLine,
        Self::ThreeWords,
        Self::LongFragment,
        Self::ShortFragment,
        Self::TinyFragment,
        Self::TwoIdeographs,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Line => "whole lines, not quoted",
            Self::QuotedLine => "whole lines, quoted",
            Self::ThreeWords => "three words",
            Self::LongFragment => "fragments of 12 to 40 characters",
            Self::ShortFragment => "fragments of 4 to 8 characters",
            Self::TinyFragment => "fragments of 1 to 3 characters",
            Self::TwoIdeographs => "two Chinese characters, not quoted",
        }
    }

    /// Builds a query from a sample; `None` if the message contains no such sample, or the query
    /// would be blank or too long.
    pub(crate) fn sample(self, message: &str, rng: &mut Rng) -> Option<String> {
        let query = match self {
            Self::Line => message.to_owned(),
            Self::QuotedLine => quoted(message),
            Self::ThreeWords => {
                let words: Vec<&str> = message
                    .split(|c: char| !c.is_alphanumeric())
                    .filter(|word| !word.is_empty() && !["AND", "OR", "NOT"].contains(word))
                    .collect();
                if words.len() < 3 {
                    return None;
                }
                let sample: Vec<&str> = (0..3).map(|_| words[index(rng, words.len())]).collect();
                sample.join(" ")
            }
            Self::LongFragment => quoted(&part(message, 12, 40, rng)?),
            Self::ShortFragment => quoted(&part(message, 4, 8, rng)?),
            Self::TinyFragment => quoted(&part(message, 1, 3, rng)?),
            Self::TwoIdeographs => part(message, 2, 2, rng)
                .filter(|part| part.chars().all(|c| ('\u{4e00}'..'\u{9fff}').contains(&c)))?,
        };
        (query.chars().nth(MAX_QUERY_CHARS).is_none() && !query.trim().is_empty()).then_some(query)
    }
}

/// A random part of the message with `shortest` to `longest` characters; `None` if the message is
/// shorter than the length that was drawn.
fn part(message: &str, shortest: usize, longest: usize, rng: &mut Rng) -> Option<String> {
    let chars: Vec<char> = message.chars().collect();
    let length = shortest + index(rng, longest - shortest + 1);
    let starts = (chars.len() + 1).checked_sub(length).filter(|starts| *starts > 0)?;
    let start = index(rng, starts);
    Some(chars[start..start + length].iter().collect())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A random index in a slice of this length.
pub(crate) fn index(rng: &mut Rng, length: usize) -> usize {
    rng.below(length as u64) as usize
}
