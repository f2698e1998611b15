package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
	"ostiary/internal/store/migrate"
	"ostiary/internal/store/tables"
)

// copyTo copies files of a database into another directory, as they are now.
func copyTo(t *testing.T, dir, path string, suffixes ...string) string {
	t.Helper()
	for _, suffix := range suffixes {
		raw, err := os.ReadFile(path + suffix)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "copy.db"+suffix), raw, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "copy.db")
}

// A database is read without a byte of it changed, that of a server that was killed with
// what stands in its WAL.
func TestReadOnlyChangesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ostiary.db")
	db := open(t, Config{Path: path})
	appendEntries(t, db, 10)
	killed := copyTo(t, t.TempDir(), path, "", "-wal")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	stopped := copyTo(t, t.TempDir(), path, "")
	for name, path := range map[string]string{"killed": killed, "stopped": stopped} {
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := OpenReadOnly(t.Context(), path)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = r.Browse(t.Context(), func(rd store.Reader) error {
			rows, _, err := rd.FindAudit(audit.Filter{Serial: "S7"}, 0, 10)
			if len(rows) != 1 {
				t.Errorf("%s: %d entries", name, len(rows))
			}
			return err
		})
		if err != nil || r.Check(t.Context()) != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := r.Update(t.Context(), func(store.Tx) error { return nil }); !errors.Is(err, tables.ErrReadOnly) {
			t.Errorf("%s: an update: %v", name, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the file was changed, %v", name, err)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(stopped))
	if err != nil || len(entries) != 1 {
		t.Errorf("beside a database that was read stand %v, %v", entries, err)
	}
}

// before0007 makes a database as it was before there was an index.
func before0007(t *testing.T) (path string, db *sql.DB) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "ostiary.db")
	db, err := sql.Open("sqlite", dsn(path, writerPragmas))
	if err != nil {
		t.Fatal(err)
	}
	ms, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	before := 0
	for before < len(ms) && ms[before].Name != "auditlog" {
		before++
	}
	if _, _, err := migrate.Up(context.Background(), target{db}, ms[:before]); err != nil {
		t.Fatal(err)
	}
	return path, db
}

func TestReadOnlyAsksForTheSchemaOfThisProgram(t *testing.T) {
	t.Parallel()
	path, db := before0007(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(t.Context(), path); err == nil ||
		!strings.Contains(err.Error(), "start the server once") {
		t.Errorf("an older database: %v", err)
	}
	if _, err := OpenReadOnly(t.Context(), path+".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no database: %v", err)
	}
}

// What is counted as it changes begins with what is there.
func TestUpgradeCountsDeliveriesAndMoves(t *testing.T) {
	t.Parallel()
	path, old := before0007(t)
	for _, q := range []string{
		"INSERT INTO import_run (id, label, batch, opened, published) VALUES (7, 'a', 'delivery', 1, 1)",
		`WITH RECURSIVE i(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM i WHERE i < 5) INSERT INTO token (id, kind, type,
			manufacturer, serial, key_id, algorithm, hash, digits, period, t0, suite, model, issuer, run, created, secret)
			SELECT i, 'hardware', 'hotp', '', i, '', 'HOTP', 'SHA1', 6, 0, 0, '', '', '', 7, 1, x'' FROM i`,
		"INSERT INTO move (id, opened, actor, key) VALUES ('m', 1, 'a', x'')",
		"INSERT INTO move_token (move, token, type, serial, before, ended) VALUES ('m', 1, 'hotp', '1', 0, 0)",
		"INSERT INTO move_token (move, token, type, serial, before, ended) VALUES ('m', 2, 'hotp', '2', 0, 1)",
		"INSERT INTO move_token (move, token, type, serial, before, ended) VALUES ('m', 3, 'hotp', '3', 0, 1)",
		"INSERT INTO move_token (move, token, type, serial, before, ended) VALUES ('m', 4, 'hotp', '4', 0, 2)",
	} {
		if _, err := old.Exec(q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	view(t, open(t, Config{Path: path}), func(r store.Reader) error {
		batches, err := r.Batches("", 10)
		if err != nil || len(batches) != 1 || batches[0].Tokens != 5 {
			t.Errorf("batches %+v, %v", batches, err)
		}
		m, err := r.Move("m")
		if err != nil || m.Moving != 1 || m.Moved != 2 || m.Back != 1 {
			t.Errorf("move %+v, %v", m, err)
		}
		return nil
	})
}
