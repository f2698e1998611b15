package serve

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ostiary/internal/engine/imports"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// A server removes the rows of reports whose time is over, and leaves those of others
// and, with no time set, all of them.
func TestServerRemovesOldReports(t *testing.T) {
	t.Parallel()
	ctx, now := t.Context(), testkit.Start
	data := filepath.Join(t.TempDir(), "data")
	cfg := Config{Data: data, Listen: "127.0.0.1:0", Now: func() time.Time { return now }, Out: io.Discard}
	s, err := Open(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	run, err := s.imports.Import(ctx,
		imports.Request{Keys: testkit.NewSource(&pskc.KeyError{Reason: "of the test's own"}),
			Origin: testkit.Origin, SkipBad: true})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(10 * 24 * time.Hour)
	s.removeReports(ctx) // no time is set
	s.cfg.KeepReports = 11 * 24 * time.Hour
	s.removeReports(ctx)
	if run, err = s.imports.Run(ctx, run.ID); err != nil || !run.Removed.IsZero() {
		t.Errorf("removed before its time: %+v, %v", run, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	serving, stop := context.WithCancel(ctx)
	defer stop()
	cfg.KeepReports = 9 * 24 * time.Hour
	told := &testkit.Buffer{}
	cfg.Log = slog.New(slog.NewTextHandler(told, nil))
	done := make(chan error, 1)
	go func() { done <- Run(serving, cfg) }()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(told.String(), "removed the rows of old import"); {
		if time.Sleep(10 * time.Millisecond); time.Now().After(deadline) {
			t.Fatalf("nothing was removed: %s", told)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if s, err = Open(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if run, err = s.imports.Run(ctx, run.ID); err != nil || run.Removed.IsZero() || run.Counts.Refused != 1 {
		t.Errorf("after its time: %+v, %v", run, err)
	}
}

// A server sweeps abandoned imports while it runs, and says what keeps it from it once.
func TestServerSweepsAbandonedImports(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	told := &testkit.Buffer{}
	s, err := Open(ctx, Config{Data: filepath.Join(t.TempDir(), "data"), Out: io.Discard,
		Log: slog.New(slog.NewTextHandler(told, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	open := func() (runs []store.OpenRun) {
		t.Helper()
		err := s.db.View(ctx, func(r store.Reader) (err error) {
			runs, err = r.OpenRuns()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return runs
	}
	err = s.db.Update(ctx, func(tx store.Tx) error {
		_, err := tx.BeginRun(store.Run{Opened: testkit.Start, Label: "left"})
		return err
	})
	if err != nil || len(open()) != 1 {
		t.Fatal(err)
	}
	working := s.imports
	broken, err := imports.New(imports.Config{Keys: testkit.New(t).Keys, Marks: s.marks,
		DB: testkit.Failing{DB: s.db, Fail: func() error { return store.ErrUnavailable }}})
	if err != nil {
		t.Fatal(err)
	}
	s.imports = broken
	last := ""
	for range 3 {
		last = s.sweepImports(ctx, last)
	}
	if n := strings.Count(told.String(), "interrupted import"); n != 1 || last == "" || len(open()) != 1 {
		t.Errorf("said %d times: %s", n, told)
	}
	s.imports = working
	if last = s.sweepImports(ctx, last); last != "" || len(open()) != 0 {
		t.Errorf("%q, open are %v", last, open())
	}
}
