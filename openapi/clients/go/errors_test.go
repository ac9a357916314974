package client_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/google/uuid"
	"logpulse.example/client/logpulse"
)

func TestError400NamesTheField(t *testing.T) {
	entry := logpulse.NewLogEntry{ServiceName: service, Message: "card declined", Id: &version4}
	response, err := newClient(t, "LOGPULSE_URL").SaveLogWithResponse(context.Background(), nil, entry)
	if err != nil || response.ApplicationproblemJSON400 == nil {
		t.Fatalf("%v %s", err, response.Body)
	}
	problem := response.ApplicationproblemJSON400
	assertEqual(t, problem.Status, http.StatusBadRequest)
	assertEqual(t, problem.Title, "Bad Request")
	assertEqual(t, problem.Errors, []logpulse.FieldError{{Field: "id", Detail: "must be a UUIDv7"}})
}

func TestError404IsAProblem(t *testing.T) {
	id := uuid.MustParse("00000000-0000-7000-8000-000000000000")
	response, err := newClient(t, "LOGPULSE_URL").GetLogWithResponse(context.Background(), id, nil)
	if err != nil || response.ApplicationproblemJSON404 == nil {
		t.Fatalf("%v %s", err, response.Body)
	}
	problem := response.ApplicationproblemJSON404
	assertEqual(t, problem.Status, http.StatusNotFound)
	assertEqual(t, problem.Title, "Not Found")
	assertEqual(t, problem.Type, "about:blank")
}

func TestError429HasRetryAfter(t *testing.T) {
	client := newClient(t, "LOGPULSE_LIMITED_URL")
	response := until(
		func() *logpulse.PingResponse {
			response, err := client.PingWithResponse(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return response
		},
		func(response *logpulse.PingResponse) bool { return response.StatusCode() == http.StatusTooManyRequests },
	)
	problem := response.ApplicationproblemJSON429
	if problem == nil {
		t.Fatalf("%s", response.Body)
	}
	assertEqual(t, problem.Status, http.StatusTooManyRequests)
	assertEqual(t, problem.Title, "Too Many Requests")
	assertEqual(t, response.Headers429.RetryAfter, new(1))
}
