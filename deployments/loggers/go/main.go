// Logs the records with slog, through the OpenTelemetry bridge and the OTLP/HTTP exporter.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"log/slog"
	"os"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	sdk "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/trace"
)

type record struct {
	Level      slog.Level
	Message    string
	Attributes map[string]any
	Error      string
	TraceID    string `json:"trace_id"`
	SpanID     string `json:"span_id"`
}

func main() {
	ctx := context.Background()
	// The exporter and the provider read their endpoint and the name of the service from the environment.
	exporter, err := otlploghttp.New(ctx)
	exitOn(err)
	provider := sdk.NewLoggerProvider(sdk.WithProcessor(sdk.NewBatchProcessor(exporter)))
	logger := otelslog.NewLogger("shop", otelslog.WithLoggerProvider(provider))

	text, err := os.ReadFile(os.Getenv("RECORDS"))
	exitOn(err)
	var records []record
	exitOn(json.Unmarshal(text, &records))
	for _, record := range records {
		attributes := make([]slog.Attr, 0, len(record.Attributes)+1)
		for name, value := range record.Attributes {
			attributes = append(attributes, slog.Any(name, value))
		}
		if record.Error != "" {
			attributes = append(attributes, slog.Any("error", errors.New(record.Error)))
		}
		logger.LogAttrs(withSpan(ctx, record), record.Level, record.Message, attributes...)
	}
	exitOn(provider.Shutdown(ctx))
}

func withSpan(ctx context.Context, record record) context.Context {
	if record.TraceID == "" {
		return ctx
	}
	traceID, err := trace.TraceIDFromHex(record.TraceID)
	exitOn(err)
	spanID, err := trace.SpanIDFromHex(record.SpanID)
	exitOn(err)
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID}))
}

func exitOn(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
