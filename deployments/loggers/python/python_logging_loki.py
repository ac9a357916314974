"""Logs with `logging` and the handler of python-logging-loki, as lines of JSON."""

from logging_loki import LokiHandler
from pythonjsonlogger.json import JsonFormatter

from records import SERVICE, URL, log_records

handler = LokiHandler(url=f"{URL}/loki/api/v1/push", tags={"application": SERVICE}, version="1")
handler.setFormatter(JsonFormatter())
log_records(handler)
