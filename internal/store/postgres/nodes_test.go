package postgres

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// explaining notes how PostgreSQL goes about each query.
type explaining struct {
	conn
	t     *testing.T
	plans []string
}

func (e *explaining) explain(statement string, args []any) {
	e.t.Helper()
	lines, err := query.All(e.t.Context(), e.conn, query.Value[string], "EXPLAIN "+statement, args...)
	if err != nil {
		e.t.Fatalf("explain %s: %v", statement, err)
	}
	e.plans = append(e.plans, lines...)
}

func (e *explaining) Query(ctx context.Context, statement string, args ...any) (query.Rows, error) {
	e.explain(statement, args)
	return e.conn.Query(ctx, statement, args...)
}

func (e *explaining) QueryRow(ctx context.Context, statement string, args ...any) query.Scanner {
	e.explain(statement, args)
	return e.conn.QueryRow(ctx, statement, args...)
}

// What nodes ask each second, and at each request of a session and each sign-in, goes by an
// index.
func TestPlansOfNodes(t *testing.T) {
	t.Parallel()
	db := node(t, Config{URL: fresh(t)})
	exec(t, db, `INSERT INTO node (name, started, seen) SELECT 'host', n, n FROM generate_series(1, 20000) n`)
	exec(t, db, `INSERT INTO session (id, name, started, used, proof) SELECT decode(md5(n::text), 'hex'), 'name ' || n, n, n, ''
		FROM generate_series(1, 20000) n`)
	exec(t, db, `INSERT INTO memo SELECT 'kind ' || n % 10, n, n, 0, n, n FROM generate_series(1, 20000) n`)
	exec(t, db, `INSERT INTO admin SELECT 'id ' || n, 'name ' || n, 'admin', 0, '', 0, n FROM generate_series(1, 20000) n`)
	exec(t, db, `INSERT INTO admin_use SELECT 'id ' || n, n FROM generate_series(1, 20000) n`)
	exec(t, db, `INSERT INTO passkey SELECT decode(md5(n::text), 'hex'), 'id ' || n, '', '', '', 0, '', n
		FROM generate_series(1, 20000) n`)
	exec(t, db, `INSERT INTO passkey_use SELECT decode(md5(n::text), 'hex'), 1, n FROM generate_series(1, 20000) n`)
	exec(t, db, `INSERT INTO event (message, way, subject, created, expires, due, dead, ended, body) SELECT 'message ' || n,
		'webhook', 'user ' || n % 5000, n, n, n, (n % 500 = 0)::int, n, '' FROM generate_series(1, 20000) n`)
	exec(t, db, `INSERT INTO admin_view SELECT 'id ' || n, 'tokens', '', '' FROM generate_series(1, 20000) n`)
	exec(t, db, "ANALYZE")
	c, err := db.reads.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	plan := func(ask func(store.Reader) error) string {
		e := &explaining{conn: conn{c.Conn(), db.kept}, t: t}
		err := ask(new(tables.NewReader(t.Context(), e, &proof.Guard{}, dialect, nil, db.listed)))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
		return strings.Join(e.plans, "\n")
	}
	whole := regexp.MustCompile("Seq Scan")
	for want, ask := range map[string]func(store.Reader) error{
		"node_seen":     func(r store.Reader) error { _, err := r.Nodes(time.UnixMilli(19_990)); return err },
		"session_pkey":  func(r store.Reader) error { _, err := r.Session([]byte("a")); return err },
		"session_name":  func(r store.Reader) error { _, err := r.Sessions("name 7"); return err },
		"admin_name":    func(r store.Reader) error { _, err := r.Admin("name 7"); return err },
		"passkey_admin": func(r store.Reader) error { _, err := r.Passkeys("id 7"); return err },
		"event_message": func(r store.Reader) error { _, err := r.Event("message 7"); return err },
		"event_dead":    func(r store.Reader) error { _, err := r.Events(true, 19_000, 10); return err },
		"event_due": func(r store.Reader) error {
			_, err := r.DueEvents("webhook", time.UnixMilli(30), 5, 10)
			return err
		},
		"event_order": func(r store.Reader) error {
			_, err := r.DueEvents("webhook", time.UnixMilli(30), 5, 10)
			return err
		},
		"event_expires": func(r store.Reader) error {
			_, err := r.EventsOverdue(time.UnixMilli(1), time.UnixMilli(1))
			return err
		},
		"event_ended": func(r store.Reader) error {
			_, err := r.EventsOverdue(time.UnixMilli(1), time.UnixMilli(1))
			return err
		},
		"admin_view_pkey": func(r store.Reader) error { _, err := r.Views("id 7", "tokens"); return err },
		"memo_pkey":       func(r store.Reader) error { _, err := r.Memo("kind 7", "7", "7"); return err },
		"memo_changed":    func(r store.Reader) error { _, err := r.Memos("kind 7", time.UnixMilli(19_900)); return err },
	} {
		if p := plan(ask); !strings.Contains(p, want) || whole.MatchString(p) {
			t.Errorf("the query does not go by %s:\n%s", want, p)
		}
	}
	// The test sees what it is to see.
	if p := plan(func(r store.Reader) error {
		_, err := query.One(t.Context(), r.(*tables.Reader).Conn(), query.Value[int64], "SELECT count(*) FROM memo WHERE until % 7 = 1")
		return err
	}); !whole.MatchString(p) {
		t.Errorf("a scan is explaining as %s", p)
	}
}
