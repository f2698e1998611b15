package users

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/internal/core/fault"
)

// Of a list those are added who are not there; who is there is no error, and a name that
// differs in case only is named. A name that cannot be keeps all from being added, unless
// it is skipped.
func TestAddAll(t *testing.T) {
	t.Parallel()
	users, db := open(t)
	if _, err := users.Add(t.Context(), "anna", origin); err != nil {
		t.Fatal(err)
	}
	add := func(dryRun, skip bool, names ...string) ([]Listed, bool) {
		t.Helper()
		all, whole, err := users.AddAll(t.Context(), ListRequest{Names: names, DryRun: dryRun, SkipBad: skip,
			Origin: origin})
		if err != nil {
			t.Fatal(err)
		}
		return all, whole
	}
	list := []string{"ANNA", "anna", "Bob", "bob", " x", "Carl", "Bob"}
	want := []Listed{
		{"ANNA", "anna", There, "it exists as user anna"},
		{"anna", "anna", There, "the list already has this user, as ANNA"},
		{"Bob", "bob", Added, ""},
		{"bob", "bob", There, "the list already has this user, as Bob"},
		{" x", "", Refused, "The user name begins or ends with a space."},
		{"Carl", "carl", Added, ""},
		{"Bob", "bob", There, "the list already has this user, as bob"},
	}
	before := actions(t, db)
	for _, dryRun := range []bool{true, false} {
		all, whole := add(dryRun, false, list...)
		if diff := cmp.Diff(want, all); diff != "" || whole {
			t.Errorf("dry run %t: whole %t (-want +got):\n%s", dryRun, whole, diff)
		}
	}
	if _, whole := add(true, true, list...); !whole || !slices.Equal(actions(t, db), before) {
		t.Errorf("a dry run or a refused list changed something: %q", actions(t, db))
	}
	all, whole := add(false, true, list...)
	if diff := cmp.Diff(want, all); diff != "" || !whole {
		t.Errorf("with the bad one skipped: whole %t (-want +got):\n%s", whole, diff)
	}
	if diff := cmp.Diff(append(before, "user.added bob", "user.added carl"), actions(t, db)); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
	all, whole = add(false, false, "bob", "carl", "Dora")
	if !whole || all[0].Outcome != There || all[0].Reason != "" || all[2].Outcome != Added {
		t.Errorf("a second time: %+v", all)
	}
	for _, names := range [][]string{nil, slices.Repeat([]string{"x"}, MaxList+1)} {
		_, _, err := users.AddAll(t.Context(), ListRequest{Names: names, Origin: origin})
		if k, code := kind(err); k != fault.Invalid || code != "user_list" {
			t.Errorf("%d names: %v", len(names), err)
		}
	}
	many := make([]string, MaxList)
	for i := range many {
		many[i] = "u" + strings.Repeat("x", i%100) + string(rune('a'+i/100))
	}
	if all, whole := add(false, false, many...); !whole || slices.ContainsFunc(all,
		func(l Listed) bool { return l.Outcome != Added }) {
		t.Error("the longest list is not added")
	}
}
