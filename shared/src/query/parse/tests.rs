use super::*;
use crate::query::{
    Attribute, AttributeTest, Bound, FuzzyRun, Keyword, KeywordTest, Prefix, Range, TimeRange,
    Words,
};

const NOW: &str = "2024-06-14T12:00:00Z";

fn parse(query: &str) -> Result<String, QueryError> {
    super::parse(query, false, Timestamp::parse(NOW).unwrap()).map(|condition| show(&condition))
}

/// Writes a condition compactly. `all` is the condition that matches every entry, and `none` the one
/// that matches no entry.
fn show(condition: &Condition) -> String {
    let join = |conditions: &[Condition], operator: &str| {
        let texts: Vec<String> = conditions.iter().map(show).collect();
        format!("({})", texts.join(operator))
    };
    match condition {
        Condition::All(conditions) if conditions.is_empty() => "all".to_owned(),
        Condition::Any(conditions) if conditions.is_empty() => "none".to_owned(),
        Condition::All(conditions) => join(conditions, " & "),
        Condition::Any(conditions) => join(conditions, " | "),
        Condition::Not(condition) => format!("!{}", show(condition)),
        Condition::Words(Words { scope, runs }) => {
            let text = |run: &FuzzyRun| match run.max_edits {
                0 => run.text.clone(),
                edits => format!("{}~{edits}", run.text),
            };
            let runs: Vec<String> = runs.iter().map(text).collect();
            format!("{}{}", show_scope(*scope), runs.join("+"))
        }
        Condition::Prefix(Prefix { scope, text }) => format!("{}{text}*", show_scope(*scope)),
        Condition::Fragment(text) => format!("{text:?}"),
        Condition::Keyword(field, test) => {
            let name = match field {
                Keyword::ServiceName => "service",
                Keyword::Level => "level",
                Keyword::TraceId => "trace",
                Keyword::SpanId => "span",
            };
            match test {
                KeywordTest::AnyOf(values) => format!("{name}={}", values.join(",")),
                KeywordTest::Prefix(prefix) => format!("{name}={prefix}*"),
                KeywordTest::Exists => format!("{name}=*"),
            }
        }
        Condition::Id(id) => format!("id={id}"),
        Condition::ArrivedBefore(time) => format!("arrival<{time}"),
        Condition::Patterns(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            format!("pattern={}", ids.join(","))
        }
        Condition::Timestamp(TimeRange { from, to }) => {
            let text =
                |time: &Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
            format!("{}..{}", text(from), text(to))
        }
        Condition::Attribute(Attribute { path, test }) => match test {
            AttributeTest::AnyOf(values) => format!("@{path}={}", values.join(",")),
            AttributeTest::Prefix(prefix) => format!("@{path}={prefix}*"),
            AttributeTest::Exists => format!("@{path}=*"),
            AttributeTest::Numbers(range) => format!("@{path}:{}", show_range(range)),
            AttributeTest::Strings(range) => format!("@{path}:text{}", show_range(range)),
        },
    }
}

fn show_scope(scope: Scope) -> &'static str {
    match scope {
        Scope::Entry => "",
        Scope::Message => "message:",
    }
}

fn show_range<T: std::fmt::Display>(range: &Range<T>) -> String {
    let show = |bound: &Option<Bound<T>>, brackets: [char; 2]| match bound {
        Some(Bound { value, is_inclusive: true }) => (brackets[0], value.to_string()),
        Some(Bound { value, is_inclusive: false }) => (brackets[1], value.to_string()),
        None => (brackets[1], "*".to_owned()),
    };
    let (open, lower) = show(&range.lower, ['[', '{']);
    let (close, upper) = show(&range.upper, [']', '}']);
    format!("{open}{lower}..{upper}{close}")
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (query, expected) in cases {
        assert_eq!(parse(query).as_deref(), Ok(*expected), "{query}");
    }
}

#[test]
fn text_is_parsed_into_words_fragments_and_prefixes() {
    check(&[
        ("", "all"),
        ("  ", "all"),
        ("*", "all"),
        ("Payment FAILED", "(payment & failed)"),
        ("a-b c a.B C", "(a+b & c)"),
        ("10.0.0.1:8080", "10+0+0+1+8080"),
        ("OOMKilled 14T12", "(oomkilled & 14t12)"),
        ("支付", "支+付"),
        ("!=", r#""!=""#),
        ("🚀 ok", r#"("🚀" & ok)"#),
        (r#""Connection  Refused,""#, r#""connection  refused,""#),
        (r#""say \"hi\" C:\\x""#, r#""say \"hi\" c:\\x""#),
        (r#"a"b""#, r#"(a & "b")"#),
        (r#"a """#, "a"),
        ("pay*", "pay*"),
        ("/api/v1/*", r#""/api/v1/""#),
        ("pay-s*", r#""pay-s""#),
        ("*** ok", r#"("***" & ok)"#),
        ("**bold** = ******2341.", r#"(bold & "=" & 2341)"#),
        ("it's 'quoted text'", "(it+s & quoted & text)"),
    ]);
}

#[test]
fn operators_combine_conditions() {
    check(&[
        ("a AND b", "(a & b)"),
        ("a OR b c", "(a | (b & c))"),
        ("(a OR b) c", "((a | b) & c)"),
        ("NOT a", "!a"),
        ("NOT NOT a", "a"),
        ("payment !\"time out\"", r#"(payment & !"time out")"#),
        ("a -(b OR c)", "(a & !(b | c))"),
        ("-level:debug", "!level=DEBUG"),
        ("and or not", "(and & or & not)"),
        ("a (b) ()", "(a & b)"),
        ("((a))", "a"),
    ]);
}

#[test]
fn an_exclusion_keeps_entries_that_contain_it_with_its_operator() {
    check(&[
        ("payment -timeout", r#"(payment & !(!" -timeout" & timeout))"#),
        ("payment NOT timeout", "(payment & !timeout)"),
        ("payment -\"timeout\"", r#"(payment & !"timeout")"#),
        ("rc: -1001", r#"(rc & !(!" -1001" & 1001))"#),
        ("curl -X=POST", r#"(curl & !(!" -x=post" & (@X=POST | x+post)))"#),
        ("!debug*", r#"!(!" !debug*" & !"!debug*" & debug*)"#),
        ("curl (-v)", r#"(curl & !(!"(-v" & v))"#),
        ("failed (-9802)", "(failed & 9802)"),
        ("-level:debug -@user:jane", "(!level=DEBUG & !@user=jane)"),
        ("--timeout", "timeout"),
    ]);
}

#[test]
fn a_leading_sign_keeps_entries_that_contain_the_whole_query_verbatim() {
    check(&[
        (
            "-_continuousScroll on",
            r#"(!(!" -_continuousscroll" & !"-_continuousscroll on" & continuousscroll) & on)"#,
        ),
        (" !Timeout OR a ", r#"(!(!" !timeout" & !"!timeout or a" & timeout) | a)"#),
        ("-a -b", r#"(!(!" -a" & !"-a -b" & a) & !(!" -b" & b))"#),
        ("-debug", r#"!(!" -debug" & !"-debug" & debug)"#),
        ("-(a b) c", "(!(a & b) & c)"),
        ("-level:debug a", "(!level=DEBUG & a)"),
    ]);
    let expanding = format!("-a {}", "\u{fdfa}".repeat(1000));
    assert!(!parse(&expanding).unwrap().contains("!\"-a"));
}

#[test]
fn anything_that_cannot_be_an_operator_is_text() {
    check(&[
        ("[ERROR] payment failed", "(error & payment & failed)"),
        ("a - b", r#"(a & "-" & b)"#),
        ("x-y --help", "(x+y & help)"),
        (r#"unpaired " quote"#, r#"(unpaired & "\"" & quote)"#),
        ("foo) bar(", "(foo & bar)"),
        ("main(String args)", "(main+string & args)"),
        ("call(a) (f(x) OR g)", "(call+a & (f+x | g))"),
        ("List<String> a->b", "(list+string & a+b)"),
        ("error: no value", "(error & no & value)"),
        ("level: high", "(level & high)"),
        (r#"{"level":"error"}"#, r#"("{" & "level" & ":" & "error" & "}")"#),
        ("http://a/b", "(@http=//a/b | http+a+b)"),
        ("vCores:1>", "(@vCores=1> | vcores+1)"),
        ("err:<nil>", r#"(@err:text{*..nil>} | "err:<nil>")"#),
        ("a:>b", r#"(@a:text{b..*} | "a:>b")"#),
        ("foo:[a b] foo:(", "(foo+a & b & foo)"),
        ("f:(a AND b)", "(f+a & b)"),
        ("foo::bar", "(@foo=:bar | foo+bar)"),
        ("2024-06-14T12:34:56.789", "2024+06+14t12+34+56+789"),
    ]);
}

#[test]
fn fields_are_parsed_with_their_tests() {
    check(&[
        ("service_name:pay", "service=pay"),
        ("service:(a OR \"b c\")", "service=a,b c"),
        ("service:pay*", "service=pay*"),
        ("service!=pay", "!service=pay"),
        ("trace_id:4bf9 span_id:*", "(trace=4bf9 & span=*)"),
        ("level:err", "level=ERROR"),
        ("level:>=warn", "level=WARN,ERROR,FATAL"),
        ("level>warn", "level=ERROR,FATAL"),
        ("level:<debug", "level=TRACE"),
        ("level:<trace", "none"),
        ("level:*", "all"),
        ("level:[debug TO warn}", "level=DEBUG,INFO"),
        ("level:audit*", "level=AUDIT*"),
        ("message:timeout", "message:timeout"),
        (r#"message:"time out""#, r#""time out""#),
        ("message:(a OR b*)", "(message:a | message:b*)"),
        ("id:0190163d-8694-7000-8000-000000000001", "id=0190163d-8694-7000-8000-000000000001"),
        ("id:42", "(@id=42 | id+42)"),
        ("pattern:6b86b273ff34fce1", "pattern=6b86b273ff34fce1"),
        ("-pattern:6B86B273FF34FCE1", "!pattern=6b86b273ff34fce1"),
        ("pattern!=6b86b273ff34fce1", "!pattern=6b86b273ff34fce1"),
        (
            "pattern:(6b86b273ff34fce1 OR e3b0c44298fc1c14)",
            "pattern=6b86b273ff34fce1,e3b0c44298fc1c14",
        ),
        ("pattern:6b86", "(@pattern=6b86 | pattern+6b86)"),
        ("@pattern:6b86b273ff34fce1", "@pattern=6b86b273ff34fce1"),
        ("id=42", "(@id=42 | id+42)"),
    ]);
}

#[test]
fn a_bare_id_finds_the_entry_and_the_text() {
    let id = "0190163d-8694-7000-8000-000000000001";
    check(&[(id, &format!("(0190163d+8694+7000+8000+000000000001 | id={id})"))]);
}

#[test]
fn timestamps_are_absolute_or_relative() {
    check(&[
        ("timestamp:>=-15m", "2024-06-14T11:45:00.000000Z.."),
        ("timestamp:<now-1h", "..2024-06-14T11:00:00.000000Z"),
        ("timestamp:2024-06-14", "2024-06-14T00:00:00.000000Z..2024-06-15T00:00:00.000000Z"),
        ("timestamp:>2024-06-14", "2024-06-15T00:00:00.000000Z.."),
        ("timestamp:>=2024-06-14T12:00:00.0000001Z", "2024-06-14T12:00:00.000001Z.."),
        (
            "timestamp:[2024-06-13 TO now}",
            "2024-06-13T00:00:00.000000Z..2024-06-14T12:00:00.000000Z",
        ),
        ("timestamp:[* TO *]", ".."),
    ]);
}

#[test]
fn attributes_are_compared_as_numbers_or_strings() {
    check(&[
        ("@user.id:42", "@user.id=42"),
        ("attributes.user.id:42.0", "@user.id=42.0,42"),
        ("user=42", "(@user=42 | user+42)"),
        (r#"user_id="42""#, "(@user_id=42 | user+id+42)"),
        ("@user:jane*", "@user=jane*"),
        ("user:jane*", r#"(@user=jane* | "user:jane")"#),
        ("user:*", "@user=*"),
        ("@status:>=500", "@status:[500..*}"),
        ("status:>=500", r#"(@status:[500..*} | "status:>=500")"#),
        ("status>=500", r#"(@status:[500..*} | "status>=500")"#),
        ("status:[500 TO 600}", r#"(@status:[500..600} | "status:[500 to 600}")"#),
        ("foo:(a b)", r#"(@foo=a,b | "foo:(a b)")"#),
        ("@version:>v1", "@version:text{v1..*}"),
        ("@user:(a OR 7)", "@user=a,7"),
        ("@user!=jane", "!@user=jane"),
        (
            r#"user:"🚀" version:"""#,
            r#"((@user=🚀 | "user:\"🚀\"") & (@version= | "version:\"\""))"#,
        ),
        (r#"@"http:status":>=500 -@"a key":*"#, "(@http:status:[500..*} & !@a key=*)"),
        (r#"@"say \"hi\"":1 @"a""#, r#"(@say "hi"=1 & "@" & "a")"#),
        ("@x:-0.0", "@x=-0.0,0"),
        (
            "app.kubernetes.io/name:pay",
            "(@app.kubernetes.io/name=pay | app+kubernetes+io+name+pay)",
        ),
    ]);
}

#[test]
fn errors_include_their_position() {
    for (query, position, detail) in [
        ("a level:", 2, "level needs a value"),
        ("(level: OR a)", 1, "level needs a value"),
        ("level:>audit", 7, "FATAL"),
        ("a OR", 2, "OR needs"),
        ("OR a", 0, "OR needs"),
        ("a AND", 2, "AND needs"),
        ("a NOT", 2, "NOT needs"),
        ("ä *fix", 2, "write \"fix\" in quotes to find it anywhere"),
        (
            "name \"service\":  a service:",
            19,
            r#"all of it in quotes: "name \"service\":  a service:""#,
        ),
        ("\"\"", 0, "nothing to find"),
        ("\u{200b}", 0, "nothing to find"),
        ("timestamp:>soon", 11, "RFC 3339"),
        ("timestamp:2024-06", 10, "RFC 3339"),
        ("timestamp=yesterday", 10, "RFC 3339"),
        ("timestamp:2024-06-01T00:12:43", 10, "RFC 3339"),
        ("timestamp:>=0001-01-01", 12, "years 1970 to 9999"),
        ("id:01a21932*", 3, "write the whole id"),
        ("level:[info warn]", 6, "[lower TO upper]"),
        ("level:[info TO warn", 6, "needs a ] or }"),
        ("level:(error", 6, "no closing )"),
        ("@x:(", 3, "no closing )"),
        ("@x:()", 3, "(value OR value)"),
        ("@x:(a OR)", 3, "(value OR value)"),
        ("@x:(a AND b)", 3, "(value OR value)"),
        (&format!("@x:({})", "a ".repeat(65)), 3, "at most 64 values"),
        ("service:>a", 9, "service_name:value"),
        ("message:>a", 9, "message:word"),
        (&format!("{}{}", "(".repeat(17), ")".repeat(17)), 16, "16"),
        (&"a".repeat(1025), 1024, "1024"),
        (&(0..65).map(|n| format!("\"{n}\" ")).collect::<Vec<_>>().concat(), 310, "64"),
        (&(0..65).map(|n| format!("-{n} ")).collect::<Vec<_>>().concat(), 246, "64"),
    ] {
        let error = parse(query).unwrap_err();
        assert_eq!(error.position, position, "{query}: {error}");
        assert!(error.detail.contains(detail), "{query}: {error}");
    }
}

#[test]
fn a_limited_number_of_words_match_fuzzily() {
    let fuzzy =
        |query: &str| show(&super::parse(query, true, Timestamp::parse(NOW).unwrap()).unwrap());
    assert_eq!(fuzzy("db dsk timeot-x \"dsk\" dsk*"), "(db & dsk~1 & timeot~2+x & \"dsk\" & dsk*)");
    assert_eq!(fuzzy(&"a".repeat(33)), "a".repeat(33));
    let many: Vec<String> = (100..200).map(|n| n.to_string()).collect();
    assert_eq!(fuzzy(&many.join(" ")).matches('~').count(), 16);
}

#[test]
fn the_number_of_words_is_limited() {
    let words = |count: u32| {
        let words: Vec<String> =
            (0..count).map(|n| char::from_u32(0x4e00 + n).unwrap().into()).collect();
        words.join(" ")
    };
    assert!(parse(&words(256)).is_ok());
    assert!(parse(&"用".repeat(1024)).is_ok());
    assert!(parse(&words(257)).unwrap_err().detail.contains("256"));
}
