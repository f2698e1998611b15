package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/query"
)

// The writes of a code find all that they need by integer primary keys: whatever they
// demand costs no scan and no other index.
func TestPlanOfHotWrites(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	for name, want := range map[string]int{
		"accept":                2,
		"accept, owned":         3,
		"prove":                 2,
		"shared events":         3,
		"shared seconds":        3,
		"shared events, owned":  4,
		"shared seconds, prove": 3,
		"advance shared events": 1, "advance shared seconds": 1,
		"floor":     1,
		"condition": 2,
	} {
		searches := 0
		for _, step := range planOf(t, db, own(attempted(t, name).SQL)) {
			switch {
			case strings.Contains(step, "USING INTEGER PRIMARY KEY (rowid=?)"):
				searches++
			case !strings.Contains(step, "SUBQUERY"):
				t.Errorf("%s: %s", name, step)
			}
		}
		if searches != want {
			t.Errorf("%s: %d searches, want %d", name, searches, want)
		}
	}
}

// attempted gives a statement of attempts.
func attempted(t *testing.T, name string) *decide.Statement {
	t.Helper()
	i := slices.IndexFunc(decide.Statements, func(s *decide.Statement) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no statement is called %q", name)
	}
	return decide.Statements[i]
}

// planOf gives the steps of the plan of a statement.
func planOf(t *testing.T, db *DB, stmt string) (steps []string) {
	t.Helper()
	var args []any
	for n := 1; n <= 20; n++ {
		if strings.Contains(stmt, fmt.Sprintf("?%d", n)) {
			args = append(args, make([]any, n-len(args))...)
		}
	}
	rows, err := db.reads.Query("EXPLAIN QUERY PLAN "+stmt, args...) //nolint:rowserrcheck // AllOf checks it
	if err != nil {
		t.Fatalf("%s: %v", stmt, err)
	}
	steps, err = query.AllOf(rows, func(s query.Scanner) (detail string, err error) {
		var id, parent, unused int
		err = s.Scan(&id, &parent, &unused, &detail)
		return detail, err
	})
	if err != nil || len(steps) == 0 {
		t.Fatalf("%s: %v, %v", stmt, steps, err)
	}
	return steps
}

// A commit that fails leaves neither the token nor the floor of its secret behind; one
// that does not leaves both.
func TestSharedSecretCommitsWhole(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	ids := tokens(t, db, 2)
	const mark = token.Mark(77)
	update(t, db, func(tx store.Tx) error {
		return errors.Join(tx.SetMark(ids[0], mark), tx.SetMark(ids[1], mark), tx.ShareSecret(0, mark))
	})
	stands := func() (all [3]uint64) {
		view(t, db, func(r store.Reader) error {
			for i, id := range ids {
				found, err := r.Tokens(store.TokenFilter{ID: id})
				if err != nil {
					return err
				}
				all[i] = found[0].Condition.Own()
			}
			secrets, err := r.Secrets(mark)
			all[2] = uint64(secrets[0].Floor.Events)
			return err
		})
		return all
	}
	propose := func(id token.ID, counter uint64) store.Attempt {
		a := right(id, counter)
		view(t, db, func(r store.Reader) error {
			found, err := r.Tokens(store.TokenFilter{ID: id})
			a.Proposals[0].Seen, a.Proposals[0].Spec = found[0].Condition, found[0].Spec
			return err
		})
		return a
	}
	commitFails(t, db)
	if o, err := db.Attempt(bg, propose(ids[0], 5)); err == nil || o.Verdict == store.Accepted {
		t.Errorf("a commit that failed: %+v, %v", o, err)
	}
	commitWorks(t, db)
	if got := stands(); got != [3]uint64{} {
		t.Errorf("after a commit that failed: %d", got)
	}
	if o, err := db.Attempt(bg, propose(ids[0], 5)); err != nil || o.Verdict != store.Accepted {
		t.Errorf("%+v, %v", o, err)
	}
	if got := stands(); got != [3]uint64{6, 0, 6} {
		t.Errorf("after a commit: %d", got)
	}
}
