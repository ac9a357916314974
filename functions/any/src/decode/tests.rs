use super::*;

/// The message of each entry, or `!` if it is invalid; the error if the body is invalid.
fn messages_as(media_type: &str, body: &[u8]) -> Vec<String> {
    let context = Context { names: Arc::new(Names::standard()), service: None };
    let mut body = body.to_vec();
    let format = Format::of(media_type, &body);
    let mut messages = Vec::new();
    let decoded = decode(&mut body, format, &context, 1000, &mut |entry| {
        messages.push(entry.map_or_else(|_| "!".to_owned(), |entry| entry.message));
        Ok(())
    });
    match decoded {
        Ok(()) => messages,
        Err(error) => vec![error.to_string()],
    }
}

fn messages(body: &str) -> Vec<String> {
    messages_as("", body.as_bytes())
}

#[test]
fn json_records_are_accepted_in_any_arrangement() {
    for body in [
        r#"[{"msg":"a"},{"msg":"b"}]"#,
        r#"["a","b"]"#,
        "{\"msg\":\"a\"}\n\n{\"msg\":\"b\"}\n",
        r#"{"msg":"a"}{"msg":"b"}"#,
        r#"{"msg":"a"} {"msg":"b"}"#,
        r#"[{"msg":"a"}][{"msg":"b"}]"#,
        r#"{"logs":[{"msg":"a"},{"msg":"b"}]}"#,
        r#" { "records" : [{"msg":"a"},{"msg":"b"}] }"#,
        "{\"logs\":[{\"msg\":\"a\"}]}\n{\"logs\":[{\"msg\":\"b\"}]}",
        "\u{feff}[\n{\"msg\":\"a\"},\n{\"msg\":\"b\"}\n]\n",
        "{\n  \"msg\": \"a\"\n}\n{\n  \"msg\": \"b\"\n}",
        "{\"msg\":\"a\"}\nb",
        "a\n{\"msg\":\"b\"}",
    ] {
        for media_type in ["", "application/x-ndjson", "application/octet-stream"] {
            assert_eq!(messages_as(media_type, body.as_bytes()), ["a", "b"], "{media_type} {body}");
        }
    }
}

#[test]
fn lines_of_text_are_messages() {
    let body = "[main] started\r\n\n  {x} indented\n{\"msg\":\"json\"}\n{\"cut\n\"quoted\" text";
    let expected = ["[main] started", "  {x} indented", "json", "{\"cut", "\"quoted\" text"];
    assert_eq!(messages(body), expected);
    assert_eq!(messages_as("text/plain", body.as_bytes()), expected);
    assert_eq!(messages_as("text/plain", b"{\"cut\nx"), ["{\"cut", "x"]);
    assert_eq!(messages_as("", b"caf\xe9"), ["caf\u{fffd}"]);
}

#[test]
fn short_lines_of_logfmt_are_parsed() {
    let body = "level=info msg=\"a b\"\nts=2026-11-27T00:00:00Z n=1\na=1 b=2";
    assert_eq!(messages(body), ["a b", "ts=2026-11-27T00:00:00Z n=1", "a=1 b=2"]);
    let long = format!("level=info msg={}", "m".repeat(100));
    assert_eq!(messages(&long), [long]);
}

#[test]
fn json_documents_sent_as_text_are_records() {
    for body in [r#"[{"msg":"a"},{"msg":"b"}]"#, "{\n\"msg\":\"a\"\n}\n{\n\"msg\":\"b\"\n}"] {
        assert_eq!(messages_as("text/plain", body.as_bytes()), ["a", "b"], "{body}");
    }
}

#[test]
fn values_that_json_lacks_are_kept_as_strings() {
    for body in ["{\"msg\":\"a\",\"v\":NaN}", "[{\"msg\":\"a\",\"v\":-Infinity}]"] {
        assert_eq!(messages_as("application/json", body.as_bytes()), ["a"], "{body}");
    }
}

#[test]
fn text_as_json_is_rejected() {
    for body in ["text", "[main] started", "1", "NaN"] {
        let messages = messages_as("application/json", body.as_bytes());
        assert!(messages.iter().all(|message| message == "!"), "{body}: {messages:?}");
    }
}

#[test]
fn an_object_with_other_fields_beside_its_logs_is_a_record() {
    let json = r#"{"logs":[{"msg":"a"}],"total":1}"#;
    assert_eq!(messages(json), [json]);
    assert_eq!(messages(r#"[{"logs":[{"msg":"a"}]}]"#).len(), 1);
    assert!(messages(r#"{"logs":[]}"#).is_empty());
}

#[test]
fn an_invalid_element_does_not_affect_the_others() {
    for bad in [r#"{"msg":nan}"#, "17", "null", "{}", r#"{"msg":"\x"}"#] {
        let body = format!(r#"[{{"msg":"a"}},{bad},{{"msg":"b"}}]"#);
        assert_eq!(messages(&body), ["a", "!", "b"], "{bad}");
    }
}

#[test]
fn an_incomplete_array_is_rejected_as_a_whole() {
    for body in [r#"[{"msg":"a"},{"msg":"#, r#"[{"msg":"a"}"#] {
        assert!(messages(body).concat().contains("closing bracket"), "{body}");
    }
}

#[test]
fn invalid_characters_are_replaced() {
    assert_eq!(messages(r#"{"msg":"cut \ud83d"}"#), ["cut \u{fffd}"]);
    assert_eq!(messages_as("", b"{\"msg\":\"caf\xe9\"}"), ["caf\u{fffd}"]);
}

#[test]
fn deep_nesting_is_kept_or_rejected() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    assert_eq!(messages(&format!(r#"{{"msg":"a","x":{deep}}}"#)), ["a"]);
    assert_eq!(messages(&deep), ["!"]);
    assert_eq!(messages(&"{\"a\":".repeat(10_000)), ["!"]);
}

#[test]
fn bodies_in_utf_16_are_rejected() {
    for body in [&b"\xff\xfe{\0\"\0m\0\"\0:\0[\0]\0}\0"[..], b"\xfe\xff\0{\0\"\0m\0\"\0:\0[\0]\0}"]
    {
        for media_type in ["application/json", ""] {
            assert_eq!(messages_as(media_type, body), ["the body is UTF-16; send UTF-8"]);
        }
    }
}
