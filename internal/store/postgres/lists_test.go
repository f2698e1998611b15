package postgres

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
	"ostiary/internal/test/cluster"
)

// explainer notes how PostgreSQL goes about each query.
type explainer struct {
	query.Conn
	t     *testing.T
	plans []string
}

func (e *explainer) explain(ctx context.Context, stmt string, args []any) {
	e.t.Helper()
	lines, err := query.All(ctx, e.Conn, query.Value[string], "EXPLAIN "+stmt, args...)
	if err != nil {
		e.t.Fatalf("explain %s: %v", stmt, err)
	}
	e.plans = append(e.plans, strings.Join(lines, "\n"))
}

func (e *explainer) Query(ctx context.Context, stmt string, args ...any) (query.Rows, error) {
	e.explain(ctx, stmt, args)
	return e.Conn.Query(ctx, stmt, args...)
}

func (e *explainer) QueryRow(ctx context.Context, stmt string, args ...any) query.Scanner {
	e.explain(ctx, stmt, args)
	return e.Conn.QueryRow(ctx, stmt, args...)
}

// PostgreSQL sends all that was asked for, so a page of the log asks for no more than it may
// need.
func TestAPageOfTheLogIsBounded(t *testing.T) {
	t.Parallel()
	db := node(t, Config{URL: cluster.Schema(t)})
	exec(t, db, "INSERT INTO audit_entry (seq, entry) SELECT n, '{}' FROM generate_series(0, 2000) n")
	read := 0
	for _, plan := range plansOf(t, db, tables.Listed, func(r *tables.Reader) error {
		_, _, err := r.FindAudit(audit.Filter{}, 0, 10)
		return err
	}) {
		if !strings.Contains(plan, "audit_entry") {
			continue
		}
		read++
		if !strings.HasPrefix(plan, "Limit") {
			t.Errorf("a page of 10 reads without a bound:\n%s", plan)
		}
	}
	if read == 0 {
		t.Error("no entry was read")
	}
}

// A walk through an order reads tokens by indexes, whatever the filter: no table as a whole,
// and it sorts the rows of a page, not what a filter chooses. Counts and what is little enough
// to be sorted go by indexes, too, and join row by row.
func TestASortedListGoesByTheIndexOfItsOrder(t *testing.T) {
	t.Parallel()
	db := node(t, Config{URL: cluster.Schema(t)})
	exec(t, db, `INSERT INTO import_run (id, label, batch, opened, published) VALUES (1, 'test', 'most', 1, 1),
		(2, 'last', 'some', 1, 1)`)
	exec(t, db, `INSERT INTO "user" (name, created) SELECT 'user ' || n, 0 FROM generate_series(1, 5000) n`)
	exec(t, db, `INSERT INTO token (kind, type, manufacturer, serial, key_id, algorithm, hash, digits, period, t0, suite,
		model, issuer, run, created, secret) SELECT 'hardware', CASE WHEN n % 3 = 0 THEN 'totp' ELSE 'hotp' END,
		CASE WHEN n % 7 = 0 THEN 'Other' ELSE 'ACME' END, n, n, 'HOTP', 'SHA1', 6, 0, 0, '', '', '',
		CASE WHEN n > 18000 THEN 2 ELSE 1 END, 0, 'secret' FROM generate_series(1, 20000) n`)
	exec(t, db, `INSERT INTO condition (token, run, owner, epoch, next, drift, failures, retry_at, state, not_before,
		not_after, last_used) SELECT t.id, t.run, (SELECT id FROM "user" WHERE name = 'user ' || t.serial), 1, 0, 0, 0, 0,
		CASE WHEN t.id % 5 = 0 THEN 1 ELSE 0 END, 0, CASE WHEN t.id % 3 = 0 THEN 1000 + t.id ELSE 0 END, 0 FROM token t`)
	exec(t, db, "ANALYZE")
	const listed = 50 // of 20,000
	whole := regexp.MustCompile(`Seq Scan on (token|condition|"user")\b`)
	chosen := regexp.MustCompile(whole.String() + `.*\n *(Filter|Hash Cond)`) // to read the first rows is no harm
	together := regexp.MustCompile(`(Hash|Merge) (Left |Semi |Right )?Join|Gather`)
	sorts := regexp.MustCompile(`(?m)^ *(->)? *Sort .*rows=(\d+)`)
	valid, lost, acme := token.Valid, token.RevokedLost, "ACME"
	plansOf := func(list func(*tables.Reader) error) []string { return plansOf(t, db, listed, list) }
	indexes := map[store.TokenSort]string{store.BySerial: "token_serial_type_manufacturer_key_id_key",
		store.ByState: "condition_by_state", store.ByType: "token_by_type", store.ByManufacturer: "token_by_manufacturer",
		store.ByEnd: "condition_ending", store.ByUser: "user_name_key", store.ByArrival: ""}
	for name, f := range map[string]store.TokenFilter{"all": {}, "kind": {Kind: token.Software}, "type": {Type: "hotp"},
		"manufacturer": {Manufacturer: &acme}, "lost": {State: &lost}, "valid": {State: &valid}, "held": {Held: true},
		"free": {Free: true}, "run": {Run: 2}, "part": {SerialPart: "9", LabelPart: "a"}, "prefix": {SerialPrefix: "1"},
		"never used": {NeverUsed: true},
		"batch":      {Batch: "some"}, "owners": {OwnerPrefix: "user 1"}, "ending": {EndsBy: time.UnixMilli(9000)},
		"several": {Free: true, Kind: token.Hardware, State: &valid}} {
		f.Limit = 10
		for _, list := range []func(*tables.Reader) error{
			func(r *tables.Reader) error { _, err := r.Tokens(f); return err },
			func(r *tables.Reader) error { _, err := r.CountTokens(f); return err },
			func(r *tables.Reader) error {
				_, _, err := r.SortedTokens(f, store.TokenOrder{By: store.ByArrival})
				return err
			}} {
			all := strings.Join(plansOf(list), "\n")
			if chosen.MatchString(all) || together.MatchString(all) {
				t.Errorf("%s:\n%s", name, all)
			}
			if run := "token_run"; (f.Run != 0 || f.Batch != "") && !strings.Contains(all, run) {
				t.Errorf("%s does not go by %s:\n%s", name, run, all)
			}
		}
		for by, index := range indexes {
			for _, o := range []store.TokenOrder{{By: by}, {By: by, Desc: true}, {By: by, Back: true},
				{By: by, After: &store.TokenPlace{ID: 9000, User: "user 3", Number: 0, At: time.UnixMilli(9000),
					Identity: token.Identity{Serial: "5", Type: "hotp", Manufacturer: "ACME"}}}} {
				what := fmt.Sprintf("%s by %s, %+v", name, by, o)
				plans := plansOf(func(r *tables.Reader) error { _, _, err := r.Walk(f, o); return err })
				all := strings.Join(plans, "\n")
				if whole.MatchString(all) || together.MatchString(all) {
					t.Errorf("%s:\n%s", what, all)
				}
				// Among tokens that have one value it may prefer the order of their numbers. Other
				// pages may be of another part of the order.
				same := by == store.ByState && f.State != nil || by == store.ByType && f.Type != "" ||
					by == store.ByManufacturer && f.Manufacturer != nil || by == store.ByUser && f.Free
				if !same && o.After == nil && !o.Back && !strings.Contains(all, index) {
					t.Errorf("%s does not go by %s:\n%s", what, index, all)
				}
				for _, m := range sorts.FindAllStringSubmatch(all, -1) {
					if len(m[2]) > 2 {
						t.Errorf("%s sorts %s rows:\n%s", what, m[2], all)
					}
				}
			}
		}
	}
	// What the dashboard counts.
	exec(t, db, `INSERT INTO activation (token, profile, owner, route, reason, actor, self, opened, expires, status, again,
		same_secret) SELECT t.id, 'p', 0, 'qr', '', '', 0, 1, 1, CASE WHEN t.id % 50 = 0 THEN 0 ELSE 1 END, 0, 0 FROM token t`)
	exec(t, db, `INSERT INTO code_tally (hour, outcome, reason, n) SELECT n, 'accepted', '', 1
		FROM generate_series(1, 20000) n`)
	exec(t, db, "ANALYZE")
	for index, count := range map[string]func(*tables.Reader) error{
		"activation_open": func(r *tables.Reader) error { _, err := r.CountOpenActivations(); return err },
		"code_tally_pkey": func(r *tables.Reader) error {
			_, _, err := r.CodeCounts(time.Unix(0, 0).Add(9000*time.Hour), time.Unix(0, 0).Add(9100*time.Hour))
			return err
		},
	} {
		if all := strings.Join(plansOf(count), "\n"); !strings.Contains(all, index) {
			t.Errorf("not by %s:\n%s", index, all)
		}
	}
	// The test sees what it is to see.
	plans := plansOf(func(r *tables.Reader) error {
		_, err := query.All(t.Context(), r.Conn(), query.Value[int64], "SELECT id FROM token ORDER BY model LIMIT 10")
		return err
	})
	if all := strings.Join(plans, "\n"); !whole.MatchString(all) || !sorts.MatchString(all) {
		t.Errorf("a scan that is sorted is explained as %s", all)
	}
}

// Jobs and their rows are read by indexes.
func TestJobsGoByIndexes(t *testing.T) {
	t.Parallel()
	db := node(t, Config{URL: cluster.Schema(t)})
	exec(t, db, `INSERT INTO job (kind, detail, actor, actor_id, role, source, request, opened, begun, ended, proof)
		SELECT 'state', '', '', '', '', '', '', n, n, CASE WHEN n % 1000 = 0 THEN 0 ELSE n END, ''
		FROM generate_series(1, 20000) n`)
	exec(t, db, `INSERT INTO job_row (job, n, token, line, serial, type, "user", state, owner, outcome, reason, proof)
		SELECT (SELECT max(id) FROM job) - n % 20, n, n, 0, n, '', '', 0, 0, CASE WHEN n % 100 < 20 THEN '' ELSE 'changed' END,
		'', '' FROM generate_series(1, 40000) n`)
	exec(t, db, "ANALYZE")
	whole := regexp.MustCompile(`Seq Scan on job|Sort `)
	for name, l := range map[string]struct {
		by   string
		list func(*tables.Reader) error
	}{
		"a job": {"job_pkey", func(r *tables.Reader) error {
			_, err := r.Job(1)
			if errors.Is(err, store.ErrNotFound) {
				return nil
			}
			return err
		}},
		"jobs":           {"job_pkey", func(r *tables.Reader) error { _, err := r.Jobs(0, 10); return err }},
		"jobs under way": {"job_ended", func(r *tables.Reader) error { _, err := r.OpenJobs(); return err }},
		"old jobs": {"job_ended", func(r *tables.Reader) error {
			_, err := r.OldJobs(time.UnixMilli(9), 10)
			return err
		}},
		"rows of a job":   {"job_row_pkey", func(r *tables.Reader) error { _, err := r.JobRows(19990, 7, 10); return err }},
		"rows to be done": {"job_row_open", func(r *tables.Reader) error { _, err := r.OpenJobRows(19990, 10); return err }},
	} {
		plan := strings.Join(plansOf(t, db, tables.Listed, l.list), "\n")
		if whole.MatchString(plan) || !strings.Contains(plan, l.by) {
			t.Errorf("%s:\n%s", name, plan)
		}
	}
}

// plansOf gives how the queries of a list are answered; listed is how many rows one sorts at
// most.
func plansOf(t *testing.T, db *DB, listed int, list func(*tables.Reader) error) []string {
	t.Helper()
	var plans []string
	c, err := db.browses.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if err := inTransaction(t.Context(), c.Conn(), pgx.TxOptions{}, func(tx pgx.Tx) error {
		e := &explainer{Conn: conn{tx, db.kept}, t: t}
		err := list(new(tables.NewReader(t.Context(), e, &proof.Guard{}, db.dialect, nil, listed)))
		plans = e.plans
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return plans
}
