// README

package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/google/uuid"
	"logpulse.example/client/logpulse"
)

func main() {
	ctx := context.Background()
	client, err := logpulse.NewClientWithResponses(cmp.Or(os.Getenv("LOGPULSE_URL"), "http://127.0.0.1:8080"))
	if err != nil {
		log.Fatal(err)
	}

	saved, err := client.SaveLogWithResponse(ctx, nil, logpulse.NewLogEntry{
		ServiceName: "payment", Level: new("ERROR"), Message: "card declined",
		Attributes: map[string]any{"order": 4711},
	})
	if err != nil || saved.JSON201 == nil {
		log.Fatal("not saved: ", err, saved)
	}
	fmt.Println("saved", saved.JSON201.Id)

	found, err := client.SearchLogsWithResponse(ctx, &logpulse.SearchLogsParams{
		Q: new("card declined"), Level: []string{"ERROR", "FATAL"},
	})
	if err != nil || found.JSON200 == nil {
		log.Fatal("not found: ", err, found)
	}
	fmt.Println("found", found.JSON200.Total)

	missing, err := client.GetLogWithResponse(ctx, uuid.MustParse("00000000-0000-7000-8000-000000000000"), nil)
	if err != nil {
		log.Fatal(err)
	}
	if problem := missing.ApplicationproblemJSON404; problem != nil {
		fmt.Println(problem.Status, problem.Detail)
	}
}

// end
