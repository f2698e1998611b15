package api_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"ostiary/internal/test/testkit"
)

// An empty filter is an error in every operation: a script whose variable is not set
// would get, or export, more than it asked for. Only of the path of one token an empty
// manufacturer or key id means something.
func TestAnEmptyFilterIsAnError(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.HOTP("1"))
	raw, err := s.API.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var api struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(raw, &api); err != nil {
		t.Fatal(err)
	}
	walked := map[string]bool{}
	for path, operations := range api.Paths {
		for method, op := range operations {
			for _, p := range op.Parameters {
				if p.In != "query" {
					continue
				}
				walked[path+"?"+p.Name] = true
				at := strings.NewReplacer("{serial}", "nosuch", "{id}", "1").Replace(path) + "?" + p.Name + "="
				a := s.Do(t, testkit.Root, strings.ToUpper(method), at, nil)
				mayBeEmpty := strings.HasPrefix(path, "/api/v1/tokens/{serial}") &&
					slices.Contains([]string{"manufacturer", "key_id"}, p.Name)
				if empty := a.Status == http.StatusUnprocessableEntity && a.Problem(t).Code == "empty_parameter"; empty ==
					mayBeEmpty {
					t.Errorf("%s %s: %d %s", method, at, a.Status, a.Body)
				}
			}
		}
	}
	for _, p := range []string{"/api/v1/tokens?user", "/api/v1/tokens?manufacturer", "/api/v1/audit?serial",
		"/api/v1/users?after", "/api/v1/tokens/{serial}?key_id"} {
		if !walked[p] {
			t.Errorf("%s is not among what was walked: %v", p, walked)
		}
	}
}

// An export is chosen by its body: there, too, nothing may be empty.
func TestAnEmptyFilterOfAnExportIsAnError(t *testing.T) {
	t.Parallel()
	s := server(t, testkit.HOTP("1"), testkit.TOTP("2"))
	size := s.LogSize(t)
	for name, empty := range map[string]any{"user": "", "type": "", "state": "", "kind": "", "batch": "", "import": 0,
		"serials": []string{}} {
		body := object{"passphrase": "a long passphrase", "type": "hotp"}
		body[name] = empty
		a := s.Do(t, testkit.Root, http.MethodPost, "/api/v1/exports", body)
		if a.Status != http.StatusUnprocessableEntity || !strings.Contains(a.Problem(t).Detail+
			strings.Join(a.Problem(t).Fields, " "), name) {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if s.LogSize(t) != size {
		t.Error("something was exported")
	}
}
