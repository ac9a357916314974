"""Adapts generated requests to rules that OpenAPI cannot express.

Each hook changes a request before it is sent; Schemathesis then re-evaluates whether the request is valid.
"""

import json
import re
import time

import requests
import schemathesis

UUID_V7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


def before_call(path):
    return schemathesis.hook("before_call").apply_to(path=path)


@before_call(path=["/logs", "/logs/batch"])
def renew_ids(context, case, kwargs):
    """Sets the time in each UUIDv7 to the current time, because LogPulse rejects ids that are too old."""
    entries = case.body if isinstance(case.body, list) else [case.body]
    for entry in entries:
        if isinstance(entry, dict) and UUID_V7.fullmatch(str(entry.get("id"))):
            millis = f"{time.time_ns() // 1_000_000:012x}"
            entry["id"] = f"{millis[:8]}-{millis[8:]}{entry['id'][13:]}"


def is_lenient(name, value):
    """Whether LogPulse accepts a value although the document does not list it."""
    if name in ("id", "timestamp", "level", "trace_id", "span_id", "attributes") and isinstance(value, str):
        return not value.strip() or (name == "timestamp" and re.match(r"\s*\d{4}[-/]?\d\d[-/]?\d\d[Tt ]", value))
    return (name == "level" and type(value) in (int, float)) or (name == "attributes" and value == [])


@before_call(path=["/logs", "/logs/batch"])
def omit_lenient_values(context, case, kwargs):
    """Omits values that only the lenient parser accepts: empty strings, levels as numbers, ISO 8601 timestamps."""
    entries = case.body if isinstance(case.body, list) else [case.body]
    for entry in entries:
        if isinstance(entry, dict) and case.meta.generation.mode.is_negative:
            for name in [name for name, value in entry.items() if is_lenient(name, value)]:
                del entry[name]


@before_call(path="/logs/batch")
def send_a_list(context, case, kwargs):
    """Wraps a single entry, which is a valid batch although the document only describes lists."""
    if isinstance(case.body, dict):
        case.body = [case.body]


@before_call(path="/logs/batch")
def send_one_invalid_entry(context, case, kwargs):
    """Keeps only the first entry of an invalid batch, because one valid entry is enough for a 201."""
    if isinstance(case.body, list) and case.meta.generation.mode.is_negative:
        del case.body[1:]


@before_call(path="/logs/ndjson")
def write_ndjson(context, case, kwargs):
    """Turns each line of a generated body into the message of an entry. The document's example is left unchanged."""
    text = case.body.decode(errors="replace") if isinstance(case.body, bytes) else case.body
    if isinstance(text, str) and not text.startswith('{"'):
        entries = ({"service_name": "schemathesis", "message": line} for line in text.split("\n"))
        case.body = "\n".join(map(json.dumps, entries))


def write_record(case, write):
    """Replaces a generated body with the result of `write` for its text. The document's example is left unchanged."""
    text = case.body.decode(errors="replace") if isinstance(case.body, bytes) else case.body
    if isinstance(text, str) and not text.startswith('{"'):
        case.body = write(f"generated: {text}")


@before_call(path="/logs/any")
def write_any_record(context, case, kwargs):
    write_record(case, lambda text: json.dumps({"message": text}))


@before_call(path="/_bulk")
def write_bulk_request(context, case, kwargs):
    write_record(case, lambda text: "\n".join(map(json.dumps, [{"create": {}}, {"message": text}])))


@before_call(path="/loki/api/v1/push")
def write_push_request(context, case, kwargs):
    stream = {"service_name": "schemathesis"}
    write_record(case, lambda text: json.dumps({"streams": [{"stream": stream, "values": [["0", text]]}]}))


@before_call(path=["/logs/search", "/logs/export", "/logs/stats", "/logs/patterns", "/logs/fields"])
def send_a_valid_search(context, case, kwargs):
    """Avoids what the document cannot forbid: sorting by relevance with a cursor, operators without operands, and
    days that do not exist."""
    if not isinstance(case.query, dict):
        return
    # The cursor stays, because it may be the invalid part of the request.
    if case.query.get("sort") == "relevance" and "cursor" in case.query:
        case.query.pop("sort")
    text = case.query.get("q")
    if isinstance(text, str) and len(text) <= 100:
        case.query["q"] = '"' + (text.replace("\\", "").replace('"', "") or "text") + '"'
    for name in ("from", "to", "new_since"):
        time = case.query.get(name)
        if isinstance(time, str):
            case.query[name] = re.sub(r"^(\d{4}-\d\d)-(29|30|31)(?!\d)", r"\1-28", time)


@before_call(path="/logs/stats")
def send_valid_stats(context, case, kwargs):
    """Replaces what the document cannot describe: time zones, lists of fields, and intervals that suit the range."""
    if isinstance(case.query, dict) and not case.meta.generation.mode.is_negative:
        valid = {"tz": "Europe/Berlin", "by": "level", "top": ["service_name", "attributes.order:3"], "measure": "count", "interval": "auto"}
        case.query.update({name: value for name, value in valid.items() if name in case.query})
        if "compare" in case.query:
            case.query["from"] = "-1h"
            case.query.pop("to", None)


ENTRY = {
    "service_name": "schemathesis",
    "level": "info",
    "message": "saved for the tail",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": "00f067aa0ba902b7",
}
ONE_ENTRY = {"from": "-1h", "limit": 1}
# Values with which a tail sends the entry and ends.
MATCHING = {"q": "tail", "sample": "1/1", **ONE_ENTRY}
MATCHING.update({name: [ENTRY[name]] for name in ("service_name", "level", "trace_id", "span_id")})


def is_accepted(parameter, value):
    """Whether LogPulse accepts a value. It is sent as text: once, repeated, or not at all if it is empty."""
    texts = [str(item) for item in (value if isinstance(value, list) else [value])]
    text = texts[0] if len(texts) == 1 else None
    number = int(text) if text and re.fullmatch(r"\d{1,10}", text) else None
    return value in ([], {}) or any(map(parameter.is_valid, (texts, text, number)))


@before_call(path="/logs/tail")
def send_a_tail_that_ends(context, case, kwargs):
    """Saves an entry and replaces all valid values with those that match it, because a tail without entries does not
    end. Accepts NDJSON, because Schemathesis would compare each event with the schema of the whole text."""
    requests.post(f"{case.operation.base_url}/logs", json=ENTRY, timeout=5).raise_for_status()
    case.headers["Accept"] = "application/x-ndjson"
    case.query = {**ONE_ENTRY, **(case.query or {})}
    for parameter in case.operation.query:
        value = case.query.get(parameter.name)
        if parameter.name in MATCHING and value is not None and is_accepted(parameter, value):
            case.query[parameter.name] = MATCHING[parameter.name]
