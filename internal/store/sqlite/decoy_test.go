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
	"ostiary/internal/store/decide"
	"ostiary/internal/store/tables"
)

// TestEmptyRefusalWrites: a code for nobody writes the rows that a wrong code for a token
// and its user does, and their indexes, so that the time of a refusal does not tell who
// exists. The rows go by what stands in for the name.
func TestEmptyRefusalWrites(t *testing.T) {
	t.Parallel()
	db := open(t, Config{Path: filepath.Join(t.TempDir(), "a.db")})
	written := func() string {
		return onWriter(t, db, `SELECT (SELECT coalesce(group_concat(token || '=' || failures), '') FROM decoy_condition
			WHERE retry_at > 0) || ' of tokens, ' || (SELECT coalesce(group_concat(id || '=' || failures), '')
			FROM decoy_user WHERE retry_at > 0) || ' of users'`)[0]
	}
	some := store.StandIn{User: 9, Candidate: store.Candidate{Token: token.Token{ID: 3007}}}
	for _, c := range []struct {
		user    string
		standIn *store.StandIn
		want    string
	}{
		{"", nil, "1=1 of tokens,  of users"},
		{"nobody", nil, "1=0 of tokens, 1=1 of users"},
		{"nobody else", &some, "1=0,8=1 of tokens, 1=1,10=1 of users"},
		{"nobody else", &some, "1=0,8=0 of tokens, 1=1,10=0 of users"},
	} {
		o, err := db.Attempt(t.Context(), store.Attempt{Now: time.Now(), Lock: token.Lock{Limit: 10}, UserName: c.user,
			StandIn: c.standIn, Delay: func(int) time.Duration { return time.Hour },
			Record: func(store.Outcome) []byte { return []byte("{}") }})
		if err != nil || o.Verdict != store.Refused || o.Counted {
			t.Fatalf("%+v, %v", o, err)
		}
		if got := written(); got != c.want {
			t.Errorf("a refusal of nobody under the name %q leaves %s, want %s", c.user, got, c.want)
		}
	}
	for _, table := range []string{"decoy_condition", "decoy_user"} {
		if got := onWriter(t, db, "SELECT count(*) FROM "+table)[0]; got != fmt.Sprint(decide.Decoys) {
			t.Errorf("%s has %s rows, want %d", table, got, decide.Decoys)
		}
	}
}

// Where refusals are only counted, each writes an entry at the end of the log and the row of
// its caller, so that the time does not tell a wrong code of a token. Only the entry of that
// one stays.
func TestQuietRefusalsWriteAsMuch(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	id := tokens(t, db, 1)[0]
	count := func() (entries int, counted string) {
		return len(onWriter(t, db, "SELECT seq FROM audit_entry")),
			onWriter(t, db, "SELECT coalesce((SELECT n || ' with ' || entry FROM quiet_refusal), '')")[0]
	}
	wrong := right(id, 0)
	wrong.Proposals[0].Matched, wrong.Proposals[0].Tested = false, true
	nobodys := wrong
	nobodys.Proposals = nil
	begin, _ := count()
	for i, c := range []struct {
		of       store.Attempt
		recorded int
		counted  int
	}{{nobodys, 0, 1}, {wrong, 1, 1}, {nobodys, 1, 2}} {
		c.of.QuietFor = "caller"
		c.of.Record = func(store.Outcome) []byte { return fmt.Appendf(nil, `{"n":%d}`, i) }
		if o, err := db.Attempt(t.Context(), c.of); err != nil || o.Verdict != store.Refused {
			t.Fatalf("%+v, %v", o, err)
		}
		entries, counted := count()
		if want := fmt.Sprintf(`%d with {"n":%d}`, c.counted, i); entries != begin+c.recorded || counted != want {
			t.Errorf("refusal %d: %d recorded, counted %s; want %d, %s", i, entries-begin, counted, c.recorded, want)
		}
	}
}

// Lookups search by an index, one after the other, and read one row by its number for what
// they find: that of a token or user or, where there is none, the one that stands in.
func TestLookupsReadByNumber(t *testing.T) {
	t.Parallel()
	db := open(t, Config{Path: filepath.Join(t.TempDir(), "a.db")})
	const (
		standIn = "SEARCH token USING INTEGER PRIMARY KEY (rowid>?)"
		highest = "SEARCH token"
	)
	number := func(alias string) string { return "SEARCH " + alias + " USING INTEGER PRIMARY KEY (rowid=?)" }
	sql := db.lookups.Statements()
	if len(sql) != 4 {
		t.Fatalf("%d statements", len(sql))
	}
	for i, want := range [][]string{
		{"SEARCH u USING INDEX sqlite_autoindex_user_1 (name=?)", number("n"),
			"SEARCH user USING INTEGER PRIMARY KEY (rowid>?)", "SEARCH user"},
		{"SEARCH y USING INDEX sqlite_autoindex_token_1 (serial=?)", number("x") + " LEFT-JOIN", number("t"), number("c"),
			standIn, highest},
		{"SEARCH y USING INDEX condition_owner (owner=?)", number("n"), number("x") + " LEFT-JOIN", number("t"),
			number("c"), standIn, highest},
		{number("x"), "SEARCH a USING PRIMARY KEY (token=?)"},
	} {
		tx, err := db.reads.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		e := &explainer{Conn: newReadConn(tx), t: t}
		e.explain(t.Context(), sql[i], []any{"[]"})
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		for _, want := range want {
			if !slices.Contains(e.plans, want) {
				t.Errorf("no step %q in\n%s", want, strings.Join(e.plans, "\n"))
			}
		}
		for _, step := range e.plans { // what is sorted are the few of one serial or user
			if strings.Contains(step, "SCAN") && step != "SCAN l VIRTUAL TABLE INDEX 1:" {
				t.Errorf("%s in\n%s", step, strings.Join(e.plans, "\n"))
			}
		}
	}
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
