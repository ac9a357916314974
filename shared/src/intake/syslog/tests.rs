//! Messages from the RFCs and from real senders.

use std::net::IpAddr;

use super::*;
use crate::NewLogEntry;
use crate::intake::shape::Names;

const ARRIVAL: &str = "2026-11-27T00:00:00Z";
const MAX_PARSED_BYTES: usize = 1000;

fn entry_from(text: &str, peer: Option<IpAddr>) -> NewLogEntry {
    let arrival = Timestamp::parse(ARRIVAL).unwrap();
    Message::parse(text, arrival).into_entry(&Names::standard(), peer, MAX_PARSED_BYTES).unwrap()
}

/// The time, level, service, message and attributes of the entry for a message.
fn entry(text: &str) -> (String, String, String, String, String) {
    let entry = entry_from(text, None);
    (
        entry.timestamp.map_or_else(String::new, |time| time.to_string()),
        entry.level.map_or_else(String::new, |level| level.as_str().to_owned()),
        entry.service_name.as_str().to_owned(),
        entry.message,
        entry.attributes.map_or_else(String::new, |attributes| attributes.as_str().to_owned()),
    )
}

fn assert_entry(text: &str, [time, level, service, message, attributes]: [&str; 5]) {
    let expected = [time, level, service, message, attributes].map(str::to_owned);
    assert_eq!(<[String; 5]>::from(entry(text)), expected, "{text}");
}

#[test]
fn the_examples_of_rfc_5424_are_parsed() {
    for (text, expected) in [
        (
            "<34>1 2003-10-11T22:14:15.003Z mymachine.example.com su - ID47 - \u{feff}'su root' failed for lonvick on /dev/pts/8",
            [
                "2003-10-11T22:14:15.003000Z",
                "FATAL",
                "su",
                "'su root' failed for lonvick on /dev/pts/8",
                r#"{"hostname":"mymachine.example.com","msgid":"ID47","facility":"auth"}"#,
            ],
        ),
        (
            "<165>1 2003-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 - - %% It's time to make the do-nuts.",
            [
                "2003-08-24T12:14:15.000003Z",
                "INFO",
                "myproc",
                "%% It's time to make the do-nuts.",
                r#"{"hostname":"192.0.2.1","procid":"8710","facility":"local4","severity":"notice"}"#,
            ],
        ),
        (
            "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut=\"3\" eventSource=\"Application\" eventID=\"1011\"] \u{feff}An application event log entry...",
            [
                "2003-10-11T22:14:15.003000Z",
                "INFO",
                "evntslog",
                "An application event log entry...",
                r#"{"hostname":"mymachine.example.com","msgid":"ID47","structured_data":{"exampleSDID@32473":{"eventID":"1011","eventSource":"Application","iut":"3"}},"facility":"local4","severity":"notice"}"#,
            ],
        ),
    ] {
        assert_entry(text, expected);
    }
    let without_message =
        "<165>1 2003-10-11T22:14:15.003Z h evntslog - ID47 [a@1 b=\"c\"][d@1 e=\"f\"]";
    let (_, _, service, message, attributes) = entry(without_message);
    assert_eq!(service, "evntslog");
    assert!(message.contains(r#""msgid":"ID47""#), "{message}");
    assert!(attributes.contains(r#""structured_data":{"a@1":{"b":"c"},"d@1":{"e":"f"}}"#));
}

#[test]
fn the_examples_of_rfc_3164_are_parsed() {
    let october = "2026-10-11T22:14:15.000000Z";
    for (text, expected) in [
        (
            "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
            [
                october,
                "FATAL",
                "su",
                "'su root' failed for lonvick on /dev/pts/8",
                r#"{"hostname":"mymachine","facility":"auth"}"#,
            ],
        ),
        ("Use the BFG!", ["", "", "unknown_service", "Use the BFG!", ""]),
        (
            "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
            [
                "2027-02-05T17:32:18.000000Z",
                "INFO",
                "10.0.0.99",
                "Use the BFG!",
                r#"{"hostname":"10.0.0.99","facility":"user","severity":"notice"}"#,
            ],
        ),
        (
            "<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% It's time",
            [
                "2026-08-24T05:34:00.000000Z",
                "INFO",
                "CST",
                "1987 mymachine myproc[10]: %% It's time",
                r#"{"hostname":"CST","facility":"local4","severity":"notice"}"#,
            ],
        ),
        (
            "<0>1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!",
            [
                "",
                "FATAL",
                "unknown_service",
                "1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!",
                r#"{"facility":"kern","severity":"emerg"}"#,
            ],
        ),
    ] {
        assert_entry(text, expected);
    }
}

#[test]
fn the_messages_of_common_senders_are_parsed() {
    let october = "2026-10-11T22:14:15.000000Z";
    for (text, expected) in [
        // rsyslog's RSYSLOG_ForwardFormat.
        (
            "<30>2026-10-11T22:14:15.123456+00:00 web-1 systemd-logind[412]: New session 7.",
            [
                "2026-10-11T22:14:15.123456Z",
                "INFO",
                "systemd-logind",
                "New session 7.",
                r#"{"hostname":"web-1","procid":"412","facility":"daemon"}"#,
            ],
        ),
        // syslog-ng with the syslog-protocol flag.
        (
            "<30>1 2026-10-11T22:14:15+02:00 web-1 cron 99 - [timeQuality isSynced=\"0\"][meta sequenceId=\"1\"] job",
            [
                "2026-10-11T20:14:15.000000Z",
                "INFO",
                "cron",
                "job",
                r#"{"hostname":"web-1","procid":"99","structured_data":{"meta":{"sequenceId":"1"},"timeQuality":{"isSynced":"0"}},"facility":"daemon"}"#,
            ],
        ),
        // Docker and the C library: no host.
        (
            "<30>Oct 11 22:14:15 4f2a9c[1234]: - starts with a dash\n",
            [
                october,
                "INFO",
                "4f2a9c",
                "- starts with a dash",
                r#"{"procid":"1234","facility":"daemon"}"#,
            ],
        ),
        (
            "<134>Oct 11 22:14:15 haproxy[14]: 10.0.1.2:33317 [11/Oct/2026:22:14:15.655] http-in srv/s1 200",
            [
                october,
                "INFO",
                "haproxy",
                "10.0.1.2:33317 [11/Oct/2026:22:14:15.655] http-in srv/s1 200",
                r#"{"procid":"14","facility":"local0"}"#,
            ],
        ),
        (
            "<190>Oct 11 22:14:15 edge nginx: 10.0.0.1 - - [11/Oct/2026:22:14:15 +0000] \"GET / HTTP/1.1\" 200 5",
            [
                october,
                "INFO",
                "nginx",
                "10.0.0.1 - - [11/Oct/2026:22:14:15 +0000] \"GET / HTTP/1.1\" 200 5",
                r#"{"hostname":"edge","facility":"local7"}"#,
            ],
        ),
        (
            "<22>Oct 11 22:14:15 mail postfix/smtpd[71]: connect from unknown[10.0.0.9]",
            [
                october,
                "INFO",
                "postfix/smtpd",
                "connect from unknown[10.0.0.9]",
                r#"{"hostname":"mail","procid":"71","facility":"mail"}"#,
            ],
        ),
        // Python's SysLogHandler.
        (
            "<11>disk: full\0",
            ["", "ERROR", "unknown_service", "disk: full", r#"{"facility":"user"}"#],
        ),
        (
            "<11>shop[7]: disk full",
            ["", "ERROR", "shop", "disk full", r#"{"procid":"7","facility":"user"}"#],
        ),
    ] {
        assert_entry(text, expected);
    }
}

#[test]
fn the_messages_of_cisco_devices_are_parsed() {
    for (text, expected) in [
        (
            "<189>29: Oct 11 22:14:15.123 UTC: %SYS-5-CONFIG_I: Configured from console",
            [
                "2026-10-11T22:14:15.123000Z",
                "INFO",
                "unknown_service",
                "%SYS-5-CONFIG_I: Configured from console",
                r#"{"sequence":"29","facility":"local7","severity":"notice"}"#,
            ],
        ),
        (
            "<187>42: core-1: Oct 11 22:14:15: %LINK-3-UPDOWN: Interface down",
            [
                "2026-10-11T22:14:15.000000Z",
                "ERROR",
                "core-1",
                "%LINK-3-UPDOWN: Interface down",
                r#"{"hostname":"core-1","sequence":"42","facility":"local7"}"#,
            ],
        ),
        (
            "<166>Oct 11 2026 22:14:15 asa : %ASA-6-302013: Built inbound TCP",
            [
                "2026-10-11T22:14:15.000000Z",
                "INFO",
                "asa",
                "%ASA-6-302013: Built inbound TCP",
                r#"{"hostname":"asa","facility":"local4"}"#,
            ],
        ),
        // The clock has never been set, or the offset of its zone is unknown.
        (
            "<189>29: *Mar  1 18:46:11: %SYS-5-CONFIG_I: Configured",
            [
                "",
                "INFO",
                "unknown_service",
                "29: *Mar  1 18:46:11: %SYS-5-CONFIG_I: Configured",
                r#"{"facility":"local7","severity":"notice"}"#,
            ],
        ),
        (
            "<187>Oct 11 22:14:15 CET: %LINK-3-UPDOWN: down",
            [
                "",
                "ERROR",
                "unknown_service",
                "Oct 11 22:14:15 CET: %LINK-3-UPDOWN: down",
                r#"{"facility":"local7"}"#,
            ],
        ),
    ] {
        assert_entry(text, expected);
    }
}

#[test]
fn a_header_that_is_not_recognized_remains_part_of_the_message() {
    for text in [
        "1 yesterday host app - - - message",
        "2 2003-10-11T22:14:15.003Z host app - - - message",
        "1 - host",
        "1  - - - - - -",
        "hello world",
        "error: disk full",
        "{\"a\":1",
        "Oct 99 22:14:15 host app: message",
        "29: hello",
        "a[]: b",
        " x",
    ] {
        let message = entry(&format!("<12>{text}")).3;
        assert_eq!(message, text);
    }
    for text in ["<999>m", "<1>", "no priority", "<x>1 - - - - - - m"] {
        let arrival = Timestamp::parse(ARRIVAL).unwrap();
        let message = Message::parse(text, arrival);
        assert_eq!(
            (message.priority.is_none(), message.text),
            (text != "<1>", text.trim_start_matches("<1>"))
        );
    }
}

#[test]
fn malformed_structured_data_remains_part_of_the_message() {
    for data in ["[not data]", "[a b=\"c]", "nothing", "[a][a]"] {
        let (_, _, service, message, attributes) = entry(&format!("<14>1 - - app - ID47 {data} m"));
        assert_eq!((service.as_str(), message), ("app", format!("{data} m")));
        assert_eq!(attributes, r#"{"msgid":"ID47","facility":"user"}"#);
    }
}

#[test]
fn spaces_in_a_message_are_kept() {
    for text in ["<14>1 - - app - - -   m ", "<14>Oct 11 22:14:15 h app:   m ", "<14>a[1]:   m "] {
        assert_eq!(entry(text).3, "  m ");
    }
}

#[test]
fn a_structured_message_takes_precedence_over_the_header() {
    let json = r#"{"level":50,"time":1795737600000,"msg":"declined","hostname":"pod-1"}"#;
    let original = serde_json::to_string(json).unwrap();
    let (time, level, service, message, attributes) =
        entry(&format!("<30>Oct 11 22:14:15 docker shop[7]: {json}"));
    assert_eq!(time, "2026-11-27T00:00:00.000000Z");
    assert_eq!((level.as_str(), service.as_str(), message.as_str()), ("ERROR", "shop", "declined"));
    let expected = format!(
        r#"{{"hostname":"pod-1","timereported":"2026-10-11T22:14:15Z","syslog.hostname":"docker","procid":"7","facility":"daemon","log.record.original":{original},"severity":"info"}}"#
    );
    assert_eq!(attributes, expected);
}

#[test]
fn cee_and_logfmt_messages_are_parsed() {
    let (time, level, service, message, attributes) =
        entry(r#"<30>Oct 11 22:14:15 h app: @cee: {"msg":"m","service":"cart","n":1}"#);
    assert_eq!(time, "2026-10-11T22:14:15.000000Z");
    assert_eq!((level.as_str(), service.as_str(), message.as_str()), ("INFO", "cart", "m"));
    assert!(attributes.contains(r#""n":1"#) && attributes.contains(r#""appname":"app""#));
    let (_, level, service, message, attributes) =
        entry("<30>Oct 11 22:14:15 h app: level=warn msg=\"slow query\" ms=12");
    assert_eq!((level.as_str(), service.as_str()), ("WARN", "app"));
    assert_eq!(message, "slow query");
    assert!(attributes.contains(r#""ms":12"#), "{attributes}");
}

#[test]
fn a_long_message_is_not_parsed() {
    let json = format!(r#"{{"msg":"{}"}}"#, "m".repeat(MAX_PARSED_BYTES));
    assert_eq!(entry(&format!("<14>{json}")).3, json);
}

#[test]
fn the_address_of_the_sender_is_kept_if_the_header_has_no_host() {
    let peer = Some("::ffff:192.0.2.7".parse().unwrap());
    let attributes = |text| entry_from(text, peer).attributes.unwrap().as_str().to_owned();
    assert_eq!(attributes("<14>m"), r#"{"facility":"user","client.address":"192.0.2.7"}"#);
    assert_eq!(attributes("<14>Oct 11 22:14:15 h app: m"), r#"{"hostname":"h","facility":"user"}"#);
}
