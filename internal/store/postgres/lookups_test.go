package postgres

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"ostiary/internal/store"
	"ostiary/internal/store/query"
	"ostiary/internal/store/storetest"
	"ostiary/internal/test/cluster"
)

func exec(t *testing.T, db *DB, statement string) {
	t.Helper()
	if _, err := db.writes.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%.200s: %v", statement, err)
	}
}

func TestForgedAmongOthers(t *testing.T) {
	t.Parallel()
	storetest.RunForgedLookups(t, func(t *testing.T, alarm func(store.Alarm)) (store.DB, func(string)) {
		db := node(t, Config{URL: cluster.Schema(t)})
		if _, err := db.Protect(t.Context(), storetest.IntegrityKey(t, 1), alarm); err != nil {
			t.Fatal(err)
		}
		return db, func(statement string) { exec(t, db, statement) }
	})
}

// Lookups read rows by indexes, lookup by lookup, whatever the planner knows of the tables:
// nothing of them as a whole, and nothing joined by hashing. Few tokens have a row of secret.
func TestLookupsGoByIndexes(t *testing.T) {
	t.Parallel()
	db := node(t, Config{URL: cluster.Schema(t)})
	whole := regexp.MustCompile(`Seq Scan on (token|condition|"user"|application)\b|Hash|Merge`)
	plan := func(statement, lookups string) string {
		c, err := db.reads.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Release()
		lines, err := query.All(t.Context(), conn{c.Conn(), db.kept}, query.Value[string], "EXPLAIN "+statement, lookups)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "\n")
	}
	lookups := make([]string, 70)
	for i := range lookups {
		lookups[i] = fmt.Sprintf(`[%d, 1, "%d", null, null, null]`, i, i)
	}
	check := func(when string) {
		for i, statement := range db.lookups.Statements() {
			p := plan(statement, "["+strings.Join(lookups, ",")+"]")
			if whole.MatchString(p) {
				t.Errorf("%s, statement %d:\n%s", when, i, p)
			}
			want := []string{"user_name_key", "token_serial_type_manufacturer_key_id_key", "condition_owner",
				"application_pkey"}[i]
			if !strings.Contains(p, want) {
				t.Errorf("%s, statement %d does not go by %s:\n%s", when, i, want, p)
			}
		}
	}
	exec(t, db, `INSERT INTO import_run (label, opened, published) VALUES ('test', 1, 1)`)
	exec(t, db, `INSERT INTO "user" (name, created) SELECT 'user ' || n, 0 FROM generate_series(1, 5000) n`)
	exec(t, db, `INSERT INTO token (kind, type, manufacturer, serial, key_id, algorithm, hash, digits, period, t0, suite,
		model, issuer, run, created, secret) SELECT 'hardware', 'hotp', 'ACME', n, n, 'HOTP', 'SHA1', 6, 0, 0, '', '', '',
		(SELECT max(id) FROM import_run), 0, 'secret' FROM generate_series(1, 10000) n`)
	exec(t, db, `INSERT INTO condition (token, run, owner, epoch, next, drift, failures, retry_at, state, not_before,
		not_after, last_used) SELECT t.id, t.run, (SELECT id FROM "user" WHERE name = 'user ' || t.serial), 1, 0, 0, 0, 0,
		0, 0, 0, 0 FROM token t`)
	exec(t, db, `INSERT INTO application (token, idx, mode, algorithm, hash, digits, period, suite, next, drift, secret)
		SELECT id, 2, 1, 'HOTP', 'SHA1', 6, 0, '', 0, 0, 'secret' FROM token`)
	check("before any statistics")
	exec(t, db, "ANALYZE")
	check("with statistics")
	// The test sees what it is to see.
	if p := plan("SELECT count(*) FROM token WHERE serial <> ?", ""); !whole.MatchString(p) {
		t.Errorf("a scan is explained as %s", p)
	}
}
