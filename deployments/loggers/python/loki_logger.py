"""Logs with `logging` and loki-logger-handler, which sends gzipped lines of JSON."""

from loki_logger_handler.loki_logger_handler import LokiLoggerHandler

from records import SERVICE, URL, log_records

log_records(LokiLoggerHandler(url=f"{URL}/loki/api/v1/push", labels={"application": SERVICE}))
