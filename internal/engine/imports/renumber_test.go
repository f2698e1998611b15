package imports_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

func renumber(r *imports.Request) { r.Renumber = true }

// software puts confirmed tokens of a software type into a server, past creation.
func software(t *testing.T, k *testkit.Kit, salt string, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		serial := fmt.Sprintf("AT%08d", n)
		tok := token.Token{Kind: token.Software, Identity: token.Identity{Type: "app-totp", Serial: serial},
			Spec:      token.Spec{Algorithm: token.TOTP, Hash: "SHA1", Digits: 6, Period: 30},
			Condition: token.Condition{Epoch: 1}}
		k.Stage(t, tok, testkit.SecretOf(salt+serial))
	}
}

// Whatever collides, no serial is on two tokens afterwards, no token is lost, and
// the series stands above all of them, as the dry run said.
func TestRenumber(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	software(t, a, "a", 10000001, 10000002, 10000003, 10000005, 10000103)
	software(t, b, "b", 10000001, 10000003, 10000006)
	file, _, err := testkit.Export(t, a)
	if err != nil {
		t.Fatal(err)
	}
	b.Unchanged(t, func() {
		rep := testkit.Take(t, b, testkit.OpenExport(t, file))
		testkit.Ended(t, rep, store.RunCounts{Conflict: 2, HeldBack: 3})
		want := []store.RunSeries{{Type: "app-totp", Incoming: 5, HighestIncoming: "AT10000103",
			HighestPresent: "AT10000006", Collisions: 2,
			NextBefore: "AT10000007", NextAfter: "AT10000007"}}
		if diff := cmp.Diff(want, rep.Series); diff != "" {
			t.Errorf("the report (-want +got):\n%s", diff)
		}
		if got := rep.Rows[0].Reason; !strings.HasSuffix(got, "type and serial (--new-serials gives it another serial)") {
			t.Errorf("the reason is %q", got)
		}
	}, marks...)
	dry := testkit.Take(t, b, testkit.OpenExport(t, file), renumber, testkit.DryRun)
	rep := testkit.Take(t, b, testkit.OpenExport(t, file), renumber)
	if diff := cmp.Diff([]any{dry.RunCounts, dry.Rows, dry.Series},
		[]any{rep.RunCounts, rep.Rows, rep.Series}); diff != "" {
		t.Errorf("the dry run differs (-dry +real):\n%s", diff)
	}
	testkit.Ended(t, rep, store.RunCounts{Imported: 5, Renumbered: 2})
	if s := rep.Series[0]; s.Collisions != 2 || s.NextBefore != "AT10000007" || s.NextAfter != "AT10000106" {
		t.Errorf("the series: %+v", s)
	}
	got := b.Serials(t, lifecycle.Filter{Type: "app-totp"})
	slices.Sort(got)
	want := "AT10000001 AT10000002 AT10000003 AT10000005 AT10000006 AT10000103 AT10000104 AT10000105"
	if strings.Join(got, " ") != want {
		t.Errorf("the serials are %v, want %s", got, want)
	}
	for serial, was := range map[string]string{"AT10000104": "AT10000001", "AT10000105": "AT10000003"} {
		if tok := b.Token(t, serial); tok.Identity.KeyID != was {
			t.Errorf("%s was %s, want %s", serial, tok.Identity.KeyID, was)
		}
	}
	// Once more: nothing is there twice.
	testkit.Ended(t, testkit.Take(t, b, testkit.OpenExport(t, file), renumber), store.RunCounts{Duplicate: 5})
	// The next one made here is one above the highest.
	made, err := b.Lifecycle.Create(
		t.Context(), lifecycle.CreateRequest{Type: "app-totp", Count: 1, Origin: testkit.Origin})
	if err != nil || made.Tokens[0].Token.Identity.Serial != "AT10000106" {
		t.Errorf("created: %+v, %v", made, err)
	}
	// And on to a third server, whose tokens have the serials that were given.
	c := testkit.New(t)
	software(t, c, "c", 10000104, 10000105)
	onward, _, err := testkit.Export(t, b, func(r *lifecycle.ExportRequest) { r.Serials = strings.Fields(want) })
	if err != nil {
		t.Fatal(err)
	}
	testkit.Ended(t, testkit.Take(t, c, testkit.OpenExport(t, onward), renumber),
		store.RunCounts{Imported: 8, Renumbered: 2})
	serials := c.Serials(t, lifecycle.Filter{Type: "app-totp"})
	slices.Sort(serials)
	if n := len(slices.Compact(slices.Clone(serials))); n != 10 || len(serials) != 10 {
		t.Errorf("the serials are %v", serials)
	}
}

// To skip what collides brings the rest.
func TestSkipCollisions(t *testing.T) {
	t.Parallel()
	a, b := testkit.New(t), testkit.New(t)
	software(t, a, "a", 10000001, 10000002)
	software(t, b, "b", 10000001)
	file, _, err := testkit.Export(t, a)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Ended(t, testkit.Take(t, b, testkit.OpenExport(t, file), testkit.SkipBad),
		store.RunCounts{Imported: 1, Conflict: 1})
}
