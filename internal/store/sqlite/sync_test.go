package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// failingFile is a file of which a sync fails once, and then says that all is well, as
// the system does that dropped what it was to write.
type failingFile struct {
	syncer
	fails atomic.Bool
	syncs atomic.Int32
}

func (f *failingFile) Sync() error {
	f.syncs.Add(1)
	if f.fails.Swap(false) {
		return errDisk
	}
	return f.syncer.Sync()
}

// After a sync of the database file that failed nothing is accepted any more, readiness
// says so, the WAL stays as it was, and the next start finds all that was committed.
func TestFailedSyncOfTheFileEndsAcceptance(t *testing.T) {
	t.Parallel()
	var reported []error
	path := filepath.Join(t.TempDir(), "ostiary.db")
	db, err := Open(t.Context(), Config{Path: path, Report: func(err error) { reported = append(reported, err) }})
	if err != nil {
		t.Fatal(err)
	}
	id := tokens(t, db, 1)[0]
	file := &failingFile{syncer: db.checkpoints.file}
	db.checkpoints.file = file
	file.fails.Store(true)
	if err := db.checkpoints.writeBack(); !errors.Is(err, errDisk) {
		t.Fatalf("writeBack: %v", err)
	}
	if err := db.Check(t.Context()); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrDisk) {
		t.Errorf("Check: %v", err)
	}
	for range 2 {
		if o, err := db.Attempt(t.Context(), right(id, 0)); !errors.Is(err, store.ErrUnavailable) ||
			o.Verdict == store.Accepted {
			t.Errorf("a code: %+v, %v", o, err)
		}
		if err := db.Update(t.Context(), func(store.Tx) error { return nil }); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("an update: %v", err)
		}
		if err := db.writer.probe(); err == nil {
			t.Error("a probe makes it ready again")
		}
	}
	if err := db.Check(t.Context()); err == nil || len(reported) != 1 || reported[0] == nil {
		t.Errorf("Check: %v, reported %v", err, reported)
	}
	wal := size(t, path+"-wal")
	if err := db.checkpoints.writeBack(); err == nil || file.syncs.Load() != 1 {
		t.Errorf("written back again: %v, after %d syncs", err, file.syncs.Load())
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if now := size(t, path+"-wal"); wal == 0 || now != wal {
		t.Errorf("the WAL had %d bytes, and %d after the end", wal, now)
	}
	again := open(t, Config{Path: path})
	if o, err := again.Attempt(t.Context(), right(id, 0)); err != nil || o.Verdict != store.Accepted {
		t.Errorf("after the next start: %+v, %v", o, err)
	}
	view(t, again, func(r store.Reader) error {
		all, err := r.Tokens(store.TokenFilter{ID: token.ID(id)})
		if len(all) != 1 {
			t.Error("the token is gone")
		}
		return err
	})
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
