//! The regular expressions that find the candidates for masking.
//!
//! One automaton searches for all of them at the same time and says which one matched
//! ([`regex_automata::meta`]). The `regex` crate would need capture groups for that, which are
//! several times slower. All expressions match ASCII only, so that the automaton stays small.

use std::ops::Range;
use std::sync::LazyLock;

use regex_automata::meta::Regex;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};

/// The maximum size of each of the two caches of a thread that searches. Real logs need less.
const CACHE_BYTES: usize = 1 << 20;

/// What a candidate looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// White space other than a single space.
    Space,
    /// A placeholder of an earlier template.
    Placeholder,
    /// The character that opens a quoted string.
    Quote,
    /// A day and month, a time of day, or both.
    Time,
    /// The level and time at the start of a line of klog or glog.
    KlogTime,
    Uuid,
    Mac,
    Email,
    /// Numbers with at least two dots: a version or an IP address.
    Dotted,
    /// Hexadecimal groups with colons: an IP address, a MAC address or a fingerprint.
    Colons,
    Host,
    Duration,
    Size,
    Hex,
    /// A hash in base64, as OpenSSH writes that of a key.
    Fingerprint,
    /// A number or a word with a digit.
    Word,
}

/// A match of a rule.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) rule: Rule,
    pub(super) range: Range<usize>,
}

/// The leftmost candidate in `range`. Of several that start at the same position, the first one in
/// the order of [`expressions`] is found.
pub(super) fn find(line: &str, range: Range<usize>) -> Option<Candidate> {
    search(Input::new(line).range(range))
}

/// The candidate that consists of the whole `range`, if there is one.
pub(super) fn find_whole(line: &str, range: Range<usize>) -> Option<Candidate> {
    let input = Input::new(line).range(range.clone()).anchored(Anchored::Yes);
    search(input).filter(|candidate| candidate.range == range)
}

fn search(input: Input<'_>) -> Option<Candidate> {
    static AUTOMATON: LazyLock<Option<(Vec<Rule>, Regex)>> = LazyLock::new(|| {
        let (rules, expressions): (Vec<Rule>, Vec<String>) = expressions().into_iter().unzip();
        let syntax = syntax::Config::new().unicode(false).utf8(false);
        let config = Regex::config().utf8_empty(false).hybrid_cache_capacity(CACHE_BYTES);
        let regex = Regex::builder().syntax(syntax).configure(config).build_many(&expressions);
        Some((rules, regex.ok()?))
    });
    let (rules, regex) = AUTOMATON.as_ref()?;
    let found = regex.search(&input)?;
    Some(Candidate { rule: *rules.get(found.pattern().as_usize())?, range: found.range() })
}

/// The rules in the order of their priority.
fn expressions() -> Vec<(Rule, String)> {
    let times = times().into_iter().map(|expression| (Rule::Time, expression));
    let mut rules = vec![
        (Rule::Space, r"[ \t\n\x0B\x0C\r]{2,}|[\t\n\x0B\x0C\r]".to_owned()),
        (Rule::Placeholder, "<(?:[a-z]+|[*])>".to_owned()),
        (Rule::Quote, "[\"'`]".to_owned()),
    ];
    rules.extend(times);
    let others = [
        (
            Rule::KlogTime,
            r"\b[IWEF](?:0[1-9]|1[0-2])[0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]+\b",
        ),
        (Rule::Uuid, r"\b[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b"),
        (Rule::Mac, r"\b[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}\b"),
        (Rule::Email, r"\b[A-Za-z0-9_][A-Za-z0-9_.%+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b"),
        (Rule::Host, HOST),
        (Rule::Dotted, r"[0-9]+(?:\.[0-9]+){2,}|\bv[0-9]+(?:\.[0-9]+)+"),
        (
            Rule::Colons,
            r"\b[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,31}|::(?:[0-9A-Fa-f]{1,4}:){0,7}[0-9A-Fa-f]{1,4}",
        ),
        (Rule::Duration, DURATION),
        (Rule::Size, r"[0-9]+(?:\.[0-9]+)?(?: ?(?:[KMGTPE]i?B|[kKMmGg]b|kB|B)|[KMGT])\b"),
        (Rule::Hex, r"0[xX][0-9A-Fa-f]+\b"),
        (Rule::Fingerprint, r"\bSHA(?:256|512):[A-Za-z0-9+/]{20,}=*"),
        (Rule::Word, r"[A-Za-z]*[0-9][A-Za-z0-9]*"),
    ];
    rules.extend(others.map(|(rule, expression)| (rule, expression.to_owned())));
    rules
}

/// Labels with a common top-level domain. Only names with a digit in their first label are masked.
const HOST: &str = r"\b[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+){0,8}(?:\.[A-Za-z0-9-]+\.[a-z]{2}|\.(?:com|net|org|edu|gov|mil|info|biz|arpa|local|internal|lan|corp|cloud|home))\b";

/// Go's and Prometheus's notation (`1m30.5s`), a number and a short unit, and ISO 8601 (`PT1.5S`).
const DURATION: &str = r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|us|\xC2\xB5s|\xCE\xBCs|ns|min|mins|secs?|msecs?|hrs?|[dhms]))+\b|[0-9]+(?:\.[0-9]+)? (?:ms|us|\xC2\xB5s|\xCE\xBCs|ns|s|secs?|msecs?)\b|\bPT[0-9][0-9.HM]*S?\b";

/// The notations for times: RFC 3339 and its relatives, those of Apache, nginx, syslog, asctime,
/// RFC 1123, Spark and ISO 8601's basic format, and times of day.
fn times() -> [String; 6] {
    let month = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)";
    let weekday = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
    let (mm, dd) = ("(?:0[1-9]|1[0-2])", "(?:0[1-9]|[12][0-9]|3[01])");
    let zone = r"(?: ?(?:Z|[+-][0-9]{2}:?[0-9]{2}|UTC|GMT|CES?T|E[SD]T|P[SD]T|C[SD]T|M[SD]T|JST|IST|BST)\b)?";
    let minutes = "(?:[01]?[0-9]|2[0-3]):[0-5][0-9]";
    let clock = format!(r"{minutes}:[0-6][0-9](?:[.,][0-9]+|:[0-9]{{3}}\b)?(?: ?[AaPp][Mm]\b)?");
    let short_clock = format!(r"(?:{clock}|{minutes}(?: ?[AaPp][Mm]\b)?)");
    let date = format!(
        r"(?:[0-9]{{4}}(?:-{mm}-{dd}|/{mm}/{dd}|\.{mm}\.{dd})|[0-9]{{1,2}}(?:/{month}/|-{month}-)[0-9]{{2,4}}|(?:{mm}/{dd}/|{dd}/{mm}/|{dd}\.{mm}\.)[0-9]{{4}})"
    );
    let loose_date = "[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}";
    [
        format!(r"(?:{date}|{loose_date})[T :_-]{short_clock}{zone}\b"),
        format!(r"{date}\b"),
        format!(r"[0-9]{{2}}/{mm}/{dd} {clock}\b"),
        format!(r"[0-9]{{8}}(?:T[0-9]{{6}}(?:\.[0-9]+)?Z?|[-_]{clock})\b"),
        format!(
            r"(?:\b{weekday},? )?(?:\b{month} +[0-9]{{1,2}}|[0-9]{{1,2}} {month})(?:,? [0-9]{{4}})?,? {clock}{zone}(?: [0-9]{{4}}\b)?"
        ),
        format!(r"{clock}{zone}\b"),
    ]
}
