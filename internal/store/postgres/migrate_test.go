package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/store/migrate"
	"ostiary/internal/store/query"
	"ostiary/internal/test/cluster"
)

func TestMigrationsOfOtherPrograms(t *testing.T) {
	t.Parallel()
	on := connect(t, cluster.Schema(t))
	ms := steps("CREATE TABLE a (n bigint)", "CREATE TABLE b (n bigint)")
	if n, _, err := up(t.Context(), on, ms); n != 2 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	if n, _, err := up(t.Context(), on, ms); n != 0 || err != nil {
		t.Errorf("again: %d, %v", n, err)
	}
	if n, s, err := up(t.Context(), on, ms[:1]); n != 0 || err != nil || s != (migrate.Schema{Version: 2}) {
		t.Errorf("an older program: %d, %+v, %v", n, s, err)
	}
	third := steps("", "", "DROP TABLE a")[2]
	third.MinBinary = 2
	if n, s, err := up(t.Context(), on, append(slices.Clone(ms), third)); n != 1 || err != nil ||
		s != (migrate.Schema{Version: 3, MinBinary: 2}) {
		t.Errorf("a step that takes away: %d, %+v, %v", n, s, err)
	}
	if n, _, err := up(t.Context(), on, ms[:1]); n != 0 || !errors.Is(err, migrate.ErrNewer) {
		t.Errorf("a program that is too old: %d, %v", n, err)
	}
	if n, s, err := up(t.Context(), on, ms); n != 0 || err != nil || s.Version != 3 {
		t.Errorf("one that is just not: %d, %+v, %v", n, s, err)
	}
	edited := steps("CREATE TABLE a (n bigint)", "CREATE TABLE b (n text)")
	if n, _, err := up(t.Context(), on, edited); n != 0 || !errors.Is(err, migrate.ErrEdited) {
		t.Errorf("an edited step: %d, %v", n, err)
	}
	// After each of them the lock is free.
	if free, err := query.One(t.Context(), conn{on, newStatements()}, query.Value[bool],
		"SELECT count(*) = 0 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"); err != nil || !free {
		t.Errorf("free: %v, %v", free, err)
	}
}

// Of a step that fails nothing stays, and those before it stay.
func TestMigrationFailsAsAWhole(t *testing.T) {
	t.Parallel()
	on := connect(t, cluster.Schema(t))
	first, second := "CREATE TABLE a (n bigint)", "CREATE TABLE b (n bigint); INSERT INTO b VALUES "
	n, _, err := up(t.Context(), on, steps(first, second+"('x')"))
	if n != 1 || err == nil || !strings.Contains(err.Error(), "migration 0002_step: ") {
		t.Errorf("%d, %v", n, err)
	}
	c := conn{on, newStatements()}
	if there, err := query.One(t.Context(), c, query.Value[bool], "SELECT to_regclass('b') IS NOT NULL"); err != nil ||
		there {
		t.Errorf("b is there: %v, %v", there, err)
	}
	n, _, err = up(t.Context(), on, steps(first, second+"(1)"))
	if n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}

// A migration waits for a table briefly and tries again, so that codes are not stopped by
// a long query before it.
func TestMigrationTriesAgain(t *testing.T) {
	t.Parallel()
	url := cluster.Schema(t)
	on, other := connect(t, url), connect(t, url)
	first := "CREATE TABLE a (n bigint)"
	if _, _, err := up(t.Context(), on, steps(first)); err != nil {
		t.Fatal(err)
	}
	tx, err := other.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SELECT n FROM a"); err != nil {
		t.Fatal(err)
	}
	free := make(chan error)
	go func() {
		time.Sleep(2500 * time.Millisecond) // the first try has ended
		free <- tx.Commit(t.Context())
	}()
	if n, _, err := up(t.Context(), on, steps(first, "ALTER TABLE a ADD COLUMN m bigint")); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if err := <-free; err != nil {
		t.Error(err)
	}
}

// Who waits for another program's migrations can give up.
func TestMigrationIsGivenUp(t *testing.T) {
	t.Parallel()
	url := cluster.Schema(t)
	on, other := connect(t, url), connect(t, url)
	if _, err := other.Exec(t.Context(), lockSQL); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if n, _, err := up(ctx, on, steps("CREATE TABLE a (n bigint)")); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%d, %v", n, err)
	}
	if there, err := query.One(t.Context(), conn{other, newStatements()}, query.Value[bool],
		"SELECT to_regclass('a') IS NOT NULL"); err != nil || there {
		t.Errorf("a is there: %v, %v", there, err)
	}
}

// Two programs that start at once migrate once.
func TestTwoMigrationsAtOnce(t *testing.T) {
	t.Parallel()
	url := cluster.Schema(t)
	ms, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		n   int
		err error
	}
	results := make(chan result)
	const programs = 4
	for range programs {
		on := connect(t, url)
		go func() {
			n, _, err := up(t.Context(), on, ms)
			results <- result{n, err}
		}()
	}
	applied := 0
	for range programs {
		r := <-results
		if r.err != nil || r.n != 0 && r.n != len(ms) {
			t.Errorf("%d migrations, %v", r.n, r.err)
		}
		applied += r.n
	}
	if applied != len(ms) {
		t.Errorf("%d migrations were applied, want %d", applied, len(ms))
	}
	sums, err := query.All(t.Context(), conn{connect(t, url), newStatements()}, query.Value[string],
		"SELECT sum FROM schema_migration ORDER BY number")
	if err != nil || len(sums) != len(ms) || sums[len(sums)-1] != ms[len(ms)-1].Sum {
		t.Errorf("%d rows, %v", len(sums), err)
	}
}

// steps are migrations of a test.
func steps(texts ...string) (ms []migrate.Migration) {
	for i, text := range texts {
		ms = append(ms, migrate.Migration{Number: i + 1, Name: "step", SQL: text, Sum: text})
	}
	return ms
}
