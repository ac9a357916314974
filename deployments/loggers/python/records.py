"""Shared by the programs: the records to log, where to send them, and errors with a stack trace."""

import json
import logging
import os
from pathlib import Path

URL = os.environ["LOGPULSE_URL"]
SERVICE = os.environ["SERVICE"]
RECORDS = json.loads(Path(os.environ["RECORDS"]).read_text())


def log_records(handler: logging.Handler) -> None:
    """Logs the records with `logging`, which does not support traces, so their ids are extra fields."""
    logger = logging.getLogger("shop")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    for record in RECORDS:
        trace = {name: record[name] for name in ("trace_id", "span_id") if name in record}
        logger.log(level(record), record["message"], extra=record["attributes"] | trace, exc_info=raised(record))


def level(record: dict) -> int:
    return logging.getLevelNamesMapping()[record["level"].upper()]


def raised(record: dict) -> Exception | None:
    """Returns the error of a record after raising it, so that it has a stack trace."""
    if "error" not in record:
        return None
    try:
        raise ValueError(record["error"])
    except ValueError as error:
        return error
