//! Bodies in the text formats of the protocols. Each body has the same records, which differ only
//! in the number of an order.

use serde_json::{Value, json};

/// The number of records in a body.
pub(crate) const RECORDS: u64 = 100;

/// The time of each record.
pub(crate) const TIME: &str = "2026-11-28T09:15:04.218Z";

/// The same time in nanoseconds since 1970.
pub(crate) const NANOS: u64 = 1_795_857_304_218_000_000;

pub(crate) const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
pub(crate) const SPAN_ID: &str = "00f067aa0ba902b7";

pub(crate) fn orders() -> impl Iterator<Item = u64> {
    48_000..48_000 + RECORDS
}

pub(crate) fn message(order: u64) -> String {
    format!("Payment of order {order} declined after 312 ms: insufficient funds")
}

/// A line in logfmt, as Loki's clients send it.
pub(crate) fn logfmt(order: u64) -> String {
    format!(r#"level=error msg="{}" order_id={order} region=eu-west-1"#, message(order))
}

/// The records of a logger, one per line.
pub(crate) fn ndjson() -> Vec<u8> {
    lines(|order| {
        let record = json!({
            "level": "error", "time": TIME, "service": "checkout", "msg": message(order),
            "order_id": order, "region": "eu-west-1",
        });
        record.to_string()
    })
}

/// The documents of a bulk request, each after its action.
pub(crate) fn bulk() -> Vec<u8> {
    let action = json!({"create": {"_index": "checkout"}});
    lines(|order| {
        let document = json!({
            "@timestamp": TIME, "log.level": "error", "message": message(order),
            "order_id": order, "region": "eu-west-1",
        });
        format!("{action}\n{document}")
    })
}

/// A push request to Loki with one stream.
pub(crate) fn loki() -> Vec<u8> {
    let value = |order| json!([NANOS.to_string(), logfmt(order)]);
    let values: Vec<Value> = orders().map(value).collect();
    let stream = json!({"service_name": "checkout", "host": "web-3"});
    json!({"streams": [{"stream": stream, "values": values}]}).to_string().into_bytes()
}

/// An OTLP request with one resource and one scope.
pub(crate) fn otlp() -> Vec<u8> {
    let record = |order: u64| {
        json!({
            "timeUnixNano": NANOS.to_string(), "severityNumber": 17, "severityText": "ERROR",
            "body": {"stringValue": message(order)}, "traceId": TRACE_ID, "spanId": SPAN_ID,
            "attributes": [
                {"key": "order_id", "value": {"intValue": order.to_string()}},
                {"key": "region", "value": {"stringValue": "eu-west-1"}},
            ],
        })
    };
    let records: Vec<Value> = orders().map(record).collect();
    let service = json!({"key": "service.name", "value": {"stringValue": "checkout"}});
    let resource_logs = json!({
        "resource": {"attributes": [service]},
        "scopeLogs": [{"scope": {"name": "payments"}, "logRecords": records}],
    });
    json!({"resourceLogs": [resource_logs]}).to_string().into_bytes()
}

/// A syslog stream in the format of RFC 5424.
pub(crate) fn rfc5424() -> Vec<u8> {
    lines(|order| {
        let data = format!(r#"[order@32473 id="{order}" region="eu-west-1"]"#);
        format!("<11>1 {TIME} web-3 checkout 812 - {data} {}", message(order))
    })
}

/// A syslog stream in the format of RFC 3164.
pub(crate) fn rfc3164() -> Vec<u8> {
    lines(|order| format!("<11>Nov 28 09:15:04 web-3 checkout[812]: {}", message(order)))
}

fn lines(line: impl Fn(u64) -> String) -> Vec<u8> {
    orders().flat_map(|order| (line(order) + "\n").into_bytes()).collect()
}
