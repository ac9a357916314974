"""The loggers, and the attributes that each of them sends with a record.

A value may be a type or a regular expression. A name that ends in `?` may be absent.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

Attributes = dict[str, object]


@dataclass
class Logger:
    """A program that runs in the folder of its language. `{url}` in its command is the address of LogPulse."""

    name: str
    language: str
    command: str
    attributes: Callable[[dict, str], Attributes]


def opentelemetry_python(record: dict, service: str) -> Attributes:
    resource = SDK | {"service.instance.id": str}
    return opentelemetry(resource=resource) | exception(record, "ValueError", python_stack)


def opentelemetry_node(record: dict, service: str) -> Attributes:
    return opentelemetry() | exception(record, "Error", node_stack)


def opentelemetry_go(record: dict, service: str) -> Attributes:
    return opentelemetry(resource=SDK | {"schema_url": str}) | exception(record, "*errors.errorString")


def opentelemetry_java(record: dict, service: str) -> Attributes:
    error = exception(record, "java.lang.IllegalStateException", java_stack)
    return opentelemetry(resource=SDK) | java_objects(record) | error


def loki4j(record: dict, service: str) -> Attributes:
    attributes = {"timestamp_ms": int, "logger_name": "shop", "thread_name": "main", **LINE}
    # Loki4j sends fractions as strings.
    fractions = {name: str(value) for name, value in record["attributes"].items() if isinstance(value, float)}
    error = when_failed(record, lambda error: {"stack_trace": java_stack(error)})
    return attributes | java_objects(record) | fractions | error


def documents(record: dict, service: str) -> Attributes:
    attributes = {"index": "shop", "log": {"level": record["level"]}, "service": {"name": service}}
    if error := record.get("error"):
        attributes["error"] = {"type": "ValueError", "message": error, "stack_trace": python_stack(error)}
    if "trace_id" in record:
        attributes |= {"trace": {"id": record["trace_id"]}, "span": {"id": record["span_id"]}}
    return attributes


def documents_with_ids(record: dict, service: str) -> Attributes:
    return documents(record, service) | {"_id": re.compile("[0-9a-f-]{36}")}


def logging_loki(record: dict, service: str) -> Attributes:
    return {"logger": "shop", **LINE} | when_failed(record, lambda error: {"exc_info": python_stack(error)})


def loki_logger_handler(record: dict, service: str) -> Attributes:
    attributes = {"name": "shop", "module": "records", "function": "log_records", "process": int, "thread": int}
    source = {"file": "records.py", "path": str, "line": int}
    error = when_failed(record, lambda error: {"stacktrace": python_stack(error), **source})
    return attributes | {"timestamp": float, **LINE} | error


def syslog_handler(record: dict, service: str) -> Attributes:
    header = {"facility": "user", "severity": str, "procid": str, "client.address": str}
    return {**header, **LINE} | when_failed(record, lambda error: {"exc_info": python_stack(error)})


def pino(record: dict, service: str) -> Attributes:
    error = when_failed(record, lambda error: {"err": {"type": "Error", "message": error, "stack": node_stack(error)}})
    return {"pid": int, "hostname": str} | error


def pino_loki(record: dict, service: str) -> Attributes:
    return pino(record, service) | {"name": service, "time": int, **LINE}


def pino_elasticsearch(record: dict, service: str) -> Attributes:
    return pino(record, service) | {"index": service}


def winston(record: dict, service: str) -> Attributes:
    return when_failed(record, lambda error: {"stack": node_stack(error)})


def winston_loki(record: dict, service: str) -> Attributes:
    return winston(record, service) | {"service": service, "timestamp": str, **LINE}


JAVA = "java -cp 'target/classes:target/dependency/*' -Dlogback.configurationFile={}.xml Main"

LOGGERS = [
    Logger("opentelemetry-python", "python", ".venv/bin/python opentelemetry_logging.py", opentelemetry_python),
    Logger("opensearch-py", "python", ".venv/bin/python opensearch_bulk.py", documents),
    Logger("elasticsearch-py", "python", ".venv/bin/python elasticsearch_bulk.py", documents_with_ids),
    Logger("python-logging-loki", "python", ".venv/bin/python python_logging_loki.py", logging_loki),
    Logger("loki-logger-handler", "python", ".venv/bin/python loki_logger.py", loki_logger_handler),
    Logger("SysLogHandler", "python", ".venv/bin/python syslog_handler.py", syslog_handler),
    Logger("opentelemetry-node-json", "node", "node opentelemetry.js http", opentelemetry_node),
    Logger("opentelemetry-node-protobuf", "node", "node opentelemetry.js proto", opentelemetry_node),
    Logger(
        "pino-http-send",
        "node",
        "node pino.js | node_modules/.bin/pino-http-send --timeout=500 --url={url}/logs/any",
        pino,
    ),
    Logger("pino-loki", "node", "node pino.js pino-loki", pino_loki),
    Logger("pino-elasticsearch", "node", "node pino.js pino-elasticsearch", pino_elasticsearch),
    Logger("winston", "node", "node winston.js http", winston),
    Logger("winston-loki", "node", "node winston.js loki", winston_loki),
    Logger("opentelemetry-java", "java", JAVA.format("opentelemetry"), opentelemetry_java),
    Logger("loki4j", "java", JAVA.format("loki4j"), loki4j),
    Logger("opentelemetry-go", "go", "build/opentelemetry", opentelemetry_go),
]

SDK = {"telemetry.sdk.language": str, "telemetry.sdk.name": "opentelemetry", "telemetry.sdk.version": str}
# LogPulse keeps the original of a Loki line or a syslog message that it parses.
LINE = {"log.record.original": re.compile(r"\{.*\}")}


def opentelemetry(**attributes: object) -> Attributes:
    # Only some SDKs send the observed time and the trace flags.
    return {"scope": {"name": "shop"}, "observed_timestamp?": str, "flags?": 1, **attributes}


def exception(record: dict, kind: str, stack: Callable[[str], object] | None = None) -> Attributes:
    """OpenTelemetry's semantic conventions for exceptions."""
    attributes = when_failed(record, lambda error: {"exception.type": kind, "exception.message": error})
    if attributes and stack:
        attributes["exception.stacktrace"] = stack(record["error"])
    return attributes


def when_failed(record: dict, attributes: Callable[[str], Attributes]) -> Attributes:
    return attributes(record["error"]) if "error" in record else {}


def python_stack(error: str) -> re.Pattern:
    return re.compile(rf'Traceback .*File ".*records.py", line .*ValueError: {re.escape(error)}\n?', re.DOTALL)


def java_stack(error: str) -> re.Pattern:
    return re.compile(rf"java.lang.IllegalStateException: {re.escape(error)}\n\tat Main\..*", re.DOTALL)


def java_objects(record: dict) -> Attributes:
    """Both appenders for Logback send the text of an object that is not a string, a number or a boolean."""
    return {name: re.compile(r"\{.*\}") for name, value in record["attributes"].items() if isinstance(value, dict)}


def node_stack(error: str) -> re.Pattern:
    return re.compile(rf"Error: {re.escape(error)}\n +at .*", re.DOTALL)
