import ch.qos.logback.classic.LoggerContext;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.context.Scope;
import io.opentelemetry.instrumentation.logback.appender.v1_0.OpenTelemetryAppender;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import java.io.File;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.slf4j.event.Level;
import org.slf4j.spi.LoggingEventBuilder;

/** Logs the records with SLF4J, through the appender in Logback's configuration. */
class Main {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Logger LOGGER = LoggerFactory.getLogger("shop");

    public static void main(String[] arguments) throws IOException {
        // The SDK reads its endpoint and the name of the service from the environment.
        var sdk = AutoConfiguredOpenTelemetrySdk.initialize().getOpenTelemetrySdk();
        OpenTelemetryAppender.install(sdk);
        for (JsonNode fields : JSON.readTree(new File(System.getenv("RECORDS")))) {
            log(fields);
        }
        ((LoggerContext) LoggerFactory.getILoggerFactory()).stop();
        sdk.close();
    }

    private static void log(JsonNode fields) throws IOException {
        if (!fields.has("trace_id")) {
            write(fields);
            return;
        }
        var traceId = fields.get("trace_id").asText();
        var spanId = fields.get("span_id").asText();
        var span = SpanContext.create(traceId, spanId, TraceFlags.getSampled(), TraceState.getDefault());
        try (Scope scope = Span.wrap(span).makeCurrent();
                var trace = MDC.putCloseable("trace_id", traceId);
                var parent = MDC.putCloseable("span_id", spanId)) {
            write(fields);
        }
    }

    private static void write(JsonNode fields) throws IOException {
        var level = Level.valueOf(fields.get("level").asText().toUpperCase());
        LoggingEventBuilder event = LOGGER.atLevel(level);
        for (var attribute : fields.get("attributes").properties()) {
            event = event.addKeyValue(attribute.getKey(), JSON.treeToValue(attribute.getValue(), Object.class));
        }
        if (fields.has("error")) {
            event = event.setCause(new IllegalStateException(fields.get("error").asText()));
        }
        event.log(fields.get("message").asText());
    }
}
