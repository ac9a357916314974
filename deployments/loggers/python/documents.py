"""Converts the records to documents in the Elastic Common Schema."""

import traceback
from collections.abc import Iterator
from datetime import UTC, datetime

from records import RECORDS, SERVICE, raised


def documents() -> Iterator[dict]:
    for record in RECORDS:
        document = {
            "@timestamp": datetime.now(UTC).isoformat(),
            "log": {"level": record["level"]},
            "service": {"name": SERVICE},
            "message": record["message"],
            **record["attributes"],
        }
        if error := raised(record):
            stack_trace = "".join(traceback.format_exception(error))
            document["error"] = {"type": type(error).__name__, "message": str(error), "stack_trace": stack_trace}
        if "trace_id" in record:
            document |= {"trace": {"id": record["trace_id"]}, "span": {"id": record["span_id"]}}
        yield document
