//! The placeholders that stand for the variable parts of a message.

/// A kind of variable part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholder {
    Duration,
    Email,
    Hex,
    Host,
    Id,
    Ip,
    Mac,
    Number,
    Port,
    Size,
    String,
    Time,
    Uuid,
    Version,
}

impl Placeholder {
    const ALL: [Self; 14] = [
        Self::Duration,
        Self::Email,
        Self::Hex,
        Self::Host,
        Self::Id,
        Self::Ip,
        Self::Mac,
        Self::Number,
        Self::Port,
        Self::Size,
        Self::String,
        Self::Time,
        Self::Uuid,
        Self::Version,
    ];

    /// The text in a template.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Duration => "<duration>",
            Self::Email => "<email>",
            Self::Hex => "<hex>",
            Self::Host => "<host>",
            Self::Id => "<id>",
            Self::Ip => "<ip>",
            Self::Mac => "<mac>",
            Self::Number => "<number>",
            Self::Port => "<port>",
            Self::Size => "<size>",
            Self::String => "<string>",
            Self::Time => "<time>",
            Self::Uuid => "<uuid>",
            Self::Version => "<version>",
        }
    }

    /// The placeholder with this text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|placeholder| placeholder.as_str() == text)
    }
}
