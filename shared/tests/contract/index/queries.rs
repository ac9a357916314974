//! Queries and the entries that they find, in each index and when evaluated in memory.

use serde_json::json;
use shared::query::Subject;
use shared::{Arrival, LogEntry, Timestamp};

use super::{Fixture, add, by_relevance, condition, fuzzy, opensearch, tantivy, text};
use crate::entries::arrived;

contract! {
    adapters: [tantivy,],
    services: [opensearch,],
    tests: [
        every_query_finds_the_expected_entries,
        any_part_of_a_message_is_found_as_a_fragment,
    ]
}

/// The entries, each with the letter that identifies it in [`QUERIES`].
fn entries() -> Vec<(char, LogEntry)> {
    let arrival = Arrival::new(Timestamp::parse(ARRIVAL).unwrap());
    let run: String = ('\u{4e00}'..).take(400).collect();
    let entries = [
        (
            'a',
            json!({"message": "Payment failed: card declined", "level": "error",
            "service": "payment", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "attributes": {"order": 4711, "user": {"id": "u-17", "mail": "jane@example.com"}}}),
        ),
        (
            'b',
            json!({"message": "payment timeout after 1.5s", "level": "warn",
            "service": "payment", "attributes": {"order": 4712.0, "retry": true, "ratio": 0.25}}),
        ),
        (
            'c',
            json!({"message": "pod OOMKilled, request 643B0FF09D44C745DF4E, NullPointerException in HTTPSConnection",
            "level": "fatal", "service": "kubelet", "span_id": "00f067aa0ba902b7"}),
        ),
        (
            'd',
            json!({"message": "ts=2024-06-14T12:34:56.789Z lvl=warn slow query from 10.0.0.15:5432",
            "service": "db", "attributes": {"duration_ms": 1250, "status": "500"}}),
        ),
        (
            'e',
            json!({"message": "GET /find?q=blue%20shoes%26boots 200", "service": "web",
            "attributes": {"status": 200, "path": "/find", "version": "v1.10"}}),
        ),
        (
            'f',
            json!({"message": "\u{1b}[32mDEBUG\u{1b}[0m \u{1b}[1mcheckout\u{1b}[22m failed",
            "level": "debug", "service": "web"}),
        ),
        ('g', json!({"message": "用户支付失败", "service": "cjk"})),
        ('h', json!({"message": "データベース接続エラー ﾃﾞｰﾀ", "service": "cjk"})),
        ('i', json!({"message": "데이터베이스에 연결할 수 없음", "service": "cjk"})),
        ('j', json!({"message": "ไม่สามารถเชื่อมต่อฐานข้อมูลได้", "service": "cjk"})),
        ('k', json!({"message": "cannot open Zu\u{308}rich.csv", "service": "files"})),
        ('l', json!({"message": "λάθος στη βάση ΟΔΟΣ", "service": "files"})),
        ('m', json!({"message": "ＥＲＲＯＲ in oﬃce after 5µs", "service": "files"})),
        ('n', json!({"message": "deploy 🚀 assert a != b; x->y", "service": "ci"})),
        ('o', json!({"message": "İstanbul STRASSE straße", "service": "ci"})),
        ('p', json!({"message": "zero\u{200b}width soft\u{ad}hyphen", "service": "ci"})),
        ('q', json!({"message": run, "service": "ci"})),
        ('r', json!({"message": "", "service": "empty", "level": "audit trail"})),
        (
            's',
            json!({"message": "from 10.0.0.1 to [::1], see https://a.example/x_y?z=1#top",
            "service": "net", "attributes": {"tags": ["red", "green"], "empty": {}, "none": null}}),
        ),
        (
            't',
            json!({"message": r#"{"level":"error","msg":"say \"hi\"","path":"C:\\temp"}"#,
            "service": "json"}),
        ),
        (
            'u',
            json!({"message": "line one\nline\ttwo   end", "service": "net",
            "timestamp": "2024-06-14T11:00:00Z"}),
        ),
        (
            'v',
            json!({"message": "user=jane order=4711 level=info -x", "service": "net",
            "timestamp": "2024-06-13T12:00:00Z"}),
        ),
        (
            'w',
            json!({"message": "sync done err:<nil> n=3; mapResourceRequest:<memory:1024, vCores:8>; \
                               SSLHandshake code (-9802) **bold** ******2341.",
            "service": "paste", "attributes": {"http:status": 500, "a=b": "c", "weird key": "yes", "zero": -0.0}}),
        ),
        (
            'x',
            json!({"message": r#"user.id:"⏰" foo:[a TO b] foo:(a b) version:"" latency>=250 -v"#,
            "service": "paste"}),
        ),
    ];
    (0..)
        .zip(entries)
        .map(|(position, (name, json))| (name, arrived(&json, &arrival, position)))
        .collect()
}

const ARRIVAL: &str = "2024-06-14T12:00:00Z";

const ALL: &str = "abcdefghijklmnopqrstuvwx";

/// Queries, and the letters of the entries that they find.
const QUERIES: &[(&str, &str)] = &[
    // Words: whole, in any field, ignoring case.
    ("payment", "ab"),
    ("PAYMENT Failed", "a"),
    ("failed", "af"),
    ("fail", ""),
    ("declined card", "a"),
    ("error", "amt"),
    ("warn", "bd"),
    ("kubelet", "c"),
    ("4711", "av"),
    ("jane@example.com", "a"),
    ("example.com", "a"),
    ("4bf92f3577b34da6a3ce929d0e0e4736", "a"),
    ("00f067aa0ba902b7", "c"),
    ("u-17", "a"),
    ("0.25", "b"),
    ("green", "s"),
    ("true", ""),
    ("null", "c"),
    // Words with punctuation: the parts must be adjacent in the same text.
    ("10.0.0.1", "s"),
    ("10.0.0.15", "d"),
    ("10.0.0", "ds"),
    ("(10.0.0.15:5432)", "d"),
    ("payment-failed", "a"),
    ("declined-payment", ""),
    ("payment-error", ""),
    ("x_y", "sn"),
    ("1.5s", "b"),
    // Parts of words.
    ("OOM", "c"),
    ("oom killed", "c"),
    ("OOMKilled", "c"),
    ("oomkilled", "c"),
    ("NullPointer", "c"),
    ("nullpointer", "c"),
    ("PointerException", "c"),
    ("Pointer", "c"),
    ("Connection", "c"),
    ("HTTPS", "cs"),
    ("HTTP", ""),
    ("2024-06-14", "d"),
    ("12:34:56.789", "d"),
    ("2024-06-14T12:34:56", "d"),
    ("2024-06-14T12:34:56.789Z", "d"),
    ("643B0FF09D44C745DF4E", "c"),
    ("643", "c"),
    ("643B", ""),
    ("blue", "e"),
    ("blue%20shoes", "e"),
    ("shoes boots", "e"),
    // Escape sequences: ignored in words, matched in fragments.
    ("DEBUG checkout", "f"),
    (r#""DEBUG checkout failed""#, "f"),
    ("\"\u{1b}[32mDEBUG\"", "f"),
    (r#""[1mcheckout""#, "f"),
    ("32mdebug", ""),
    // Scripts without spaces.
    ("支付", "g"),
    ("用户支付失败", "g"),
    ("付支", ""),
    ("接続", "h"),
    ("データ", "h"),
    ("ﾃﾞｰﾀﾍﾞｰｽ", "h"),
    ("데이터베이스", "i"),
    ("연결", "i"),
    ("ฐานข้อมูล", "j"),
    ("\u{4e05}\u{4e06}\u{4e07}", "q"),
    ("\u{4e05}\u{4e07}", ""),
    (r#""支付""#, "g"),
    (r#""败""#, "g"),
    // Unicode: normalization and case folding.
    ("zürich", "k"),
    ("Zu\u{308}rich.csv", "k"),
    ("zurich", ""),
    ("λάθος", "l"),
    ("ΛΆΘΟΣ", "l"),
    ("οδος", "l"),
    ("ΟΔΟς", "l"),
    ("office", "m"),
    ("ERROR office 5μs", "m"),
    (r#""error in off""#, "m"),
    ("strasse", "o"),
    ("STRASSE straße", "o"),
    ("İstanbul", "o"),
    ("i\u{307}stanbul", "o"),
    ("istanbul", ""),
    ("zerowidth", "p"),
    ("softhyphen", "p"),
    (r#""owidth softh""#, "p"),
    // Symbols.
    ("🚀", "n"),
    ("!=", "n"),
    ("->", "n"),
    ("[::1]", "bes"),
    ("deploy 🚀", "n"),
    // Fragments: verbatim except for case; they may begin and end within words.
    (r#""Killed, request 643B""#, "c"),
    (r#""quest 643b0FF09D44C745DF4E, Null""#, "c"),
    (r#""ayment t""#, "b"),
    (r#""payment  timeout""#, ""),
    (r#""declined""#, "a"),
    (r#""declined ""#, ""),
    (r#"" ""#, "abcdefhiklmnopstuvwx"),
    (r#""d""#, "acefnpuvwx"),
    (r#""ne""#, "acuvw"),
    (r#""q=b""#, "e"),
    (r#""one line two   e""#, "u"),
    (r#""say \\\"hi""#, "t"),
    (r#""c:\\\\temp""#, "t"),
    (r#"{"level":"error"}"#, "t"),
    (r#""\"level\":\"error\"""#, "t"),
    (r#""4711""#, "v"),
    // Pasted lines.
    ("sync done err:<nil> n=3", "w"),
    ("mapResourceRequest:<memory:1024, vCores:8>", "w"),
    ("SSLHandshake code (-9802)", "w"),
    ("**bold** ******2341.", "w"),
    ("foo:[a TO b]", "x"),
    ("foo:(a b)", "x"),
    (r#"user.id:"⏰""#, "x"),
    (r#"version:"""#, "x"),
    ("latency>=250", "x"),
    ("-v", "abcdfghijklmnopqrstuvx"),
    ("-x", "abcdefghijklmopqrtuvwx"),
    // Prefixes.
    ("*", ALL),
    ("pay*", "ab"),
    ("643B*", "c"),
    ("NULLP*", "c"),
    ("jan*", "av"),
    ("/find*", "e"),
    ("10.0.0.*", "ds"),
    ("message:pay*", "ab"),
    ("message:kube*", ""),
    // Operators.
    ("payment AND timeout", "b"),
    ("payment -timeout", "a"),
    ("payment NOT timeout", "a"),
    ("payment !timeout", "a"),
    ("timeout OR declined", "ab"),
    ("(timeout OR declined) level:error", "a"),
    ("payment timeout OR 支付", "bg"),
    ("-(payment OR service:cjk OR service:ci)", "cdefklmrstuvwx"),
    ("NOT \"e\"", "ghijlqr"),
    ("NOT *", ""),
    ("a != b", "n"),
    ("[ERROR] payment failed", "a"),
    // Fields.
    ("service:payment", "ab"),
    ("service_name:(ci OR cjk)", "ghijnopq"),
    ("service:pay*", "ab"),
    ("service:Payment", ""),
    ("service:*", ALL),
    ("level:err", "a"),
    ("level:>=warn", "abc"),
    ("level>error", "c"),
    ("level:<info", "f"),
    ("level:[debug TO info}", "f"),
    ("level:\"audit trail\"", "r"),
    ("level:aud*", "r"),
    ("level:(error OR warn)", "ab"),
    ("level!=info -level:>=warn", "fr"),
    ("message:payment", "ab"),
    ("message:error", "mt"),
    ("message:\"card d\"", "a"),
    ("trace_id:4bf92f3577b34da6a3ce929d0e0e4736", "a"),
    ("trace_id:4bf9*", "a"),
    ("trace_id:*", "a"),
    ("span_id:00f067aa0ba902b7", "c"),
    ("-span_id:* -trace_id:* service:(payment OR kubelet)", "b"),
    ("timestamp:<2024-06-14", "v"),
    ("timestamp:>=1970-01-01", ALL),
    ("timestamp:2024-06-14T11:00:00Z", "u"),
    ("timestamp:[2024-06-13 TO 2024-06-14T11:00:00Z}", "v"),
    ("timestamp:<=2024-06-14T11:00:00Z", "uv"),
    ("timestamp:>=now", ""),
    // Attributes.
    ("order:4711", "av"),
    ("@order:4711", "a"),
    ("order=4711.0", "a"),
    ("order:4712", "b"),
    ("@order:>=4712", "b"),
    ("order>4710", "ab"),
    ("order:[4711 TO 4712}", "a"),
    ("order:*", "ab"),
    ("-order:* payment", ""),
    ("user.id:u-17", "a"),
    ("attributes.user.id:u-17", "a"),
    ("user:*", "a"),
    ("user.mail:jane*", "a"),
    ("user:jane", "v"),
    ("user=jane", "v"),
    ("retry:true", "b"),
    ("ratio:<0.5", "b"),
    ("ratio:>=0.25", "b"),
    ("ratio:>0.25", ""),
    ("status:500", "d"),
    ("status:>=200", "e"),
    ("@status:(200 OR 500)", "de"),
    ("@status!=200 @status:*", "d"),
    ("tags:red", "s"),
    ("tags:(blue OR green)", "s"),
    ("none:null", "s"),
    ("none:*", "s"),
    ("empty:*", ""),
    ("version:>v1.0", "e"),
    ("version:[v1.0 TO v1.2]", "e"),
    ("path:/find", "e"),
    ("duration_ms:>1s", ""),
    ("duration_ms>=1250", "d"),
    (r#"@"http:status":500"#, "w"),
    (r#"@"http:status":>=500"#, "w"),
    (r#"@"weird key":* -@"weird key":no"#, "w"),
    (r#"@"a=b":c"#, "w"),
    (r#"@a:"b=c""#, ""),
    ("zero:0", "w"),
    ("@zero:-0.0", "w"),
];

const FUZZY_QUERIES: &[(&str, &str)] = &[
    ("paymnet", "ab"),
    ("timeuot", "b"),
    ("declned card", "a"),
    ("conection", "c"),
    ("zurich", "k"),
    ("timeuot OR declned", "ab"),
    ("-paymnet service:payment", ""),
    ("dx", ""),
];

async fn every_query_finds_the_expected_entries(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let entries = entries();
    let all: Vec<LogEntry> = entries.iter().map(|(_, entry)| entry.clone()).collect();
    add(index, &all).await;
    let letter = |found: &LogEntry| {
        let entry = entries.iter().find(|(_, entry)| entry.id == found.id);
        entry.map_or('?', |(letter, _)| *letter)
    };
    let exact = QUERIES.iter().map(|(query, expected)| (query, expected, false));
    let fuzzy_queries = FUZZY_QUERIES.iter().map(|(query, expected)| (query, expected, true));
    let mut mismatches = Vec::new();
    for (query, expected, is_fuzzy) in exact.chain(fuzzy_queries) {
        let mut expected: Vec<char> = expected.chars().collect();
        expected.sort_unstable();
        let expected: String = expected.into_iter().collect();

        let parsed = condition(query, is_fuzzy);
        let matching = all.iter().filter(|entry| parsed.matches(&Subject::new(entry)));
        let mut in_memory: Vec<char> = matching.map(letter).collect();
        in_memory.sort_unstable();
        let in_memory: String = in_memory.into_iter().collect();
        if in_memory != expected {
            mismatches.push(format!("in memory {query}: {in_memory}, not {expected}"));
        }

        let query = if is_fuzzy { fuzzy(query) } else { text(query) };
        for query in [query.clone(), by_relevance(query)] {
            let hits = index.search(&query).await.unwrap();
            let mut found: Vec<char> = hits.entries.iter().map(letter).collect();
            found.sort_unstable();
            let found: String = found.into_iter().collect();
            let total = usize::try_from(hits.total).unwrap();
            if found != expected || total != expected.len() {
                let condition = &query.condition;
                mismatches.push(format!("{condition:?}: {found} ({total}), not {expected}"));
            }
        }
    }
    assert!(mismatches.is_empty(), "{} mismatches:\n{}", mismatches.len(), mismatches.join("\n"));
}

async fn any_part_of_a_message_is_found_as_a_fragment(fixture: Fixture) {
    let index = fixture.open().await;
    let index = index.as_ref();
    let entries = entries();
    let all: Vec<LogEntry> = entries.iter().map(|(_, entry)| entry.clone()).collect();
    add(index, &all).await;
    for (name, entry) in entries {
        let chars: Vec<char> = entry.message.chars().collect();
        for length in [1, 2, 3, 4, 5, 9, 17, 40] {
            for start in (0..chars.len().saturating_sub(length)).step_by(length.max(5)) {
                let part: String = chars[start..start + length].iter().collect();
                // These characters belong to the one before them, so the part would not consist of
                // whole characters.
                let continues = |c: char| {
                    "\u{308}\u{ff9e}\u{200b}\u{ad}".contains(c)
                        || ('\u{e31}'..='\u{e4e}').contains(&c)
                };
                let next = chars.get(start + length);
                if continues(chars[start]) || next.is_some_and(|c| continues(*c)) {
                    continue;
                }
                let quoted = part.replace('\\', r"\\").replace('"', "\\\"");
                let query = text(&format!("message:\"{quoted}\""));
                let found = index.search(&query).await.unwrap().entries;
                assert!(found.iter().any(|hit| hit.id == entry.id), "{name}: {part:?}");
            }
        }
    }
}
