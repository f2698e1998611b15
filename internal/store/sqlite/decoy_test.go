package sqlite

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/tables"
)

// TestEmptyRefusalWrites: a code for nobody writes the rows that a wrong code for a token
// and its user does, so that the time of a refusal does not tell who exists.
func TestEmptyRefusalWrites(t *testing.T) {
	t.Parallel()
	db := open(t, Config{Path: filepath.Join(t.TempDir(), "a.db")})
	written := func() string {
		return onWriter(t, db, "SELECT c.failures || ' of tokens, ' || u.failures || ' of users' "+
			"FROM decoy_condition c, decoy_user u")[0]
	}
	for _, c := range []struct{ user, want string }{
		{"", "1 of tokens, 0 of users"},
		{"nobody", "2 of tokens, 1 of users"},
	} {
		o, err := db.Attempt(t.Context(), store.Attempt{Now: time.Now(), Lock: token.Lock{Limit: 10}, UserName: c.user,
			Delay: func(int) time.Duration { return 0 }, Record: func(store.Outcome) []byte { return []byte("{}") }})
		if err != nil || o.Verdict != store.Refused || o.Counted {
			t.Fatalf("%+v, %v", o, err)
		}
		if got := written(); got != c.want {
			t.Errorf("a refusal of nobody under the name %q leaves %s, want %s", c.user, got, c.want)
		}
	}
}

// A lookup searches by an index, and reads one row by its number: that of a token or user
// or, where there is none, the one that stands in.
func TestLookupsReadByNumber(t *testing.T) {
	t.Parallel()
	db := open(t, Config{Path: filepath.Join(t.TempDir(), "a.db")})
	const (
		token   = "SEARCH t USING INTEGER PRIMARY KEY (rowid=?)"
		standIn = "SEARCH token USING INTEGER PRIMARY KEY (rowid>?)"
		highest = "SEARCH token"
	)
	sql := db.lookups.Statements()
	for _, c := range []struct {
		sql  string
		want []string
	}{
		{sql[1], []string{"SEARCH x USING INDEX sqlite_autoindex_token_1 (serial=?) LEFT-JOIN", token, standIn, highest}},
		{sql[2], []string{"SEARCH x USING INDEX condition_owner (owner=?) LEFT-JOIN", token, standIn, highest,
			"SEARCH n USING INTEGER PRIMARY KEY (rowid=?)"}},
		{sql[0], []string{"SEARCH n USING INTEGER PRIMARY KEY (rowid=?)",
			"SEARCH u USING INDEX sqlite_autoindex_user_1 (name=?)", "SEARCH user USING INTEGER PRIMARY KEY (rowid>?)",
			"SEARCH user"}},
	} {
		tx, err := db.reads.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		e := &explainer{Conn: newReadConn(tx), t: t}
		e.explain(t.Context(), c.sql, []any{1, nil, nil, nil, 2}[:numbered(c.sql)])
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !slices.Contains(e.plans, want) {
				t.Errorf("no step %q in\n%s", want, strings.Join(e.plans, "\n"))
			}
		}
		for _, step := range e.plans { // what is sorted are the few of one serial or user
			if strings.Contains(step, "SCAN") && step != "SCAN CONSTANT ROW" && step != "SCAN one" {
				t.Errorf("%s in\n%s", step, strings.Join(e.plans, "\n"))
			}
		}
	}
}

// numbered is how many numbered parameters a statement has.
func numbered(sql string) (n int) {
	for strings.Contains(sql, fmt.Sprintf("?%d", n+1)) {
		n++
	}
	return n
}

// Whatever somebody writes into the rows that mean nothing, refusals go on.
func TestDecoysHoldAnyNumber(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	for _, n := range []string{"9223372036854775807", "-9223372036854775808"} {
		update(t, db, func(s store.Tx) error {
			for _, table := range []string{"decoy_condition", "decoy_user"} {
				if _, err := s.(*tables.Tx).Change("UPDATE " + table + " SET failures = " + n); err != nil {
					return err
				}
			}
			return nil
		})
		for range 3 {
			o, err := db.Attempt(t.Context(), store.Attempt{Now: time.Now(), UserName: "nobody", Lock: token.Lock{Limit: 10},
				Delay: func(int) time.Duration { return 0 }, Record: func(store.Outcome) []byte { return []byte("{}") }})
			if err != nil || o.Verdict != store.Refused {
				t.Errorf("with %s: %v, %v", n, o.Verdict, err)
			}
		}
	}
}
