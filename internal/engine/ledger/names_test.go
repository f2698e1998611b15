package ledger_test

import (
	"slices"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/test/testkit"
)

// The names that a user had are told by the log, and are of that user alone: whoever had
// one of them before or has it since is somebody else.
func TestFormerNames(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	rename := func(from, to string) {
		t.Helper()
		if _, err := k.Users.Rename(t.Context(), from, to, testkit.Origin); err != nil {
			t.Fatal(err)
		}
	}
	former := func(name string, want ...string) {
		t.Helper()
		got, err := k.Ledger.FormerNames(t.Context(), name)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s was called %q, %v; want %q", name, got, err, want)
		}
	}
	k.User(t, "anna")
	former("anna")
	rename("anna", "berta")
	e := k.LastEntry(t)
	if e.Action != string(audit.UserRenamed) || e.Subject["user"] != "anna" || e.Before["user"] != "anna" ||
		e.After["user"] != "berta" {
		t.Errorf("the log says %s", e.Raw)
	}
	rename("berta", "carla")
	k.User(t, "anna")
	former("anna")
	former("carla", "berta", "anna")
	rename("carla", "berta") // and back
	former("berta", "carla", "berta", "anna")
	if err := k.Users.Delete(t.Context(), "berta", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	k.User(t, "berta")
	former("berta")
	rename("anna", "dora")
	former("dora", "anna")

	// The entry is found under both names.
	for _, user := range []string{"anna", "dora"} {
		rows, _, err := k.Ledger.List(t.Context(), audit.Filter{User: user, Action: audit.UserRenamed}, 0, 1)
		if err != nil || len(rows) != 1 || rows[0].Seq != k.LogSize(t)-1 {
			t.Errorf("under %s: %v, %v", user, rows, err)
		}
	}
}
