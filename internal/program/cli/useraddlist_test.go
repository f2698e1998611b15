package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"ostiary/internal/doors/client"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// A list that the server takes in parts is added as a whole or not at all: what is wrong
// in the last part keeps those of the first from being added, and who stands in two parts
// is one user.
func TestLongUserListIsAllOrNothing(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	c, err := client.New(client.Config{Server: s.URL, Key: s.Bearer[testkit.Admin]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	var text strings.Builder
	text.WriteString("user\n")
	for i := range 1200 {
		fmt.Fprintf(&text, "user%d\n", i)
	}
	text.WriteString("USER3\n")
	add := func(text string, dryRun, skip bool) (string, error) {
		t.Helper()
		var out, notes bytes.Buffer
		a := &app{Env: &Env{Stdin: strings.NewReader(text), Stdout: &out, Stderr: &notes}}
		err := a.addUserList(t.Context(), c, "-", dryRun, skip)
		return out.String(), err
	}
	count := func() int {
		t.Helper()
		all, _, err := s.Users.List(t.Context(), store.UserFilter{Limit: 2000})
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	bad := text.String() + "\"tab\there\"\n"
	for _, dryRun := range []bool{true, false} {
		out, err := add(bad, dryRun, false)
		if !errors.Is(err, errNo) || !strings.HasPrefix(out, "1200 would be added, 1 already there, 1 refused\n") ||
			!strings.Contains(out, "1202  USER3") || !strings.Contains(out, "the user of line 5, user3") || count() != 0 {
			t.Errorf("dry run %t: %v, %d users:\n%s", dryRun, err, count(), out)
		}
	}
	size := s.LogSize(t)
	if out, err := add(bad, false, true); !errors.Is(err, errNo) || count() != 1200 ||
		!strings.HasPrefix(out, "1200 added, 1 already there, 1 refused\n") {
		t.Errorf("with the bad one skipped: %v, %d users:\n%s", err, count(), out)
	}
	if n := s.LogSize(t) - size; n != 1200 {
		t.Errorf("%d entries, want one a user", n)
	}
	if out, err := add(text.String(), false, false); err != nil ||
		!strings.HasPrefix(out, "0 added, 1201 already there, 0 refused\n") {
		t.Errorf("a second time: %v\n%s", err, out)
	}
}
