use serde_json::{Value, json};
use shared::protobuf::{push_bytes, push_varint};

use super::*;
use crate::{Format, decode};

const NOW: &str = "1795626000123456789";
const LATER: &str = "1795626000125456789";
const CART: &str = r#"{"scope":{"name":"cart"}}"#;
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn request(resource: Value, record: Value) -> Value {
    let scope_logs = json!({"scope": {"name": ""}, "logRecords": [record]});
    json!({"resourceLogs": [{"scopeLogs": [scope_logs], "resource": {"attributes": resource}}]})
}

/// The entries of a request in JSON.
fn entries(request: &Value) -> Vec<NewLogEntry> {
    let mut entries = Vec::new();
    let mut body = request.to_string().into_bytes();
    decode(Format::Json, &mut body, |entry| entries.push(entry.unwrap())).unwrap();
    entries
}

/// The entry of a record without a resource.
fn entry(record: Value) -> NewLogEntry {
    entries(&request(json!([]), record)).remove(0)
}

fn attributes(entry: &NewLogEntry) -> &str {
    entry.attributes.as_ref().map_or("", Attributes::as_str)
}

fn text(key: &str, value: &str) -> Value {
    json!({"key": key, "value": {"stringValue": value}})
}

#[test]
fn the_fields_of_a_record_become_fields_of_the_entry() {
    let resource = json!([text("service.name", "shop"), text("host.name", "web-1")]);
    let record = json!({
        "timeUnixNano": NOW, "severityNumber": 17, "severityText": "ERROR",
        "body": {"stringValue": "failed"}, "traceId": TRACE_ID, "spanId": "00f067aa0ba902b7",
        "flags": 1, "eventName": "order.failed", "droppedAttributesCount": 2,
        "attributes": [{"key": "order.id", "value": {"intValue": "4711"}}],
    });

    let entry = entries(&request(resource, record)).remove(0);

    assert_eq!(entry.timestamp.unwrap().to_string(), "2026-11-25T17:00:00.123456Z");
    assert_eq!(entry.level.as_ref().unwrap().as_str(), "ERROR");
    assert_eq!((entry.service_name.as_str(), entry.message.as_str()), ("shop", "failed"));
    assert_eq!(entry.trace_id.as_ref().unwrap().as_str(), TRACE_ID);
    assert_eq!(entry.span_id.as_ref().unwrap().as_str(), "00f067aa0ba902b7");
    let expected = concat!(
        r#"{"order.id":4711,"event_name":"order.failed","flags":1,"dropped_attributes_count":2,"#,
        r#""resource":{"host.name":"web-1"}}"#
    );
    assert_eq!(attributes(&entry), expected);
}

#[test]
fn instrumentation_libraries_are_scopes() {
    let logs = json!([{"body": {"stringValue": "m"}}]);
    for logs_name in ["logRecords", "logs"] {
        let library_logs = json!({"instrumentationLibrary": {"name": "cart"}, logs_name: logs});
        let resource_logs = json!({"instrumentationLibraryLogs": [library_logs]});
        let entry = entries(&json!({"resourceLogs": [resource_logs]})).remove(0);
        assert_eq!((entry.message.as_str(), attributes(&entry)), ("m", CART));
    }

    let nested = |number, message: &[u8]| {
        let mut parent = Vec::new();
        push_bytes(&mut parent, number, message);
        parent
    };
    for field in [2, 1000] {
        let library_logs =
            [nested(1, &nested(1, b"cart")), nested(2, &nested(5, &nested(1, b"m")))];
        let mut request = nested(1, &nested(field, &library_logs.concat()));
        let mut entries = Vec::new();
        decode(Format::Protobuf, &mut request, |entry| entries.push(entry.unwrap())).unwrap();
        assert_eq!((entries[0].message.as_str(), attributes(&entries[0])), ("m", CART));
    }
}

#[test]
fn the_scope_is_kept_with_its_attributes() {
    let scope = json!({
        "name": "cart", "version": "1.0", "attributes": [text("a", "b")], "droppedAttributesCount": 1
    });
    let scope_logs = json!({"logRecords": [{}], "scope": scope, "schemaUrl": "s"});
    let entries =
        entries(&json!({"resourceLogs": [{"scopeLogs": [scope_logs], "schemaUrl": "r"}]}));
    let expected = concat!(
        r#"{"resource":{"schema_url":"r"},"scope":{"name":"cart","version":"1.0","#,
        r#""attributes":{"a":"b"},"dropped_attributes_count":1,"schema_url":"s"}}"#
    );
    assert_eq!(attributes(&entries[0]), expected);
}

#[test]
fn a_resource_applies_only_to_its_own_records() {
    let logs = |name: &str| {
        let attributes = json!([text("service.name", name), text("host", name)]);
        json!({"scopeLogs": [{"logRecords": [{}]}], "resource": {"attributes": attributes}})
    };
    let without = json!({"scopeLogs": [{"logRecords": [{}]}]});

    let entries = entries(&json!({"resourceLogs": [logs("a"), without, logs("b")]}));

    let services: Vec<_> = entries.iter().map(|entry| entry.service_name.as_str()).collect();
    assert_eq!(services, ["a", "unknown_service", "b"]);
    let attributes: Vec<_> = entries.iter().map(attributes).collect();
    assert_eq!(attributes, [r#"{"resource":{"host":"a"}}"#, "", r#"{"resource":{"host":"b"}}"#]);
}

#[test]
fn a_service_name_is_truncated_or_taken_from_the_record() {
    let long = "a".repeat(300);
    let resource = json!([text("service.name", &long)]);
    let truncated = entries(&request(resource, json!({}))).remove(0);
    assert_eq!(truncated.service_name.as_str(), &long[..255]);
    assert_eq!(attributes(&truncated), format!(r#"{{"resource":{{"service.name":"{long}"}}}}"#));

    let of_record = entry(json!({"attributes": [text("service.name", "shop")]}));
    assert_eq!(of_record.service_name.as_str(), "shop");
    assert_eq!(attributes(&of_record), r#"{"service.name":"shop"}"#);

    let empty = entries(&request(json!([text("service.name", "")]), json!({}))).remove(0);
    assert_eq!(empty.service_name.as_str(), "unknown_service");
}

#[test]
fn an_attribute_takes_precedence_over_other_values_of_its_name() {
    let resource = json!([text("host", "a")]);
    let attributes = json!([text("resource", "mine"), text("flags", "x"), text("n", "record")]);
    let body = json!({"kvlistValue": {"values": [text("msg", "m"), text("n", "body")]}});
    let record = json!({"attributes": attributes, "flags": 3, "body": body});

    let entry = entries(&request(resource, record)).remove(0);

    let expected = concat!(
        r#"{"resource":"mine","flags":"x","n":"record","n_":"body","flags_":3,"#,
        r#""resource_":{"host":"a"}}"#
    );
    assert_eq!(super::tests::attributes(&entry), expected);
}

#[test]
fn the_time_is_the_event_time_or_else_the_observed_time() {
    let observed = r#"{"observed_timestamp":"2026-11-25T17:00:00.125456Z"}"#;
    let (at, after) = ("2026-11-25T17:00:00.123456Z", "2026-11-25T17:00:00.125456Z");
    for (record, expected, kept) in [
        (json!({"timeUnixNano": NOW}), Some(at), ""),
        (json!({"timeUnixNano": NOW, "observedTimeUnixNano": NOW}), Some(at), ""),
        (json!({"timeUnixNano": NOW, "observedTimeUnixNano": LATER}), Some(at), observed),
        (json!({"timeUnixNano": "0", "observedTimeUnixNano": LATER}), Some(after), ""),
        (json!({"timeUnixNano": 0, "observedTimeUnixNano": null}), None, ""),
        (json!({"time_unix_nano": 1_795_626_000_123_456_789_u64}), Some(at), ""),
        (json!({"timeUnixNano": "18446744073709551615"}), Some("2554-07-21T23:34:33.709551Z"), ""),
    ] {
        let entry = entry(record.clone());
        let timestamp = entry.timestamp.map(|timestamp| timestamp.to_string());
        assert_eq!(timestamp.as_deref(), expected, "{record}");
        assert_eq!(attributes(&entry), kept, "{record}");
    }
}

#[test]
fn a_body_of_any_type_becomes_the_message() {
    for (body, message) in [
        (json!({"stringValue": "a line\r\n"}), "a line"),
        (json!({"stringValue": ""}), ""),
        (json!({"boolValue": true}), "true"),
        (json!({"intValue": 7}), "7"),
        (json!({"intValue": "-7"}), "-7"),
        (json!({"doubleValue": 1.5}), "1.5"),
        (json!({"doubleValue": "NaN"}), "NaN"),
        (json!({"bytesValue": "bGluZQo="}), "line"),
        (json!({"bytesValue": "AP8B"}), "AP8B"),
        (json!({"arrayValue": {"values": [{"intValue": 1}, {}]}}), "[1,null]"),
        (json!({"kvlistValue": {"values": []}}), "event"),
        (json!({}), "event"),
        (Value::Null, "event"),
    ] {
        let entry = entry(json!({"body": body, "eventName": "event"}));
        assert_eq!(entry.message, message, "{body}");
        assert_eq!(attributes(&entry), r#"{"event_name":"event"}"#, "{body}");
    }
    assert_eq!(entry(json!({})).message, "");
}

/// A map body with a message, a level, a time, a trace id and another field.
fn map_body() -> Value {
    json!({"kvlistValue": {"values": [
        text("msg", "cart opened"), text("level", "warn"), text("ts", "2026-01-01T00:00:00Z"),
        text("trace_id", TRACE_ID), {"key": "order", "value": {"intValue": 4711}},
        text("service", "of-the-body"),
    ]}})
}

#[test]
fn a_map_body_provides_values_that_the_record_lacks() {
    let entry = entry(json!({"body": map_body(), "observedTimeUnixNano": NOW}));
    assert_eq!(entry.message, "cart opened");
    assert_eq!(entry.level.as_ref().unwrap().as_str(), "WARN");
    assert_eq!(entry.timestamp.unwrap().to_string(), "2026-01-01T00:00:00.000000Z");
    assert_eq!(entry.trace_id.as_ref().unwrap().as_str(), TRACE_ID);
    assert_eq!(entry.service_name.as_str(), "of-the-body");
    assert_eq!(attributes(&entry), r#"{"order":4711}"#);
}

#[test]
fn the_fields_of_a_record_take_precedence_over_its_map_body() {
    let record = json!({
        "body": map_body(), "timeUnixNano": NOW, "severityNumber": 9,
        "traceId": "0000000000000000000000000000000a",
    });
    let resource = json!([text("service.name", "shop")]);

    let entry = entries(&request(resource, record)).remove(0);

    assert_eq!(entry.message, "cart opened");
    assert_eq!(entry.level.as_ref().unwrap().as_str(), "INFO");
    assert_eq!(entry.timestamp.unwrap().to_string(), "2026-11-25T17:00:00.123456Z");
    assert_eq!(entry.service_name.as_str(), "shop");
    let expected = json!({
        "level": "warn", "ts": "2026-01-01T00:00:00Z", "trace_id": TRACE_ID, "order": 4711,
        "service": "of-the-body",
    });
    assert_eq!(serde_json::from_str::<Value>(attributes(&entry)).unwrap(), expected);
}

#[test]
fn a_map_body_without_a_message_is_kept_as_json_and_as_attributes() {
    let entry = entry(json!({"body": {"kvlistValue": {"values": [text("a", "b")]}}}));
    assert_eq!((entry.message.as_str(), attributes(&entry)), (r#"{"a":"b"}"#, r#"{"a":"b"}"#));
}

#[test]
fn attributes_of_all_types_are_kept() {
    let value = |value: Value| json!({"key": "k", "value": value});
    for (attribute, expected) in [
        (value(json!({"boolValue": false})), "false"),
        (value(json!({"doubleValue": 4711})), "4711"),
        (value(json!({"doubleValue": 1.50})), "1.5"),
        (value(json!({"bytesValue": "AP8B"})), "\"AP8B\""),
        (value(json!({"bytesValue": "not base64"})), "\"not base64\""),
        (value(json!({"intValue": "many"})), "\"many\""),
        (
            value(json!({"arrayValue": {"values": [{"stringValue": "a"}, {"kvlistValue": {}}]}})),
            r#"["a",{}]"#,
        ),
        (value(json!({})), "null"),
        (json!({"key": "k"}), "null"),
    ] {
        let entry = entry(json!({"attributes": [attribute]}));
        assert_eq!(attributes(&entry), format!(r#"{{"k":{expected}}}"#));
    }
}

/// A value that contains arrays to this depth.
fn nested(depth: usize) -> Value {
    (0..depth).fold(json!({"intValue": 1}), |inner, _| json!({"arrayValue": {"values": [inner]}}))
}

#[test]
fn deep_values_are_kept_as_a_string() {
    let deep = |depth| json!([{"key": "k", "value": nested(depth)}]);
    let record = entry(json!({"attributes": deep(15)}));
    assert_eq!(attributes(&record), format!(r#"{{"k":{}1{}}}"#, "[".repeat(15), "]".repeat(15)));
    let record = entry(json!({"attributes": deep(17)}));
    let expected = format!(r#"{{"k":{}"[[1]]"{}}}"#, "[".repeat(15), "]".repeat(15));
    assert_eq!(attributes(&record), expected);
    let resource = entries(&request(deep(16), json!({}))).remove(0);
    let expected = format!(r#"{{"resource":{{"k":{}"[[1]]"{}}}}}"#, "[".repeat(14), "]".repeat(14));
    assert_eq!(attributes(&resource), expected);
    let body =
        entry(json!({"body": {"kvlistValue": {"values": [{"key": "k", "value": nested(20)}]}}}));
    assert!(body.message.starts_with(r#"{"k":[[["#), "{}", body.message);
    assert!(attributes(&body).starts_with(r#"{"k":""#), "{}", attributes(&body));
}

#[test]
fn invalid_utf8_is_replaced() {
    let mut body = Vec::new();
    push_bytes(&mut body, 1, b"a\xffb");
    let mut record = Vec::new();
    push_bytes(&mut record, 5, &body);
    push_varint(&mut record, 2, 9);
    let (mut scope_logs, mut resource_logs, mut request) = (Vec::new(), Vec::new(), Vec::new());
    push_bytes(&mut scope_logs, 2, &record);
    push_bytes(&mut resource_logs, 2, &scope_logs);
    push_bytes(&mut request, 1, &resource_logs);
    let mut messages = Vec::new();

    decode(Format::Protobuf, &mut request, |entry| messages.push(entry.unwrap().message)).unwrap();

    assert_eq!(messages, ["a\u{fffd}b"]);
}
