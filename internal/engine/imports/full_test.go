package imports_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// small mounts a small file system.
func small(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", dir).
		CombinedOutput()
	if err != nil {
		t.Fatalf("this test fills a file system of its own: run it as root, where mount works: %v\n%s", err, out)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill takes all that is left of a file system.
func fill(t *testing.T, name string) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if cerr := f.Close(); cerr != nil || !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err, cerr)
	}
}

// stuck gives a server whose disk is full, and the import that broke off on it. The database
// may still have room in a file of its own, and sweeps it at once: then another one is made.
func stuck(t *testing.T) (k *testkit.Kit, run int64, ballast string) {
	t.Helper()
	var keys []*pskc.Key
	for i := range 2500 {
		keys = append(keys, testkit.HOTP("full-"+itoa(int64(i))))
	}
	for range 10 {
		dir := small(t)
		k = testkit.NewIn(t, dir)
		k.Import(t, testkit.HOTP("before"))
		ballast = filepath.Join(dir, "ballast")
		src := testkit.Keys(keys...)
		src.Before = func(n int) {
			if n == 1500 { // one transaction is written
				fill(t, ballast)
			}
		}
		_, err := testkit.Try(k, src, func(r *imports.Request) { r.Begun = func(id int64) { run = id } })
		if !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("on a full disk: %v", err)
		}
		r, err := k.Imports.Run(t.Context(), run)
		if err != nil {
			t.Fatal(err)
		}
		if r.Closed.IsZero() {
			return k, run, ballast
		}
	}
	t.Fatal("each was swept on the full disk, so that this test shows nothing")
	return nil, 0, ""
}

// An import that broke off on a full disk is swept as soon as there is room again: before
// the next import, from time to time, or by who cancels it. No restart is needed.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for name, tidy := range map[string]func(t *testing.T, k *testkit.Kit, run int64){
		"next import": func(*testing.T, *testkit.Kit, int64) {},
		"sweep": func(t *testing.T, k *testkit.Kit, _ int64) {
			if err := k.Imports.SweepAbandoned(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"cancel": func(t *testing.T, k *testkit.Kit, run int64) {
			if r, err := k.Imports.Cancel(t.Context(), run, canceller); err != nil || r.Closed.IsZero() {
				t.Errorf("%+v, %v", r, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, run, ballast := stuck(t)
			if _, err := testkit.Try(k, testkit.Keys(testkit.HOTP("while"))); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("an import while the disk is full: %v", err)
			}
			if _, err := k.Imports.Cancel(t.Context(), run, canceller); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("cancelled while the disk is full: %v", err)
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			tidy(t, k, run)
			testkit.Ended(t, testkit.Take(t, k, testkit.Keys(testkit.HOTP("after"))), store.RunCounts{Imported: 1})
			if got := strings.Join(k.Serials(t, lifecycle.Filter{}), " "); got != "before after" {
				t.Errorf("the tokens are %s", got)
			}
			if rows := k.Dump(t, "audit_entry", "import_row"); strings.Contains(rows, "| full-") {
				t.Error("staged tokens are still there")
			}
			action, actor := "import.abandoned", testkit.Origin.Actor
			if name == "cancel" {
				action, actor = "import.cancelled", canceller.Actor
			}
			n := 0
			for _, e := range k.Log(t, 0) {
				if e.Before["run"] != itoa(run) || !strings.HasPrefix(e.Action, "import.") {
					continue
				}
				if n++; e.Action != action || e.Actor != actor || e.Reason == "" {
					t.Errorf("the log says %s", e.Raw)
				}
			}
			if n != 1 {
				t.Errorf("%d entries say how it ended, want 1", n)
			}
		})
	}
}
