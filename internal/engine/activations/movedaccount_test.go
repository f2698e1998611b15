package activations_test

import (
	"strings"
	"testing"

	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// A token that is here from an earlier activation gets no second one beside it by
// --new-serials: two tokens with one authenticator serial under one profile must not
// exist. A dry run says the same.
func TestNoSecondTokenOfOneAccount(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]bool{"activated again": true, "unbound": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := setUp(t).activate()
			k := d.other()
			take(t, k, d.leave())
			if again {
				d.activateAgain(d)
			} else if _, err := d.k.Activations.Unbind(t.Context(), testkit.Serial(d.serial), testkit.Origin); err != nil {
				t.Fatal(err)
			}
			file := d.leave()
			for _, more := range [][]func(*imports.Request){{testkit.DryRun}, {}} {
				rep := testkit.Take(t, k, testkit.OpenExport(t, file), append(more, createUsers, newSerials)...)
				testkit.Ended(t, rep, store.RunCounts{Conflict: 1})
				if got := rep.Rows[0].Reason; !strings.Contains(got, "its authenticator knows it as "+d.serial) {
					t.Errorf("in conflict because %q", got)
				}
			}
			if got := k.Serials(t, lifecycle.Filter{}); len(got) != 1 {
				t.Errorf("the tokens here are %q", got)
			}
		})
	}
}

// Two keys of one file that are one token to an authenticator: the second one is in
// conflict, in a dry run, too, and also if both would get other serials.
func TestOneAccountTwiceInAFile(t *testing.T) {
	t.Parallel()
	for name, taken := range map[string]int{"serials are free": 0, "serials are taken": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setUp(t) // PENDING
			k := s.other()
			k.User(t, "carol")
			if taken > 0 {
				if _, err := k.Lifecycle.Create(t.Context(), lifecycle.CreateRequest{Type: "phone", Count: taken, User: "carol",
					Origin: testkit.Origin}); err != nil {
					t.Fatal(err)
				}
			}
			file := s.leave()
			for _, more := range [][]func(*imports.Request){{testkit.DryRun}, {}} {
				first, second := exported(t, file)[0], exported(t, file)[0]
				second.Serial, second.ID = "EX10000002", "EX10000002"
				for n, p := range second.Record {
					if p.Name == "key_id" {
						second.Record[n].Value = s.serial
					}
				}
				rep := testkit.Take(t, k, testkit.Keys(first, second), append(more, createUsers, newSerials, testkit.SkipBad)...)
				if rep.Imported != 1 || rep.Duplicate+rep.Conflict != 1 {
					t.Errorf("%+v", rep.Rows)
				}
			}
		})
	}
}
