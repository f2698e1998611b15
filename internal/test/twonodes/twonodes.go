// Package twonodes runs tests of what two servers on one database know of each other. A
// package that uses it has a TestMain that calls cluster.Run.
package twonodes

import (
	"context"
	"path/filepath"
	"testing"

	"ostiary/internal/store"
	"ostiary/internal/store/postgres"
	"ostiary/internal/store/sqlite"
	"ostiary/internal/store/storetest"
	"ostiary/internal/test/blankfile"
	"ostiary/internal/test/cluster"
)

// blank is an empty database of SQLite whose schema is up to date.
var blank blankfile.File

// Run runs a test with two nodes of one new database, which proves itself: with SQLite, which
// one server has to itself, both have the same handle; with PostgreSQL each has its own.
func Run(t *testing.T, test func(t *testing.T, a, b store.DB)) {
	t.Helper()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "ostiary.db")
		blank.Copy(t, path, func(path string) error {
			db, err := sqlite.Open(context.Background(), sqlite.Config{Path: path})
			if err != nil {
				return err
			}
			return db.Close()
		})
		db, err := sqlite.Open(t.Context(), sqlite.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		closed(t, db)
		protect(t, db)
		test(t, db, db)
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		url := cluster.Copy(t, func(url string) error {
			db, err := postgres.Open(context.Background(), postgres.Config{URL: url})
			if err != nil {
				return err
			}
			return db.Close()
		})
		open := func() store.DB {
			db, err := postgres.Open(t.Context(), postgres.Config{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			closed(t, db)
			protect(t, db)
			return db
		}
		test(t, open(), open())
	})
}

// protect makes a database prove itself, or checks one that does.
func protect(t *testing.T, db store.DB) {
	t.Helper()
	begun, err := db.Protect(t.Context(), storetest.IntegrityKey(t, 1), nil)
	if err == nil && !begun {
		err = db.Update(t.Context(), func(tx store.Tx) error { return tx.BeginIntegrity() })
	}
	if err != nil {
		t.Fatal(err)
	}
}

// closed closes a database when the test ends.
func closed(t *testing.T, db store.DB) {
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
}
