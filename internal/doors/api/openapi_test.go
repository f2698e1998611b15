package api_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/test/testkit"
)

var update = flag.Bool("update", false, "write the golden file")

// The description of the API is what openapi.json says; a change of the API is
// a change of that file, to be read in review.
func TestOpenAPI(t *testing.T) {
	const golden = "openapi.json"
	s := testkit.NewServer(t)
	raw, err := s.API.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := json.Indent(&got, raw, "", "  "); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if *update {
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the description differs from %s; if that is meant, write it anew with: go test ./internal/api "+
			"-run OpenAPI -update\n%s",
			golden, cmp.Diff(string(want), got.String()))
	}
	// What is served is the same.
	a := s.Do(t, testkit.Nobody, "GET", "/api/v1/openapi.json", nil)
	var served bytes.Buffer
	if err := json.Indent(&served, []byte(a.Body), "", "  "); err != nil || a.Status != 200 {
		t.Fatalf("answer %d: %v", a.Status, err)
	}
	if served.WriteByte('\n'); !bytes.Equal(served.Bytes(), want) {
		t.Error("the description that is served differs")
	}
}
