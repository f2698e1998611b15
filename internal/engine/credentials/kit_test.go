package credentials

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/store/sqlite"
	"ostiary/internal/store/storetest"
)

var origin = audit.Origin{Actor: "ROOT", Role: "root", Source: "10.0.0.1:4711", Request: "r-1"}

// clock is a clock that stands until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// open opens a database in a folder of its own.
func open(t *testing.T) (db *sqlite.DB, dir string) {
	t.Helper()
	dir = t.TempDir()
	db, err := sqlite.Open(t.Context(), sqlite.Config{Path: filepath.Join(dir, "ostiary.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, dir
}

// hasher gives keyed hashes of a purpose, the same in all tests.
func hasher(t *testing.T, p seal.Purpose) *seal.Hasher {
	t.Helper()
	h, err := storetest.IntegrityKey(t, 1).Hasher(p)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// entry is what the tests look at in an audit entry.
type entry struct {
	Action, Outcome, Reason, Actor string
	Subject                        struct{ Other string }
	Before, After                  map[string]any
}

// entries reads the log.
func entries(t *testing.T, db store.DB) (all []entry) {
	t.Helper()
	err := db.View(t.Context(), func(r store.Reader) error {
		rows, err := r.AuditEntries(0, 1000)
		for _, row := range rows {
			var e entry
			if err := json.Unmarshal(row.Entry, &e); err != nil {
				return err
			}
			all = append(all, e)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func last(t *testing.T, db store.DB) entry {
	t.Helper()
	all := entries(t, db)
	if len(all) == 0 {
		t.Fatal("the audit log is empty")
	}
	return all[len(all)-1]
}

// notStored demands that no file of the database holds a text.
func notStored(t *testing.T, dir string, texts ...string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	bytes := 0
	for _, f := range files {
		content, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		bytes += len(content)
		for _, text := range texts {
			if strings.Contains(string(content), text) {
				t.Errorf("%s holds %q", f.Name(), text)
			}
		}
	}
	if bytes == 0 {
		t.Error("the database has no content")
	}
}

func demand(t *testing.T, what string, err error, kind fault.Kind, code string) {
	t.Helper()
	if f := fault.Of(err); f == nil || f.Kind != kind || f.Code != code {
		t.Errorf("%s: %v, want kind %d, code %s", what, err, kind, code)
	}
}
