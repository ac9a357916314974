package client_test

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"logpulse.example/client/logpulse"
)

const service = "payment"

// A version 4 UUID. Entry ids must be version 7.
var version4 = uuid.MustParse("936da01f-9abd-4d9d-80c7-02af85c822a8")

// newClient returns a client for the URL in an environment variable.
func newClient(t *testing.T, variable string) *logpulse.ClientWithResponses {
	t.Helper()
	client, err := logpulse.NewClientWithResponses(os.Getenv(variable))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// uniqueWord returns a word that no other entry contains.
func uniqueWord() string {
	return "w" + strings.ReplaceAll(uuid.NewString(), "-", "")
}

// until repeats a call until accepted returns true for its result, for at most ten seconds.
func until[T any](call func() T, accepted func(T) bool) T {
	deadline := time.Now().Add(10 * time.Second)
	for {
		result := call()
		if accepted(result) || time.Now().After(deadline) {
			return result
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func assertEqual[T any](t *testing.T, actual, expected T) {
	t.Helper()
	if !reflect.DeepEqual(actual, expected) {
		t.Fatalf("got %+v, expected %+v", actual, expected)
	}
}
