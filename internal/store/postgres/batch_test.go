package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ostiary/internal/store"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/line"
	"ostiary/internal/store/storetest"
)

// A batch is as its attempts one by one.
func TestBatches(t *testing.T) {
	t.Parallel()
	storetest.RunBatches(t, func(t *testing.T) store.DB { return guarded(t) }, together)
}

// Transactions of two nodes lock rows in one order: none waits for another that waits for it.
func TestBatchesOfNodes(t *testing.T) {
	t.Parallel()
	storetest.RunBatchesOfNodes(t, func(t *testing.T) (a, b store.DB) { return pair(t) }, together)
}

func together(db store.DB, as []store.Attempt) (outcomes []store.Outcome, err error) {
	pg := db.(*DB)
	batch := make([]*line.Job, len(as))
	for i := range as {
		batch[i] = &line.Job{Ctx: context.Background(), Attempt: &as[i]}
	}
	err = pg.line.Between(func() error { return writer{pg}.Decide(batch) })
	for _, j := range batch {
		outcomes = append(outcomes, j.Outcome)
	}
	return outcomes, err
}

// The statements of a batch search by number, whatever the size of the tables and of the
// batch: there is no join by hash, no search by state, and no scan. Right codes do so also
// before the server has counted what is in the tables.
func TestPlansOfBatches(t *testing.T) {
	t.Parallel()
	url := fresh(t)
	db, on := node(t, Config{URL: url}), connect(t, url)
	exec := func(sql string) {
		t.Helper()
		if _, err := on.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec("ALTER TABLE condition SET (autovacuum_enabled = off)")
	exec("SET session_replication_role = replica") // no keys of tokens are made
	exec("INSERT INTO import_run (id, label, opened, published) VALUES (7, '', 0, 1)")
	exec(`INSERT INTO "user" (id, name, created, failures, retry_at) SELECT i, 'u' || i, 0, 0, 0
		FROM generate_series(1, 50000) i`)
	exec(`INSERT INTO condition (token, run, owner, epoch, next, drift, failures, retry_at, state, not_before, not_after,
		last_used) SELECT i, 7, i, 1, 0, 0, 0, 0, 0, 0, 0, 0 FROM generate_series(1, 50000) i`)
	check := func(sql string, n int64) {
		t.Helper()
		ids := "{"
		for i := range n {
			ids += fmt.Sprint(90*i+1, ",")
		}
		args := make([]any, max(strings.Count(sql, "::bigint[]"), 1))
		for i := range args {
			args[i] = strings.TrimSuffix(ids, ",") + "}"
		}
		plan := explained(t, on, sql, args)
		for _, bad := range []string{"Hash", "Seq Scan on condition", `Seq Scan on "user"`, "Merge", "condition_by_state"} {
			if strings.Contains(plan, bad) {
				t.Errorf("%d at a time: %s in\n%.2000s", n, bad, plan)
			}
		}
	}
	accepts := []string{db.kept.many(decide.Statements[0]), db.kept.many(decide.Statements[1])}
	for _, n := range []int64{1, 70, 512} {
		for _, sql := range accepts {
			check(sql, n)
		}
	}
	exec("ANALYZE")
	for _, n := range []int64{1, 70, 512} {
		for _, sql := range append(accepts, lockUsersSQL, lockTokensSQL) {
			check(sql, n)
		}
	}
}

// Where refusals are only counted, each writes an entry and the row of its caller. Only that
// of a wrong code of a token stays.
func TestQuietRefusalsWriteAsMuch(t *testing.T) {
	t.Parallel()
	a, _, _, watcher := lockable(t)
	for _, of := range [][]store.Attempt{
		{ofNobody(1, "caller"), presentedTo(0, 2, false), ofNobody(3, "caller")},
		{presentedTo(0, 4, false)},
		{ofNobody(5, "caller")},
	} {
		for i := range of {
			of[i].QuietFor = "caller"
		}
		if _, err := together(a, of); err != nil {
			t.Fatal(err)
		}
	}
	var recorded, counted int
	err := watcher.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM audit_arrival) + (SELECT count(*) FROM audit_entry),
		(SELECT n FROM quiet_refusal WHERE caller = 'caller')`).Scan(&recorded, &counted)
	if err != nil || recorded != 2 || counted != 3 {
		t.Errorf("%d recorded, %d counted, %v; want 2, 3", recorded, counted, err)
	}
}

// explained gives the plan of a statement, whose arguments are text.
func explained(t *testing.T, on *pgx.Conn, sql string, args []any) string {
	t.Helper()
	for i, arg := range args {
		sql = strings.ReplaceAll(sql, fmt.Sprintf("$%d::bigint[]", i+1), fmt.Sprintf("'%s'::bigint[]", arg))
	}
	sql = strings.ReplaceAll(sql, "$1", fmt.Sprintf("'%s'::bigint[]", args[0]))
	rows, err := on.Query(t.Context(), "EXPLAIN "+sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(lines, "\n")
}
