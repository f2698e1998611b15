package serve

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A database that was stripped of its proof is no database of an older version: its log
// says that it had one. It is neither started on, with its mark or without, nor
// accepted, nor verified.
func TestStrippedDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	_, closed := opened(t, data)
	closed()
	change(t, data, "UPDATE user SET tag = NULL; UPDATE token SET tag = NULL; DELETE FROM key_wrapping; "+
		"UPDATE audit_head SET record = NULL, mac = NULL")
	for _, without := range []string{"", "kek.mark"} {
		if without != "" {
			if err := os.Remove(filepath.Join(data, without)); err != nil {
				t.Fatal(err)
			}
		}
		s, err := Open(t.Context(), Config{Data: data})
		if !errors.Is(err, ErrRefused) {
			t.Errorf("without %q: %v", without, err)
		}
		if s != nil {
			_ = s.Close()
		}
		for _, fence := range []bool{false, true} {
			if _, err := Accept(t.Context(), Config{Data: data}, "test", fence); !errors.Is(err, ErrRefused) {
				t.Errorf("without %q, accepted with fence %t: %v", without, fence, err)
			}
		}
	}
	l, err := OpenLog(t.Context(), Config{Data: data})
	if !errors.Is(err, ErrRefused) {
		t.Errorf("its log is read: %v", err)
	}
	if l != nil {
		_ = l.Close()
	}
}
