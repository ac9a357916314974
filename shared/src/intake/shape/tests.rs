use super::*;
use crate::log_entry::Attributes;

/// A summary of an entry: time, level, service, message and attributes.
#[derive(Debug, PartialEq)]
struct Summary {
    time: String,
    level: String,
    service: String,
    message: String,
    attributes: String,
}

fn entry(json: &str) -> NewLogEntry {
    entry_with(json, &Names::standard())
}

fn entry_with(json: &str, names: &Names) -> NewLogEntry {
    Record::from_json(json).unwrap().into_entry(names, Defaults::default()).unwrap()
}

fn summary(json: &str) -> Summary {
    let entry = entry(json);
    Summary {
        time: entry.timestamp.map_or_else(String::new, |time| time.to_string()),
        level: entry.level.map_or_else(String::new, |level| level.as_str().to_owned()),
        service: entry.service_name.as_str().to_owned(),
        message: entry.message,
        attributes: entry.attributes.map_or_else(String::new, |json| json.as_str().to_owned()),
    }
}

fn attributes(json: &str) -> String {
    summary(json).attributes
}

#[test]
fn the_records_of_common_loggers_are_recognized() {
    let time = "2026-11-25T17:00:00.123000Z";
    let cases = [
        (
            "pino",
            r#"{"level":50,"time":1795626000123,"pid":7,"hostname":"h","name":"shop","msg":"m","err":{"type":"Error"}}"#,
            "ERROR",
            "shop",
            r#"{"pid":7,"hostname":"h","err":{"type":"Error"}}"#,
        ),
        (
            "zap",
            r#"{"level":"warn","ts":1795626000.123,"caller":"a.go:1","msg":"m"}"#,
            "WARN",
            "unknown_service",
            r#"{"caller":"a.go:1"}"#,
        ),
        (
            "ECS with dotted names",
            r#"{"@timestamp":"2026-11-25T17:00:00.123Z","log.level":"error","message":"m","ecs.version":"8.10","service.name":"shop"}"#,
            "ERROR",
            "shop",
            r#"{"ecs.version":"8.10"}"#,
        ),
        (
            "ECS with nested objects",
            r#"{"@timestamp":"2026-11-25T17:00:00.123Z","log":{"level":"error"},"message":"m","service":{"name":"shop"}}"#,
            "ERROR",
            "shop",
            r#"{"log":{"level":"error"},"service":{"name":"shop"}}"#,
        ),
        (
            "GELF",
            r#"{"version":"1.1","host":"h","short_message":"m","full_message":"m\nat x","timestamp":1795626000.123,"level":3,"_service":"shop","_user":7}"#,
            "ERROR",
            "shop",
            r#"{"version":"1.1","host":"h","full_message":"m\nat x","_user":7}"#,
        ),
        (
            "the systemd journal",
            r#"{"__REALTIME_TIMESTAMP":"1795626000123000","PRIORITY":"4","_SYSTEMD_UNIT":"shop.service","SYSLOG_IDENTIFIER":"shop","MESSAGE":"m","_PID":"7"}"#,
            "WARN",
            "shop",
            r#"{"_SYSTEMD_UNIT":"shop.service","_PID":"7"}"#,
        ),
        (
            "Logstash",
            r#"{"@timestamp":"2026-11-25T17:00:00.123Z","@version":"1","message":"m","logger_name":"Cart","level":"DEBUG","level_value":10000,"app":"shop"}"#,
            "DEBUG",
            "shop",
            r#"{"@version":"1","logger_name":"Cart","level_value":10000}"#,
        ),
        (
            "Serilog",
            r#"{"Timestamp":"2026-11-25T17:00:00.123Z","Level":"Error","MessageTemplate":"{T}","RenderedMessage":"m","Properties":{"T":"m"}}"#,
            "ERROR",
            "unknown_service",
            r#"{"MessageTemplate":"{T}","Properties":{"T":"m"}}"#,
        ),
        (
            "Fluent Bit in Kubernetes",
            r#"{"date":1795626000.123,"log":"m\n","stream":"stderr","kubernetes":{"pod_name":"shop-1","labels":{"app":"shop"}}}"#,
            "",
            "shop",
            r#"{"stream":"stderr","kubernetes":{"pod_name":"shop-1","labels":{"app":"shop"}}}"#,
        ),
        (
            "Monolog",
            r#"{"message":"m","context":{},"level":400,"level_name":"ERROR","channel":"shop","datetime":"2026-11-25T17:00:00.123+00:00"}"#,
            "ERROR",
            "unknown_service",
            r#"{"context":{},"level":400,"channel":"shop"}"#,
        ),
    ];
    for (logger, json, level, service, attributes) in cases {
        let [level, service, attributes] = [level, service, attributes].map(str::to_owned);
        let (time, message) = (time.to_owned(), "m".to_owned());
        assert_eq!(
            summary(json),
            Summary { time, level, service, message, attributes },
            "{logger}"
        );
    }
}

#[test]
fn a_value_that_the_entry_cannot_represent_exactly_is_kept() {
    let long = "s".repeat(300);
    for field in [
        r#""level":35"#,
        r#""level":"notice""#,
        r#""PRIORITY":"1""#,
        r#""level":null"#,
        r#""time":"yesterday""#,
        r#""time":12"#,
        r#""time":"2026-11-25T17:00:00.123456789Z""#,
        r#""service":7"#,
        r#""service":"""#,
        r#""service":" shop""#,
        &format!(r#""service":"{long}""#),
        r#""container_name":"/shop""#,
        r#""msg":"second""#,
        r#""event":{"action":"login"}"#,
        r#""trace_id":"""#,
        r#""trace_id":"0000""#,
        r#""none":null"#,
        r#""price":1.10"#,
    ] {
        let json = format!(r#"{{"message":"first",{field}}}"#);
        assert_eq!(attributes(&json), format!("{{{field}}}"));
    }
}

#[test]
fn an_exactly_represented_value_is_not_repeated_in_the_attributes() {
    for field in [
        r#""severity":"err""#,
        r#""lvl":"20""#,
        r#""ts":"1795626000""#,
        r#""app":"shop""#,
        r#""traceId":"4bf92f35""#,
        r#""dd.span_id":72340172838076673"#,
    ] {
        assert_eq!(attributes(&format!(r#"{{"message":"m",{field}}}"#)), "", "{field}");
    }
}

#[test]
fn a_long_service_name_is_truncated() {
    let entry = entry(&format!(r#"{{"message":"m","app":"{}"}}"#, "ß".repeat(300)));
    assert_eq!(entry.service_name.as_str(), "ß".repeat(255));
}

#[test]
fn the_first_field_with_a_suitable_value_wins() {
    let entry =
        entry(r#"{"ts":1795626000,"time":"noon","service":{},"app":"","job":"j","msg":"m"}"#);
    assert_eq!(entry.timestamp.unwrap().to_string(), "2026-11-25T17:00:00.000000Z");
    assert_eq!(entry.service_name.as_str(), "j");
}

#[test]
fn preferred_names_come_first_and_may_be_paths() {
    let names = Names::standard()
        .preferring(Meaning::Time, "meta.at")
        .preferring(Meaning::Service, "missing, team")
        .preferring(Meaning::Message, "text");
    let json = r#"{"time":1795626000,"meta":{"at":1795626001},"service":"s","team":"t","message":"m","text":"x"}"#;
    let entry = entry_with(json, &names);
    assert_eq!(entry.timestamp.unwrap().to_string(), "2026-11-25T17:00:01.000000Z");
    assert_eq!((entry.service_name.as_str(), entry.message.as_str()), ("t", "x"));
    let expected = r#"{"time":1795626000,"meta":{"at":1795626001},"service":"s","message":"m"}"#;
    assert_eq!(entry.attributes.unwrap().as_str(), expected);
}

#[test]
fn a_record_without_a_message_gets_its_json_as_the_message() {
    let short = summary(r#"{"level":"warn", "order":7,"a":{"b": 1}}"#);
    assert_eq!(short.message, r#"{"level":"warn","order":7,"a":{"b": 1}}"#);
    assert_eq!(short.attributes, r#"{"order":7,"a":{"b": 1}}"#);
}

#[test]
fn a_message_that_is_an_object_becomes_its_json_and_is_kept() {
    let short = summary(r#"{"message":{"order":7}}"#);
    assert_eq!(short.message, r#"{"order":7}"#);
    assert_eq!(short.attributes, r#"{"message":{"order":7}}"#);
}

#[test]
fn a_journal_message_may_be_an_array_of_bytes() {
    let short = summary(r#"{"MESSAGE":[27,91,109,195,188]}"#);
    assert_eq!((short.message.as_str(), short.attributes.as_str()), ("\u{1b}[mü", ""));
}

#[test]
fn numbers_and_booleans_can_be_messages() {
    assert_eq!(summary(r#"{"msg":42}"#).message, "42");
    assert_eq!(summary(r#"{"msg":null,"event":true}"#).message, "true");
}

#[test]
fn attributes_in_logpulse_format_are_not_nested() {
    let expected = r#"{"a":1,"b":{"c":2},"d":3}"#;
    assert_eq!(attributes(r#"{"message":"m","a":1,"attributes":{"b":{"c":2},"d":3}}"#), expected);
    for json in [r#"{"a":1,"attributes":{"a":2}}"#, r#"{"attributes":[1]}"#] {
        assert_eq!(attributes(&json.replacen('{', r#"{"message":"m","#, 1)), json);
    }
    assert_eq!(attributes(r#"{"message":"m","attributes":{}}"#), "");
}

#[test]
fn a_value_that_is_nested_too_deeply_is_kept_as_a_string() {
    let deep = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(
        attributes(&format!(r#"{{"msg":"m","a":{}}}"#, deep(15))),
        format!(r#"{{"a":{}}}"#, deep(15))
    );
    for depth in [16, 100_000] {
        let json = format!(r#"{{"msg":"m","a":{},"b":1}}"#, deep(depth));
        assert_eq!(attributes(&json), format!(r#"{{"a":"{}","b":1}}"#, deep(depth)));
    }
    let json = format!(r#"{{"msg":"m","attributes":{{"a":{},"b":1}}}}"#, deep(16));
    assert!(attributes(&json).contains(r#""attributes":"{\"a\":["#));
}

#[test]
fn the_defaults_fill_in_missing_values() {
    let defaults = || Defaults {
        timestamp: Timestamp::from_micros(0),
        level: Some(Level::parse("warn")),
        service: Some("default".to_owned().try_into().unwrap()),
        message: Some("line".to_owned()),
    };
    let names = Names::standard();
    let empty = Record::default().into_entry(&names, defaults()).unwrap();
    assert_eq!(empty.timestamp, Timestamp::from_micros(0));
    assert_eq!(empty.level, Some(Level::parse("warn")));
    assert_eq!((empty.service_name.as_str(), &*empty.message), ("default", "line"));
    let mut record = Record::default();
    record.push_text("level", "error");
    record.push_text("app", String::from("a\"b"));
    record.push_text("note", "\"\n");
    record.push_json("n", "1.0");
    let entry = record.into_entry(&names, defaults()).unwrap();
    assert_eq!(entry.level, Some(Level::parse("error")));
    assert_eq!(entry.service_name.as_str(), "a\"b");
    assert_eq!(entry.attributes.unwrap().as_str(), r#"{"note":"\"\n","n":1.0}"#);
}

#[test]
fn only_objects_with_fields_are_records() {
    for json in ["[]", "1", "\"a\"", "null"] {
        let error = Record::from_json(json).unwrap_err();
        assert_eq!(error.detail, "the entry must be a JSON object", "{json}");
    }
    assert!(Record::from_json("{\"a\":").unwrap_err().detail.contains("not valid JSON"));
    let empty = Record::from_json("{}").unwrap();
    assert!(empty.into_entry(&Names::standard(), Defaults::default()).is_err());
}

#[test]
fn known_values_take_precedence_and_the_fields_are_kept() {
    let time = Timestamp::parse("2026-11-25T17:00:00Z").unwrap();
    let known =
        Defaults { timestamp: Some(time), message: Some("line".to_owned()), ..Defaults::default() };
    let record = Record::from_json(r#"{"ts":1795626000,"msg":"m","level":"warn"}"#).unwrap();

    let entry = record.into_entry_with(&Names::standard(), known, Defaults::default()).unwrap();

    assert_eq!((entry.timestamp, &*entry.message), (Some(time), "line"));
    assert_eq!(entry.level.unwrap().as_str(), "WARN");
    assert_eq!(entry.attributes.unwrap().as_str(), r#"{"ts":1795626000,"msg":"m"}"#);
}

#[test]
fn the_text_that_a_record_was_parsed_from_is_kept_unless_it_is_the_message() {
    for (json, expected) in [
        (r#"{"msg":"m"}"#, Some(r#"{"log.record.original":"{\"msg\":\"m\"}"}"#)),
        (r#"{"level":"warn"}"#, None),
    ] {
        let mut record = Record::from_json(json).unwrap();
        record.parsed_from(json);
        let defaults = Defaults { message: Some(json.to_owned()), ..Defaults::default() };
        let entry = record.into_entry(&Names::standard(), defaults).unwrap();
        assert_eq!(entry.attributes.as_ref().map(Attributes::as_str), expected);
    }
}

#[test]
fn names_with_the_same_meaning_are_ranked() {
    let names = Names::standard();
    let rank = |name| names.rank(Meaning::Service, name);
    assert!(rank("service") < rank("app") && rank("app") < rank("job"));
    assert_eq!(rank("message"), None);
}

#[test]
fn a_level_name_is_preferred_to_a_level_number() {
    for (json, expected) in [
        (r#"{"level":40,"levelname":"ERROR"}"#, "ERROR"),
        (r#"{"level":30.0,"status":"error"}"#, "INFO"),
        (r#"{"status":"error"}"#, "ERROR"),
        (r#"{"status":"ok"}"#, "INFO"),
        (r#"{"status":503}"#, "INFO"),
        (r#"{"priority":"err"}"#, "ERROR"),
        (r#"{"levelno":30,"levelname":"ERROR"}"#, "ERROR"),
        (r#"{"levelno":30}"#, "WARN"),
        (r#"{"levelno":5}"#, "TRACE"),
        (r#"{"level_value":40000}"#, "ERROR"),
        (r#"{"levelno":60}"#, "INFO"),
        (r#"{"level":300,"channel":"app"}"#, "WARN"),
        (r#"{"severity":"DEFAULT","status":"warn"}"#, "WARN"),
        (r#"{"jsonPayload":{"level":"error"}}"#, "ERROR"),
    ] {
        let level = entry(json).level.unwrap_or_default();
        assert_eq!(level.as_str(), expected, "{json}");
    }
}

#[test]
fn the_defaults_of_rsyslog_and_tracing_are_understood() {
    let rsyslog = entry(
        r#"{"message":"m","fromhost":"h","priority":"warning","timereported":"2026-11-26T10:00:00Z","syslogtag":"cron[7]:"}"#,
    );
    assert_eq!(rsyslog.timestamp.unwrap().to_string(), "2026-11-26T10:00:00.000000Z");
    assert_eq!(rsyslog.service_name.as_str(), "cron");
    let tracing = entry(r#"{"level":"ERROR","fields":{"message":"hello"},"target":"shop::x"}"#);
    assert_eq!(tracing.message, "hello");
    let cloud =
        entry(r#"{"message":"m","logging.googleapis.com/trace":"projects/p/traces/4bf92f35"}"#);
    assert_eq!(cloud.trace_id.unwrap().as_str(), "4bf92f35");
}

#[test]
fn a_level_number_is_kept_as_an_attribute() {
    assert_eq!(attributes(r#"{"msg":"m","levelno":40}"#), r#"{"levelno":40}"#);
}

#[test]
fn the_records_of_clouds_and_event_collectors_are_recognized() {
    let google = entry(
        r#"{"jsonPayload":{"msg":"m"},"resource":{"type":"k8s_container","labels":{"container_name":"shop"}}}"#,
    );
    assert_eq!((google.message.as_str(), google.service_name.as_str()), ("m", "shop"));
    let json = r#"{"timestampSeconds":1795626000,"timestampNanos":123456789,"severity":"null"}"#;
    let google = summary(json);
    assert_eq!(google.time, "2026-11-25T17:00:00.123456Z");
    assert_eq!((google.level.as_str(), google.attributes.as_str()), ("", json));
    let lambda = entry(r#"{"time":"2026-11-26T10:00:00.1Z","type":"function","record":"line"}"#);
    assert_eq!(lambda.message, "line");
    let splunk = entry(r#"{"time":1795687200.1,"event":{"message":"m","severity":"error"}}"#);
    assert_eq!((splunk.message.as_str(), splunk.level.unwrap().as_str()), ("m", "ERROR"));
    let log4j = entry(r#"{"message":"m","contextMap":{"trace.id":"4bf9","span.id":"00f0"}}"#);
    assert_eq!(log4j.trace_id.unwrap().as_str(), "4bf9");
    assert_eq!(log4j.span_id.unwrap().as_str(), "00f0");
    let loki4j = entry(r#"{"message":"m","mdc_trace_id":"4bf92f35","mdc_span_id":"00f0"}"#);
    assert_eq!(loki4j.trace_id.unwrap().as_str(), "4bf92f35");
    assert_eq!(loki4j.span_id.unwrap().as_str(), "00f0");
    let ruby = entry(r#"{"severity":"WARN","progname":"shop","message":"m"}"#);
    assert_eq!(ruby.service_name.as_str(), "shop");
}

#[test]
fn a_name_that_occurs_twice_is_kept_twice() {
    let json = r#"{"msg":"m","k":1,"k":2,"o":{"a":1,"a":2}}"#;
    assert_eq!(attributes(json), r#"{"k":1,"k":2,"o":{"a":1,"a":2}}"#);
}
