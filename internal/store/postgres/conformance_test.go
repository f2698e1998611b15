package postgres

import (
	"os"
	"testing"

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

// guarded opens a new database that proves itself.
func guarded(t *testing.T) *DB {
	t.Helper()
	db := node(t, Config{URL: cluster.Schema(t)})
	if _, err := db.Protect(t.Context(), storetest.IntegrityKey(t, 1), nil); err != nil {
		t.Fatal(err)
	}
	if err := db.Update(t.Context(), func(tx store.Tx) error { return tx.BeginIntegrity() }); err != nil {
		t.Fatal(err)
	}
	return db
}

// Each of a few hundred tests makes its own schema, which takes a second. The tables of
// predicates are two thirds of them, and of statements that SQLite runs as well: make soak
// runs them here, too.
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
	storetest.RunIntegrity(t, func(t *testing.T) store.DB { return node(t, Config{URL: cluster.Schema(t)}) })
}

// Two nodes on one database.
func TestNodes(t *testing.T) {
	t.Parallel()
	storetest.RunNodes(t, func(t *testing.T) (a, b store.DB) {
		cfg := Config{URL: cluster.Schema(t)}
		return node(t, cfg), node(t, cfg)
	})
}

// Lists that may look at little walk where others sort.
func TestListsThatLookAtLittle(t *testing.T) {
	t.Parallel()
	storetest.RunLists(t, func(t *testing.T) store.DB { return node(t, Config{URL: cluster.Schema(t), Listed: 3}) })
}
