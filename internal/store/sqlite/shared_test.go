package sqlite

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// The writes of a code find all that they need by integer primary keys: whatever they
// demand costs no scan and no other index.
func TestPlanOfHotWrites(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	for name, c := range map[string]struct {
		stmt     string
		searches int
	}{
		"accept":           {acceptSQL, 2},
		"owned":            {acceptOwnedSQL, 3},
		"prove":            {proveSQL, 2},
		"shared events":    {acceptAny + sharedEvents, 3},
		"shared seconds":   {acceptAny + sharedSeconds, 3},
		"owned and shared": {acceptAny + sharedEvents + ownedByUser, 4},
		"advance events":   {tables.AdvanceEvents, 1},
		"advance seconds":  {tables.AdvanceSeconds, 1},
		"floor":            {floorSQL, 1},
		"condition":        {conditionSQL, 2},
	} {
		searches := 0
		for _, step := range planOf(t, db, c.stmt) {
			switch {
			case strings.Contains(step, "USING INTEGER PRIMARY KEY (rowid=?)"):
				searches++
			case !strings.Contains(step, "SUBQUERY"):
				t.Errorf("%s: %s", name, step)
			}
		}
		if searches != c.searches {
			t.Errorf("%s: %d searches, want %d", name, searches, c.searches)
		}
	}
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
	rows, err := db.reads.Query("EXPLAIN QUERY PLAN "+stmt, args...)
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
