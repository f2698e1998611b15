package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ostiary/internal/store"
)

// pages lets the database have so many pages, 0 meaning as many as it has.
func pages(t *testing.T, db *DB, n int) {
	t.Helper()
	if err := db.writer.line.Between(func() error {
		_, err := db.writer.conn.ExecContext(bg, fmt.Sprintf("PRAGMA max_page_count = %d", max(n, 1)))
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

// fill writes a setting that needs pages.
func fill(db *DB, name string) error {
	return db.Update(bg, func(tx store.Tx) error { return tx.SetSetting(name, make([]byte, 1<<16)) })
}

// A disk that is full is named, nothing is written, and the next commit goes on.
func TestDiskFullSaysSoAndNothingIsWritten(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	pages(t, db, 0)
	if err := fill(db, "large"); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrDiskFull) ||
		errors.Is(err, store.ErrUncertain) {
		t.Errorf("Update = %v, want ErrUnavailable and ErrDiskFull", err)
	}
	view(t, db, func(r store.Reader) error {
		if _, err := r.Setting("large"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the setting that did not fit: %v, want ErrNotFound", err)
		}
		return nil
	})
	if err := db.Check(bg); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrDiskFull) {
		t.Errorf("Check = %v after a commit that failed", err)
	}
	pages(t, db, 1<<30)
	if err := fill(db, "large"); err != nil {
		t.Errorf("Update = %v with room again", err)
	}
	if err := db.Check(bg); err != nil {
		t.Errorf("Check = %v after a commit that succeeded", err)
	}
}

// A database that another program holds is named, and is no disk that is full.
func TestHeldByAnotherProgramSaysSo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ostiary.db")
	db := open(t, Config{Path: path})
	if err := db.writer.line.Between(func() error {
		_, err := db.writer.conn.ExecContext(bg, "PRAGMA busy_timeout = 1")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	if err := fill(db, "x"); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrHeld) {
		t.Errorf("Update = %v, want ErrUnavailable and ErrHeld", err)
	}
	if _, err := other.Exec("ROLLBACK"); err != nil {
		t.Fatal(err)
	}
}

// Readiness follows the commits: not ready from one that failed until one succeeds,
// which the database tries by itself; both are reported once.
func TestReadinessFollowsTheCommits(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var reports []error
	db := open(t, Config{Report: func(err error) { mu.Lock(); defer mu.Unlock(); reports = append(reports, err) }})
	id := tokens(t, db, 1)[0]
	commitFails(t, db)
	for range 3 {
		if _, err := db.Attempt(bg, right(id, 0)); !errors.Is(err, store.ErrUncertain) {
			t.Errorf("Attempt = %v, want ErrUncertain", err)
		}
		if err := db.Check(bg); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, errDisk) {
			t.Errorf("Check = %v, want the trouble of the last commit", err)
		}
	}
	commitWorks(t, db) // itself commits nothing
	for deadline := time.Now().Add(time.Minute); db.Check(bg) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("without traffic the database is never ready again")
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(reports) != 2 || !errors.Is(reports[0], errDisk) || reports[1] != nil {
		t.Errorf("reported %v, want the trouble and its end", reports)
	}
}

// An error of a caller's own says nothing about the database.
func TestOtherErrorsLeaveItReady(t *testing.T) {
	t.Parallel()
	db := open(t, Config{})
	if err := db.Update(bg, func(store.Tx) error { return store.ErrConflict }); err != store.ErrConflict {
		t.Errorf("Update = %v, want the error of fn as it is", err)
	}
	if err := db.View(bg, func(store.Reader) error { return store.ErrNotFound }); err != store.ErrNotFound {
		t.Errorf("View = %v, want the error of fn as it is", err)
	}
	if err := db.Check(bg); err != nil {
		t.Errorf("Check = %v", err)
	}
}
