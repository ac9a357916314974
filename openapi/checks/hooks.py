"""Adapts generated requests to rules that OpenAPI cannot express.

Each hook changes a request before it is sent; Schemathesis then re-evaluates whether the request is valid.
"""

import json
import re
import time

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


@before_call(path="/logs/search")
def sort_by_relevance_without_a_cursor(context, case, kwargs):
    """Removes the cursor, which cannot be combined with sorting by relevance."""
    if isinstance(case.query, dict) and case.query.get("sort") == "relevance":
        case.query.pop("cursor", None)
