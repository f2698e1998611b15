package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/auditlog"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// explainer notes how SQLite goes about each query.
type explainer struct {
	query.Conn
	t     *testing.T
	plans []string
}

func (e *explainer) explain(ctx context.Context, stmt string, args []any) {
	e.t.Helper()
	plan, err := query.All(ctx, e.Conn, func(s query.Scanner) (line string, err error) {
		var n int
		err = s.Scan(&n, &n, &n, &line)
		return line, err
	}, "EXPLAIN QUERY PLAN "+stmt, args...)
	if err != nil {
		e.t.Fatalf("explain %s: %v", stmt, err)
	}
	e.plans = append(e.plans, plan...)
}

func (e *explainer) Query(ctx context.Context, stmt string, args ...any) (query.Rows, error) {
	e.explain(ctx, stmt, args)
	return e.Conn.Query(ctx, stmt, args...)
}

func (e *explainer) QueryRow(ctx context.Context, stmt string, args ...any) query.Scanner {
	e.explain(ctx, stmt, args)
	return e.Conn.QueryRow(ctx, stmt, args...)
}

// plansOf gives how the queries of a list are answered.
func plansOf(t *testing.T, db *DB, list func(store.Reader) error) []string {
	t.Helper()
	tx, err := db.reads.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	e := &explainer{Conn: newReadConn(tx), t: t}
	if err := list(new(tables.NewReader(t.Context(), e, &proof.Guard{}, dialect, nil, db.listed))); err != nil {
		t.Fatal(err)
	}
	return e.plans
}

// found leaves what is not there aside: the plan is what is looked at.
func found(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// No list reads a whole table that grows, nor sorts one: each filter has its index.
func TestNoListReadsAWholeTable(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	tokens(t, db, 3)
	valid, lost, acme := token.Valid, token.RevokedLost, "ACME"
	soon := store.TokenFilter{EndsAfter: time.Unix(1, 0), EndsBy: time.Unix(2, 0), Limit: 10}
	with := func(f store.TokenFilter, edit func(*store.TokenFilter)) store.TokenFilter {
		edit(&f)
		f.Limit = 10
		return f
	}
	type list struct {
		name, by string // by is what its plan must name
		list     func(store.Reader) error
	}
	var lists []list
	for _, c := range []struct {
		by string
		f  store.TokenFilter
	}{
		{"t USING INTEGER PRIMARY KEY (rowid>?)", store.TokenFilter{}},
		{"token_by_kind (kind=? AND rowid>?)", store.TokenFilter{Kind: token.Software}},
		{"token_by_type (type=? AND rowid>?)", store.TokenFilter{Type: "hotp"}},
		{"token_by_type (type=? AND rowid>?)", store.TokenFilter{Type: "hotp", Kind: token.Hardware, State: &valid}},
		{"token_by_manufacturer (manufacturer=? AND rowid>?)", store.TokenFilter{Manufacturer: &acme}},
		{"condition_by_state (state=? AND rowid>?)", store.TokenFilter{State: &lost}},
		{"condition_by_state (state=? AND rowid>?)", store.TokenFilter{State: &lost, Type: "hotp"}},
		{"condition_by_state (state=? AND rowid>?)", store.TokenFilter{State: &valid}},
		{"condition_owner (owner=? AND rowid>?)", store.TokenFilter{Owner: 1}},
		{"condition_twin (token>?)", store.TokenFilter{Twins: true}},
		{"condition_twin (token>?)", store.TokenFilter{Twins: true, State: &valid, Type: "hotp"}},
		{"condition_fenced (token>?)", store.TokenFilter{Fenced: true}},
		{"condition_fenced (token>?)", store.TokenFilter{Fenced: true, Twins: true, State: &valid, Type: "hotp"}},
		{"condition_owner (owner=? AND rowid>?)", store.TokenFilter{Owner: 1, State: &valid, Type: "hotp"}},
		{"token_run (run=? AND rowid>?)", store.TokenFilter{Run: 1}},
		{"token_run (run=? AND rowid>?)", store.TokenFilter{Run: 1, State: &lost}},
		{"import_run_batch (batch=?)", store.TokenFilter{Batch: "a"}},
		{"condition_ending (not_after>? AND not_after<?)", soon},
		{"condition_ending (not_after>? AND not_after<?)", with(soon, func(f *store.TokenFilter) { f.State = &valid })},
	} {
		lists = append(lists, list{fmt.Sprintf("tokens %+v", c.f), c.by, func(r store.Reader) error {
			_, err := r.Tokens(with(c.f, func(*store.TokenFilter) {}))
			return err
		}})
	}
	few := func(f store.TokenFilter) func(store.Reader) error {
		return func(r store.Reader) error { _, err := r.Tokens(f); return err }
	}
	const serial = "sqlite_autoindex_token_1 (serial=?"
	sorted := []list{ // the few of one serial or user
		{"tokens of a serial", serial, few(store.TokenFilter{Serial: "1", Type: "hotp", Kind: token.Hardware})},
		{"tokens of serials", serial, few(store.TokenFilter{Serials: []string{"1", "2"}})},
		{"a user's that end", "condition_owner (owner=?", few(with(soon, func(f *store.TokenFilter) { f.Owner = 1 }))},
	}
	lists = append(lists,
		list{"open activations", "activation_open", func(r store.Reader) error {
			_, err := r.CountOpenActivations()
			return err
		}},
		list{"codes of some days", "(hour>? AND hour<?)", func(r store.Reader) error {
			_, _, err := r.CodeCounts(time.Unix(1, 0), time.Unix(2, 0))
			return err
		}},
		list{"users", "(name>?)", func(r store.Reader) error { _, err := r.Users("a", 10); return err }},
		list{"imports", "INTEGER PRIMARY KEY (rowid>? AND rowid<?)", func(r store.Reader) error {
			_, err := r.Runs(0, 10)
			return err
		}},
		list{"rows", "PRIMARY KEY (run=? AND n>?)", func(r store.Reader) error {
			_, err := r.RunRows(1, 0, 10)
			return err
		}},
		list{"batches", "import_run_batch (batch>?)", func(r store.Reader) error {
			_, err := r.Batches("", 10)
			return err
		}},
		list{"a batch", "import_run_batch (batch=?)", func(r store.Reader) error {
			_, err := r.Batch("a")
			return found(err)
		}},
		list{"series", "token_software (type=? AND serial>? AND serial<?)", func(r store.Reader) error {
			_, err := r.AllSeries()
			return err
		}},
		list{"moves", "move_opened", func(r store.Reader) error { _, err := r.Moves("", 10); return err }},
		list{"further moves", "move_opened (opened<?)", func(r store.Reader) error {
			_, err := r.Moves("a", 10)
			return err
		}},
		list{"account, by its serial", "sqlite_autoindex_token_1 (serial=?", func(r store.Reader) error {
			_, err := r.Account("a", "1", 0)
			if errors.Is(err, store.ErrNotFound) {
				err = nil
			}
			return err
		}},
		list{"account, by its key id", "token_account (profile=? AND key_id=?)", func(r store.Reader) error {
			_, err := r.Account("a", "1", 0)
			if errors.Is(err, store.ErrNotFound) {
				err = nil
			}
			return err
		}},
		list{"activations", "activation_token (token=?)", func(r store.Reader) error {
			_, err := r.Activations(1, 10)
			return err
		}},
	)
	for _, f := range []audit.Filter{{}, {Serial: "1"}, {User: "1"}, {Action: "a"}, {Outcome: "a"}, {Actor: "a"},
		{ActorID: "a"}, {From: time.Unix(1, 0)}, {To: time.Unix(1e9, 0)}, {Serial: "1", Action: "a"},
		{From: time.Unix(1, 0), To: time.Unix(1e9, 0), Actor: "a", Outcome: "b"}} {
		lists = append(lists, list{fmt.Sprintf("audit %+v", f), "", func(r store.Reader) error {
			_, _, err := r.FindAudit(f, 0, 10)
			return err
		}})
	}
	lists = append(lists,
		list{"entries", "audit_entry USING INTEGER PRIMARY KEY (rowid>?)", func(r store.Reader) error {
			_, err := r.AuditEntries(1, 10)
			return err
		}},
		list{"an administrator", "admin_name (name=?)", func(r store.Reader) error {
			_, err := r.Admin("a")
			return found(err)
		}},
		list{"a session", "PRIMARY KEY (id=?)", func(r store.Reader) error {
			_, err := r.Session([]byte("a"))
			return found(err)
		}},
		list{"sessions", "session_name (name=?)", func(r store.Reader) error { _, err := r.Sessions("a"); return err }},
		list{"passkeys", "passkey_admin (admin=?)", func(r store.Reader) error { _, err := r.Passkeys("a"); return err }},
		list{"kept views", "PRIMARY KEY (admin=? AND list=?)", func(r store.Reader) error {
			_, err := r.Views("a", "tokens")
			return err
		}},
		list{"memos", "memo_changed (what=? AND changed>?)", func(r store.Reader) error {
			_, err := r.Memos("a", time.Unix(1, 0))
			return err
		}},
		list{"an event", "event_message (message=?)", func(r store.Reader) error { _, err := r.Event("a"); return err }},
		list{"events", "event_dead (dead=? AND id<?)", func(r store.Reader) error {
			_, err := r.Events(true, 7, 10)
			return err
		}},
		list{"events that are due", "event_due (way=? AND dead=? AND due<?)", func(r store.Reader) error {
			_, err := r.DueEvents("a", time.Unix(1, 0), 5, 10)
			return err
		}},
		list{"older events of a subject", "event_order (way=? AND subject=? AND id<?)", func(r store.Reader) error {
			_, err := r.DueEvents("a", time.Unix(1, 0), 5, 10)
			return err
		}},
		list{"waiting events", "(way=? AND dead=?)", func(r store.Reader) error {
			_, err := r.WaitingEvents("a", 10)
			return err
		}},
		list{"counts of events", "(dead=?)", func(r store.Reader) error { _, err := r.CountEvents(10); return err }},
		list{"overdue events", "event_expires (dead=? AND expires<?)", func(r store.Reader) error {
			_, err := r.EventsOverdue(time.Unix(1, 0), time.Unix(1, 0))
			return err
		}},
		list{"events that ended long ago", "event_ended (dead=? AND ended<?)", func(r store.Reader) error {
			_, err := r.EventsOverdue(time.Unix(1, 0), time.Unix(1, 0))
			return err
		}},
		list{"nodes", "node_seen (seen>?)", func(r store.Reader) error {
			_, err := r.Nodes(time.Unix(1, 0))
			return err
		}},
		list{"a job", "j USING INTEGER PRIMARY KEY (rowid=?)", func(r store.Reader) error {
			_, err := r.Job(1)
			return found(err)
		}},
		list{"jobs", "j USING INTEGER PRIMARY KEY (rowid<?)", func(r store.Reader) error {
			_, err := r.Jobs(0, 10)
			return err
		}},
		list{"jobs under way", "job_ended (ended=?)", func(r store.Reader) error { _, err := r.OpenJobs(); return err }},
		list{"old jobs", "job_ended (ended<?)", func(r store.Reader) error {
			_, err := r.OldJobs(time.Unix(1, 0), 10)
			return err
		}},
		list{"rows of a job", "PRIMARY KEY (job=? AND n>?)", func(r store.Reader) error {
			_, err := r.JobRows(1, 0, 10)
			return err
		}},
		list{"rows to be done", "job_row_open (job=?)", func(r store.Reader) error {
			_, err := r.OpenJobRows(1, 10)
			return err
		}},
		list{"the state at a seam", "PRIMARY KEY (seam=? AND n>?)", func(r store.Reader) error {
			_, err := r.SeamState(1, 1, 10)
			return err
		}},
		list{"a checkpoint by its size", "checkpoint_size (size<?)", func(r store.Reader) error {
			_, err := r.CheckpointUpTo(7)
			return found(err)
		}})
	sizes := auditlog.Sizes{Small: 1, Large: 10}
	x := auditlog.NewIndexer(indexed{db}, auditlog.NewTail(sizes), sizes)
	appendEntries(t, db, 5)
	for {
		if added, err := x.Step(t.Context()); err != nil {
			t.Fatal(err)
		} else if !added {
			break
		}
	}
	whole := regexp.MustCompile(`^SCAN (t|c|k|u|token|condition|user|audit_entry|audit_block|import_row|move_token|` +
		`activation|session|memo|node|j|job|job_row|p|passkey|passkey_use|a|admin|admin_use|admin_view|e|o|event)\b`)
	for i, l := range append(lists, sorted...) {
		plans := plansOf(t, db, l.list)
		all := strings.Join(plans, "\n  ")
		if !strings.Contains(all, l.by) {
			t.Errorf("%s does not go by %q:\n  %s", l.name, l.by, all)
		}
		for _, line := range plans {
			if whole.MatchString(line) || i < len(lists) && strings.Contains(line, "TEMP B-TREE FOR ORDER BY") &&
				l.name != "tokens of a delivery" && !strings.Contains(l.by, "import_run_batch (batch=?)") &&
				l.name != "series" {
				t.Errorf("%s: %s", l.name, line)
			}
		}
	}
	// The test sees what it is to see.
	if plans := plansOf(t, db, func(r store.Reader) error {
		_, err := query.All(t.Context(), r.(*tables.Reader).Conn(), query.Value[int64], "SELECT id FROM token t WHERE digits = 7")
		return err
	}); !whole.MatchString(plans[0]) {
		t.Errorf("a scan is explained as %q", plans)
	}
}

// A query that takes too long ends with its context, and the reader serves the next.
func TestAQueryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	for range browsers + 1 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		begun := time.Now()
		err := db.Browse(ctx, func(r store.Reader) error {
			_, err := query.One(ctx, r.(*tables.Reader).Conn(), query.Value[int64],
				"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 1000000000) SELECT "+
					"count(*) FROM n")
			return err
		})
		cancel()
		if err == nil || time.Since(begun) > 20*time.Second {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	}
	if err := db.Browse(t.Context(), func(r store.Reader) error { _, err := r.Users("", 1); return err }); err != nil {
		t.Error(err)
	}
}
