"""Logs with `logging`, OpenTelemetry's handler and its OTLP/HTTP exporter, which are configured by the environment."""

import logging

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from records import RECORDS, level, raised

provider = LoggerProvider()
provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
logger = logging.getLogger("shop")
logger.addHandler(LoggingHandler(logger_provider=provider))
logger.setLevel(logging.DEBUG)

for record in RECORDS:
    context = SpanContext(
        int(record.get("trace_id", "0"), 16), int(record.get("span_id", "0"), 16), False, TraceFlags(TraceFlags.SAMPLED)
    )
    with use_span(NonRecordingSpan(context)):
        logger.log(level(record), record["message"], extra=record["attributes"], exc_info=raised(record))

provider.shutdown()
