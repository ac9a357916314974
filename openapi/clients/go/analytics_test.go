package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"logpulse.example/client/logpulse"
)

const (
	from = "2024-06-14T12:00:00Z"
	to   = "2024-06-14T12:03:00Z"
)

func TestMeasuresTheAveragePerMinuteAndLevel(t *testing.T) {
	orders, _ := saveOrders(t)
	response, err := newClient(t, "LOGPULSE_URL").GetLogStatsWithResponse(context.Background(), &logpulse.GetLogStatsParams{
		ServiceName: orders,
		From:        new(from),
		To:          new(to),
		Interval:    new("1m"),
		Measure:     new("avg:attributes.ms"),
		By:          new("level"),
		Top:         []string{"level"},
	})
	if err != nil || response.JSON200 == nil {
		t.Fatalf("%v %s", err, response.Body)
	}
	stats := response.JSON200
	assertEqual(t, stats.Total, 3)
	start, minute := time.Date(2024, 6, 14, 12, 0, 0, 0, time.UTC), time.Minute
	assertEqual(t, stats.Buckets, []time.Time{start, start.Add(minute), start.Add(2 * minute)})
	assertEqual(t, stats.Series, []logpulse.StatsSeries{
		{By: map[string]string{"level": "INFO"}, Values: []*float64{new(10.0), nil, new(20.0)}, Total: new(15.0)},
		{By: map[string]string{"level": "ERROR"}, Values: []*float64{new(30.0), nil, nil}, Total: new(30.0)},
	})
	assertEqual(t, stats.Top["level"].Values, []logpulse.ValueCount{{Value: "INFO", Count: 2}, {Value: "ERROR", Count: 1}})
}

func TestGroupsEntriesByPattern(t *testing.T) {
	orders, _ := saveOrders(t)
	response, err := newClient(t, "LOGPULSE_URL").ListLogPatternsWithResponse(context.Background(),
		&logpulse.ListLogPatternsParams{ServiceName: orders, From: new(from), To: new(to)})
	if err != nil || response.JSON200 == nil {
		t.Fatalf("%v %s", err, response.Body)
	}
	patterns := response.JSON200.Patterns
	assertEqual(t, len(patterns), 1)
	assertEqual(t, patterns[0].Template, "order <number> paid")
	assertEqual(t, patterns[0].Count, 3)
	var sum int64
	for _, count := range patterns[0].Sparkline {
		sum += count
	}
	assertEqual(t, sum, 3)
}

func TestListsFieldsWithTheirValues(t *testing.T) {
	orders, _ := saveOrders(t)
	response, err := newClient(t, "LOGPULSE_URL").ListLogFieldsWithResponse(context.Background(),
		&logpulse.ListLogFieldsParams{ServiceName: orders, From: new(from), To: new(to), Values: new(int32(1))})
	if err != nil || response.JSON200 == nil {
		t.Fatalf("%v %s", err, response.Body)
	}
	text, number := []logpulse.FieldType{logpulse.FieldTypeString}, []logpulse.FieldType{logpulse.FieldTypeNumber}
	assertEqual(t, response.JSON200.Fields, []logpulse.FieldSummary{
		{Name: "level", Types: text, Share: 1, Distinct: 2, Values: []logpulse.ValueCount{{Value: "INFO", Count: 2}}},
		{Name: "service_name", Types: text, Share: 1, Distinct: 1, Values: []logpulse.ValueCount{{Value: orders[0], Count: 3}}},
		{Name: "attributes.ms", Types: number, Share: 1, Distinct: 3, Values: []logpulse.ValueCount{{Value: "10", Count: 1}}},
	})
}

func TestGetsTheEntriesBeforeAndAfterAnEntry(t *testing.T) {
	_, ids := saveOrders(t)
	params := &logpulse.GetLogContextParams{Before: new(int32(1)), After: new(int32(1))}
	response, err := newClient(t, "LOGPULSE_URL").GetLogContextWithResponse(context.Background(), ids[1], params)
	if err != nil || response.JSON200 == nil {
		t.Fatalf("%v %s", err, response.Body)
	}
	assertEqual(t, response.JSON200.Position, 1)
	assertEqual(t, idsOf(response.JSON200.Data), ids)
}

func TestExportsNDJSONAndCSV(t *testing.T) {
	orders, ids := saveOrders(t)
	oldest := logpulse.ExportEntriesParams{ServiceName: orders, Sort: new(logpulse.ExportOrderOldest)}
	assertEqual(t, idsOf(parseLines(t, export(t, oldest))), ids)

	csv := logpulse.ExportEntriesParams{ServiceName: orders, Format: new(logpulse.ExportFormatCsv)}
	header, rows, _ := strings.Cut(string(export(t, csv)), "\r\n")
	assertEqual(t, header, "id,timestamp,level,service_name,message,trace_id,span_id,attributes")
	assertEqual(t, strings.Count(rows, "\r\n"), 3)
}

func TestTailsTheSavedEntries(t *testing.T) {
	orders, ids := saveOrders(t)
	acceptNDJSON := func(_ context.Context, request *http.Request) error {
		request.Header.Set("Accept", "application/x-ndjson")
		return nil
	}
	params := &logpulse.TailLogsParams{ServiceName: orders, From: new("-5m"), Limit: new(int32(3))}
	deadline, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	response, err := newClient(t, "LOGPULSE_URL").TailLogsWithResponse(deadline, params, acceptNDJSON)
	if err != nil {
		t.Fatal(err)
	}
	assertEqual(t, response.StatusCode(), 200)
	entries, found := bytes.CutSuffix(response.Body, []byte(`{"event":"end","reason":"limit"}`+"\n"))
	assertEqual(t, found, true)
	assertEqual(t, idsOf(parseLines(t, bytes.TrimLeft(entries, "\n"))), ids)
}

// saveOrders saves three orders of a new service, none of them in the second of three minutes.
// It returns the service and the ids.
func saveOrders(t *testing.T) (service []string, ids []uuid.UUID) {
	t.Helper()
	service = []string{uniqueWord()}
	order := func(number, minute, second int, level string, ms int) logpulse.NewLogEntry {
		return logpulse.NewLogEntry{
			ServiceName: service[0],
			Level:       &level,
			Message:     fmt.Sprintf("order %d paid", number),
			Timestamp:   new(time.Date(2024, 6, 14, 12, minute, second, 0, time.UTC)),
			Attributes:  map[string]any{"ms": ms},
		}
	}
	response, err := newClient(t, "LOGPULSE_URL").SaveLogsWithResponse(context.Background(),
		&logpulse.SaveLogsParams{Ids: new(true)},
		[]logpulse.NewLogEntry{order(1, 0, 10, "info", 10), order(2, 0, 20, "error", 30), order(3, 2, 0, "info", 20)})
	if err != nil || response.JSON201 == nil {
		t.Fatalf("%v %s", err, response.Body)
	}
	for _, id := range response.JSON201.Ids {
		ids = append(ids, *id)
	}
	page := until(
		func() *logpulse.SearchPage { return search(t, logpulse.SearchLogsParams{ServiceName: service}) },
		func(page *logpulse.SearchPage) bool { return page.Total == 3 },
	)
	assertEqual(t, page.Total, 3)
	return service, ids
}

func export(t *testing.T, params logpulse.ExportEntriesParams) []byte {
	t.Helper()
	response, err := newClient(t, "LOGPULSE_URL").ExportEntriesWithResponse(context.Background(), &params)
	if err != nil || response.StatusCode() != 200 {
		t.Fatalf("%v %s", err, response.Body)
	}
	return response.Body
}

// parseLines parses the entries of NDJSON.
func parseLines(t *testing.T, ndjson []byte) []logpulse.LogEntry {
	t.Helper()
	var entries []logpulse.LogEntry
	for line := range bytes.Lines(ndjson) {
		var entry logpulse.LogEntry
		if err := json.Unmarshal(line, &entry); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	return entries
}

func idsOf(entries []logpulse.LogEntry) []uuid.UUID {
	var ids []uuid.UUID
	for _, entry := range entries {
		ids = append(ids, entry.Id)
	}
	return ids
}
