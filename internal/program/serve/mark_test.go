package serve

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/engine/integrity"
)

// A mark that somebody set back, so that an older copy of the database would pass, is
// not taken for one of this server: its MAC needs the key. Nor is one of another key.
func TestMarkThatWasSetBackIsRefused(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	_, closed := opened(t, data)
	closed()
	name := filepath.Join(data, "kek.mark")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	right, err := integrity.ParseMark(string(text))
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*integrity.Mark){
		"fewer commits": func(m *integrity.Mark) { m.Commit = 0 },
		"a shorter log": func(m *integrity.Mark) { m.Size, m.Root = 0, [32]byte{} },
		"another time":  func(m *integrity.Mark) { m.Time = m.Time.AddDate(-1, 0, 0) },
		"another key":   func(m *integrity.Mark) { _, _ = rand.Read(m.MAC[:]) },
	} {
		m := right
		change(&m)
		if err := os.WriteFile(name, []byte(m.Text()), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), Config{Data: data})
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "is not one that this server wrote") {
			t.Errorf("%s: %v", what, err)
		}
		if s != nil {
			_ = s.Close()
		}
	}
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, closed = opened(t, data)
	closed()
}

// An older copy that takes the place of the database while the server runs is noticed, also
// after a restart: the mark that was written last may be older still.
func TestOlderCopyUnderARunningServer(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s, closed := opened(t, data)
	name := filepath.Join(data, "ostiary.db")
	copied := filepath.Join(t.TempDir(), "copy.db")
	db, err := sql.Open("sqlite", name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	exec := func(query string, args ...any) {
		t.Helper()
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	change := func() error { return s.ledger.Record(t.Context(), audit.Entry{Action: audit.UserAdded}) }
	if err := change(); err != nil {
		t.Fatal(err)
	}
	exec("VACUUM INTO ?", copied)
	if err := change(); err != nil {
		t.Fatal(err)
	}
	exec("ATTACH ? AS copied", copied)
	exec("UPDATE audit_head SET (frontier, record, mac) = (SELECT frontier, record, mac FROM copied.audit_head)")
	if err := change(); err == nil {
		t.Fatal("an older head is not noticed")
	}
	if err := s.checkpoint(t.Context()); err == nil {
		t.Error("a checkpoint is signed")
	}
	if err := s.database.KeepMark(t.Context()); err != nil {
		t.Error(err)
	}
	_ = db.Close()
	closed()
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Remove(name + end); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(copied, 0o600), os.Rename(copied, name)); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), Config{Data: data}); !errors.Is(err, ErrRefused) ||
		!strings.Contains(err.Error(), "is an older copy") {
		t.Errorf("the older copy: %v", err)
		if s != nil {
			_ = s.Close()
		}
	}
}
