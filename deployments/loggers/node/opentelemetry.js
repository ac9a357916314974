// Logs with OpenTelemetry's API and SDK. The argument selects the exporter: `http` sends JSON, `proto` sends protobuf.
import { ROOT_CONTEXT, TraceFlags, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { records, service, url } from "./records.js";

const { OTLPLogExporter } = await import(`@opentelemetry/exporter-logs-otlp-${process.argv[2]}`);
const exporter = new OTLPLogExporter({ url: `${url}v1/logs` });
const provider = new LoggerProvider({
  resource: resourceFromAttributes({ "service.name": service }),
  processors: [new BatchLogRecordProcessor({ exporter })],
});
const logger = provider.getLogger("shop");

for (const { level, message, attributes, error, trace_id, span_id } of records) {
  const span = { traceId: trace_id, spanId: span_id, traceFlags: TraceFlags.SAMPLED };
  logger.emit({
    severityNumber: SeverityNumber[level.toUpperCase()],
    severityText: level.toUpperCase(),
    body: message,
    attributes,
    exception: error && new Error(error),
    context: trace_id ? trace.setSpanContext(ROOT_CONTEXT, span) : ROOT_CONTEXT,
  });
}
await provider.shutdown();
