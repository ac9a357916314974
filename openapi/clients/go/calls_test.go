package client_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"logpulse.example/client/logpulse"
)

func TestSavesOneEntryAndGetsIt(t *testing.T) {
	client := newClient(t, "LOGPULSE_URL")
	saved, err := client.SaveLogWithResponse(context.Background(), nil, logpulse.NewLogEntry{
		ServiceName: service,
		Level:       new("error"),
		Message:     "card declined",
		Attributes:  map[string]any{"order": "4711"},
	})
	if err != nil || saved.JSON201 == nil {
		t.Fatalf("%v %s", err, saved.Body)
	}
	assertEqual(t, saved.JSON201.Message, "Log saved")

	params := &logpulse.GetLogParams{Prefer: new("wait=10")}
	got, err := client.GetLogWithResponse(context.Background(), saved.JSON201.Id, params)
	if err != nil || got.JSON200 == nil {
		t.Fatalf("%v %s", err, got.Body)
	}
	if age := time.Since(got.JSON200.Timestamp); age.Abs() > time.Minute {
		t.Fatalf("the entry is %v old", age)
	}
	assertEqual(t, *got.JSON200, logpulse.LogEntry{
		Id:          saved.JSON201.Id,
		Timestamp:   got.JSON200.Timestamp,
		ServiceName: service,
		Level:       "ERROR",
		Message:     "card declined",
		Attributes:  map[string]any{"order": "4711"},
	})
}

func TestSavesABatchAndReportsTheBadEntry(t *testing.T) {
	params := &logpulse.SaveLogsParams{Ids: new(true)}
	response, err := newClient(t, "LOGPULSE_URL").SaveLogsWithResponse(context.Background(), params, []logpulse.NewLogEntry{
		{ServiceName: service, Message: "first"},
		{ServiceName: service, Message: "second", Id: &version4},
		{ServiceName: service, Message: "third"},
	})
	if err != nil || response.JSON201 == nil {
		t.Fatalf("%v %s", err, response.Body)
	}
	batch := response.JSON201
	assertEqual(t, batch.Accepted, 2)
	assertEqual(t, batch.Rejected, 1)
	assertEqual(t, batch.Errors, []logpulse.LineError{{Line: 2, Detail: "id: must be a UUIDv7"}})
	assertEqual(t, accepted(batch), []bool{true, false, true})
}

func TestSavesNDJSON(t *testing.T) {
	lines := `{"service_name": "payment", "message": "first"}` + "\n" + `{"service_name": "payment"}`
	params := &logpulse.SaveLogsNdjsonParams{Ids: new(true)}
	response, err := newClient(t, "LOGPULSE_URL").SaveLogsNdjsonWithBodyWithResponse(
		context.Background(), params, "application/octet-stream", strings.NewReader(lines))
	if err != nil || response.JSON201 == nil {
		t.Fatalf("%v %s", err, response.Body)
	}
	batch := response.JSON201
	assertEqual(t, batch.Accepted, 1)
	assertEqual(t, batch.Rejected, 1)
	assertEqual(t, batch.Errors, []logpulse.LineError{{Line: 2, Detail: "message: is required"}})
	assertEqual(t, accepted(batch), []bool{true, false})
}

func TestSearchesByWordsAndTwoLevels(t *testing.T) {
	word := uniqueWord()
	var entries []logpulse.NewLogEntry
	for _, level := range []string{"error", "warn", "info"} {
		entries = append(entries, logpulse.NewLogEntry{ServiceName: service, Level: &level, Message: word + " " + level})
	}
	save(t, entries)

	page := until(
		func() *logpulse.SearchPage {
			return search(t, logpulse.SearchLogsParams{
				Q:           &word,
				Level:       []string{"ERROR", "WARN"},
				ServiceName: []string{service},
				Sort:        new(logpulse.SortOldest),
			})
		},
		func(page *logpulse.SearchPage) bool { return page.Total == 2 },
	)
	var found []string
	for _, entry := range page.Data {
		found = append(found, entry.Level+": "+entry.Message)
	}
	assertEqual(t, found, []string{"ERROR: " + word + " error", "WARN: " + word + " warn"})
}

func TestPagesThroughAllHits(t *testing.T) {
	word := uniqueWord()
	var entries []logpulse.NewLogEntry
	for number := range 5 {
		entries = append(entries, logpulse.NewLogEntry{ServiceName: service, Message: fmt.Sprint(word, " ", number+1)})
	}
	save(t, entries)
	until(
		func() *logpulse.SearchPage { return search(t, logpulse.SearchLogsParams{Q: &word}) },
		func(page *logpulse.SearchPage) bool { return page.Total == 5 },
	)

	var pages [][]string
	params := logpulse.SearchLogsParams{Q: &word, Sort: new(logpulse.SortOldest), Limit: new(int32(2))}
	for {
		page := search(t, params)
		var numbers []string
		for _, entry := range page.Data {
			numbers = append(numbers, strings.TrimPrefix(entry.Message, word+" "))
		}
		pages = append(pages, numbers)
		if page.NextCursor == nil {
			break
		}
		params.Cursor = page.NextCursor
	}
	assertEqual(t, pages, [][]string{{"1", "2"}, {"3", "4"}, {"5"}})
}

func save(t *testing.T, entries []logpulse.NewLogEntry) {
	t.Helper()
	response, err := newClient(t, "LOGPULSE_URL").SaveLogsWithResponse(context.Background(), nil, entries)
	if err != nil || response.JSON201 == nil {
		t.Fatalf("%v %s", err, response.Body)
	}
	assertEqual(t, response.JSON201.Rejected, 0)
}

func search(t *testing.T, params logpulse.SearchLogsParams) *logpulse.SearchPage {
	t.Helper()
	response, err := newClient(t, "LOGPULSE_URL").SearchLogsWithResponse(context.Background(), &params)
	if err != nil || response.JSON200 == nil {
		t.Fatalf("%v %s", err, response.Body)
	}
	return response.JSON200
}

// accepted reports, for each entry in a batch, whether it got an id.
func accepted(batch *logpulse.BatchSaved) []bool {
	var accepted []bool
	for _, id := range batch.Ids {
		accepted = append(accepted, id != nil)
	}
	return accepted
}
