package serve

import (
	"context"
	"database/sql"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func config(data string) Config {
	return Config{Data: data, Listen: "127.0.0.1:0", Version: "test", Out: io.Discard,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: time.Now}
}

// A data directory that others can enter is not started on, whatever is in it.
func TestDataDirectoryIsTheOwnersAlone(t *testing.T) {
	t.Parallel()
	for _, mode := range []os.FileMode{0o750, 0o710, 0o701, 0o770} {
		data := filepath.Join(t.TempDir(), "data")
		if err := os.Mkdir(data, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(data, mode); err != nil {
			t.Fatal(err)
		}
		s, err := Open(t.Context(), config(data))
		if err == nil {
			_ = s.Close()
			t.Errorf("started on a directory of mode %04o", mode)
			continue
		}
		if !strings.Contains(err.Error(), "chmod 700") {
			t.Errorf("mode %04o: %v", mode, err)
		}
		if left, err := os.ReadDir(data); err != nil || len(left) != 0 {
			t.Errorf("mode %04o: %v was made, %v", mode, left, err)
		}
	}
}

// What a server makes is its owner's alone.
func TestNewDataIsTheOwnersAlone(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s, err := Open(t.Context(), config(data))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	err = filepath.WalkDir(data, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %04o", name, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A start and a stop stand in the log, with where the server listened.
func TestStartAndStopAreRecorded(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cfg := config(data)
	cfg.Out = &untilListening{stop: cancel}
	if err := Run(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(data, "ostiary.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	written(t, db, "server.started", `%"actor":"system","after":{"listen":"127.0.0.1:%","node":1,"version":"test"}%`)
	written(t, db, "server.stopped", `%"actor":"system","outcome":"done","time":%`)
	var seen int64
	if err := db.QueryRow("SELECT seen FROM node WHERE id = 1 AND name <> ''").Scan(&seen); err != nil || seen != 0 {
		t.Errorf("after the stop the node was seen at %d, %v", seen, err)
	}
}

// written demands one entry of an action, and that it is like this.
func written(t *testing.T, db *sql.DB, action, like string) {
	t.Helper()
	var n int
	err := db.QueryRow(`SELECT count(*) FROM audit_entry WHERE CAST(entry AS TEXT) LIKE ?`,
		`{"action":"`+action+`"`+like).Scan(&n)
	if err != nil || n != 1 {
		t.Errorf("%d entries of %s are like %s, %v", n, action, like, err)
	}
}
