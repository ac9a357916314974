"""Logs with `logging` and loki-logger-handler, which sends lines of JSON with gzip."""

from loki_logger_handler.loki_logger_handler import LokiLoggerHandler

from records import SERVICE, URL, log_records

log_records(LokiLoggerHandler(url=f"{URL}/loki/api/v1/push", labels={"application": SERVICE}))
