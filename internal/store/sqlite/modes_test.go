package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A database that others can read or write is not opened, and the error says which
// file, and what to run.
func TestExposedFilesAreRefused(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"", "-wal", "-shm"} {
		for _, mode := range []os.FileMode{0o644, 0o640, 0o660, 0o620, 0o601} {
			path := filepath.Join(t.TempDir(), "ostiary.db")
			db, err := Open(bg, Config{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			exposed := path + file
			f, err := os.OpenFile(exposed, os.O_CREATE|os.O_RDWR, 0o600)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(f.Close(), os.Chmod(exposed, mode)); err != nil {
				t.Fatal(err)
			}
			if db, err := Open(bg, Config{Path: path}); !errors.Is(err, ErrExposed) ||
				!strings.Contains(err.Error(), "run: chmod 600 "+exposed) {
				t.Errorf("%q with mode %04o: %v", file, mode, err)
				if err == nil {
					_ = db.Close()
				}
			}
			if err := os.Chmod(exposed, 0o600); err != nil {
				t.Fatal(err)
			}
			if db, err = Open(bg, Config{Path: path}); err != nil {
				t.Errorf("put right: %v", err)
			} else if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
