package postgres

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"

	"ostiary/internal/store"
	"ostiary/internal/store/storetest"
	"ostiary/internal/test/cluster"
)

// node opens a database, and closes it when the test ends.
func node(t *testing.T, cfg Config) *DB {
	t.Helper()
	db, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// fresh gives the URL of a database whose schema is up to date, and empty.
func fresh(t *testing.T) string {
	return cluster.Copy(t, func(url string) error {
		db, err := Open(context.Background(), Config{URL: url})
		if err != nil {
			return err
		}
		return db.Close()
	})
}

// guarded opens a new database that proves itself.
func guarded(t *testing.T) *DB {
	t.Helper()
	return guardedAt(t, fresh(t))
}

func guardedAt(t *testing.T, url string) *DB {
	t.Helper()
	db := node(t, Config{URL: url})
	if _, err := db.Protect(t.Context(), storetest.IntegrityKey(t, 1), nil); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.BeginIntegrity() }); err != nil {
		t.Fatal(err)
	}
	return db
}

// The tables of predicates are two thirds of a few hundred tests, and of statements that
// SQLite runs as well: make soak runs them here, too.
func TestConformance(t *testing.T) {
	t.Parallel()
	without := []string{"Predicates", "TwinPredicates", "ApplicationPredicates"}
	if os.Getenv("OSTIARY_SOAK_POSTGRES") != "" {
		without = nil
	}
	storetest.RunBut(t, func(t *testing.T) store.DB { return guarded(t) }, without...)
}

func TestIntegrityContract(t *testing.T) {
	t.Parallel()
	storetest.RunIntegrity(t, func(t *testing.T) store.DB { return node(t, Config{URL: fresh(t)}) })
}

func TestMoved(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	storetest.RunMoved(t, a, b)
}

// Two nodes on one database that proves itself.
func TestNodes(t *testing.T) {
	t.Parallel()
	storetest.RunNodes(t, func(t *testing.T) (a, b store.DB) { return pair(t) })
}

// pair opens a new database on two nodes. No transaction may have to be ended because two
// waited for each other.
func pair(t *testing.T) (a, b *DB) {
	t.Helper()
	url := fresh(t)
	watcher := connect(t, url)
	t.Cleanup(func() { noDeadlock(t, watcher) })
	return guardedAt(t, url), second(t, url)
}

// noDeadlock looks whether one was noticed. The nodes are closed by then, and have told.
func noDeadlock(t *testing.T, watcher *pgx.Conn) {
	t.Helper()
	var n int
	err := watcher.QueryRow(context.Background(), "SELECT deadlocks FROM pg_stat_database WHERE datname = "+
		"current_database()").Scan(&n)
	if err != nil || n > 0 {
		t.Errorf("%d deadlocks, %v", n, err)
	}
}

// second opens the database of another node.
func second(t *testing.T, url string) *DB {
	t.Helper()
	db := node(t, Config{URL: url})
	if begun, err := db.Protect(t.Context(), storetest.IntegrityKey(t, 1), nil); err != nil || !begun {
		t.Fatalf("the second node: begun %t, %v", begun, err)
	}
	return db
}

// Lists that may look at little walk where others sort.
func TestListsThatLookAtLittle(t *testing.T) {
	t.Parallel()
	storetest.RunLists(t, func(t *testing.T) store.DB { return node(t, Config{URL: fresh(t), Listed: 3}) })
}
