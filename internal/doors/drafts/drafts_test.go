package drafts_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/doors/drafts"
	"ostiary/internal/doors/upload"
	"ostiary/internal/test/testkit"
)

func open(t *testing.T, kept time.Duration) (*testkit.Kit, *drafts.Drafts, string) {
	t.Helper()
	k := testkit.New(t)
	folder := t.TempDir()
	d, err := drafts.New(drafts.Config{Imports: k.Imports, Folder: folder, Kept: kept})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return k, d, folder
}

// table is a file of n keys that count presses.
func table(n int) string {
	var b strings.Builder
	b.WriteString("serial,secret\n")
	for i := range n {
		fmt.Fprintf(&b, "%08d,%040x\n", 10_000_000+i, i+1<<40)
	}
	return b.String()
}

func form(t *testing.T, pairs ...string) *upload.Form {
	t.Helper()
	f := &upload.Form{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if err := f.Set(pairs[i], []byte(pairs[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func receive(t *testing.T, d *drafts.Drafts, file string) *drafts.Draft {
	t.Helper()
	f, err := d.Receive("anna", "fobs.csv", strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func begin(t *testing.T, f *drafts.Draft, w drafts.Work) drafts.Status {
	t.Helper()
	w.Origin = testkit.Origin
	if err := f.Begin(w); err != nil {
		t.Fatal(err)
	}
	f.Wait(t.Context(), time.Minute)
	return f.Status()
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return fault.Of(err).Code
}

// A file is looked at and imported without being sent again, and what was left over can be
// had as a file.
func TestLookAndImport(t *testing.T) {
	t.Parallel()
	k, d, folder := open(t, 0)
	f := receive(t, d, table(3)+"10000000,ff\n")
	if all, err := os.ReadDir(folder); err != nil || len(all) != 0 {
		t.Errorf("the folder has %v, %v", all, err)
	}
	s := begin(t, f, drafts.Work{Form: form(t, "kind", "hotp"), Values: map[string]string{"kind": "hotp"}, Dry: true})
	if s.Err != nil || s.Result.Counts.HeldBack != 3 || s.Result.Counts.Refused != 1 || s.Sample == nil ||
		!s.Result.DryRun || f.Values()["kind"] != "hotp" {
		t.Fatalf("the look says %+v", s)
	}
	if _, ok := d.Find("bert", f.ID); ok {
		t.Error("somebody else finds it")
	}
	s = begin(t, f, drafts.Work{SkipBad: true})
	if s.Err != nil || s.Result.Counts.Imported != 3 || s.Result.Published.IsZero() {
		t.Fatalf("the import says %+v", s)
	}
	if got, ok := d.OfRun("anna", s.Run); !ok || got != f {
		t.Error("the import's draft is not found")
	}
	var rest bytes.Buffer
	if err := f.Remainder(&rest, func(n int) bool { return n == 4 }); err != nil ||
		!strings.HasSuffix(strings.TrimSpace(rest.String()), "10000000,ff") {
		t.Errorf("the remainder is %q, %v", rest.String(), err)
	}
	if text := k.Dump(t); !strings.Contains(text, "fobs.csv") {
		t.Error("the import has no name")
	}
	d.Drop(f)
	if err := f.Begin(drafts.Work{Dry: true}); code(err) != "draft_gone" {
		t.Errorf("a draft that was dropped: %v", err)
	}
	if err := f.Remainder(io.Discard, func(int) bool { return true }); code(err) != "draft_gone" {
		t.Errorf("its remainder: %v", err)
	}
}

// What is on the disk is sealed, and comes back as it was, whatever its size.
func TestFileIsSealed(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 64 << 10, 64<<10 + 1, 200_000} {
		want := bytes.Repeat([]byte("serial,secret 31323334\n"), n/22+1)[:n]
		sealed, got, err := drafts.Spool(t.TempDir(), iotest.HalfReader(bytes.NewReader(want)))
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes come back as %d, %v", n, len(got), err)
		}
		if n > 100 && bytes.Contains(sealed, []byte("31323334")) {
			t.Error("a secret is on the disk in the clear")
		}
		if err := drafts.Tampered(t.TempDir(), want); err == nil {
			t.Error("a block that was changed is read")
		}
	}
}

// A passphrase is kept for the import, and forgotten when it was wrong, used or dropped.
func TestPassphraseIsForgotten(t *testing.T) {
	t.Parallel()
	_, d, _ := open(t, 0)
	raw, err := os.ReadFile("../../../pskc/testdata/vectors/figure7.pskc")
	if err != nil {
		t.Fatal(err)
	}
	f := receive(t, d, string(raw))
	s := begin(t, f, drafts.Work{Form: form(t, "passphrase", "not this"), Dry: true})
	if code(s.Err) != "wrong_key" || s.Keys {
		t.Errorf("with a wrong passphrase: %v, kept %v", s.Err, s.Keys)
	}
	if s = begin(t, f, drafts.Work{Form: form(t), Dry: true}); code(s.Err) != "key_needed" {
		t.Errorf("after it, without one: %v", s.Err)
	}
	if s = begin(t, f, drafts.Work{Form: form(t, "passphrase", "qwerty"), Dry: true}); s.Err != nil || !s.Keys ||
		s.Protection.Key != "passphrase" {
		t.Errorf("with the right one: %+v", s)
	}
	if s = begin(t, f, drafts.Work{Form: form(t, "batch", "b"), Dry: true}); s.Err != nil || !s.Keys {
		t.Errorf("another look has it still: %+v", s)
	}
	if s = begin(t, f, drafts.Work{}); s.Err != nil || s.Keys || s.Result.Counts.Imported != 1 || s.Result.Batch != "b" {
		t.Errorf("imported: %+v", s)
	}
}

// A server that stops in the middle of an import leaves nothing of it, and says why.
func TestStopInTheMiddle(t *testing.T) {
	t.Parallel()
	k, d, _ := open(t, 0)
	f := receive(t, d, table(20_000))
	if err := f.Begin(drafts.Work{Form: form(t, "kind", "hotp"), Origin: testkit.Origin}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); f.Status().Counts.Keys() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the import does not begin")
		}
	}
	if err := f.Begin(drafts.Work{Dry: true}); code(err) != "draft_busy" {
		t.Errorf("two at once: %v", err)
	}
	d.Drop(f) // does nothing: it is imported
	d.Close()
	s := f.Status()
	if s.Working || code(s.Err) != "server_stopped" {
		t.Fatalf("it ended with %+v", s)
	}
	run, err := k.Imports.Run(t.Context(), s.Run)
	if err != nil || !run.Published.IsZero() || run.Closed.IsZero() || run.Failure != "The server was stopped." {
		t.Errorf("the import is %+v, %v", run, err)
	}
	if n := k.Count(t, "SELECT count(*) FROM token"); n != 0 {
		t.Errorf("%d tokens of it are there", n)
	}
	if _, err := d.Receive("anna", "x", strings.NewReader("x")); code(err) != "server_stopped" {
		t.Errorf("a file that comes after it: %v", err)
	}
	if err := f.Begin(drafts.Work{}); code(err) != "server_stopped" {
		t.Errorf("work that comes after it: %v", err)
	}
}

// One import runs at a time; the other one is told, keeps its file, and can be tried again.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	_, d, _ := open(t, 0)
	one, two := receive(t, d, table(10_000)), receive(t, d, "serial,secret\n9,"+strings.Repeat("31", 20)+"\n")
	if err := one.Begin(drafts.Work{Form: form(t, "kind", "hotp"), Origin: testkit.Origin}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); one.Status().Run == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the import does not begin")
		}
	}
	s := begin(t, two, drafts.Work{Form: form(t, "kind", "hotp")})
	if code(s.Err) != "import_running" {
		t.Errorf("the other one ended with %+v", s)
	}
	one.Wait(t.Context(), time.Minute)
	if s := one.Status(); s.Err != nil || s.Result.Counts.Imported != 10_000 {
		t.Errorf("the first one ended with %+v", s)
	}
	if s = begin(t, two, drafts.Work{}); s.Err != nil || s.Result.Counts.Imported != 1 {
		t.Errorf("the other one, again: %+v", s)
	}
}

// A draft is forgotten when nobody asks for it, and the oldest one when there are too many.
func TestForgotten(t *testing.T) {
	t.Parallel()
	_, d, _ := open(t, 100*time.Millisecond)
	f := receive(t, d, "x")
	for deadline := time.Now().Add(time.Minute); f.Begin(drafts.Work{Dry: true}) == nil ||
		code(f.Begin(drafts.Work{Dry: true})) != "draft_gone"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is kept")
		}
	}
	if _, ok := d.Find("anna", f.ID); ok {
		t.Error("it is found")
	}
	_, d, _ = open(t, 0)
	first := receive(t, d, "x")
	for range 8 {
		receive(t, d, "x")
	}
	if _, ok := d.Find("anna", first.ID); ok {
		t.Error("there is no bound")
	}
	if _, err := d.Receive("anna", "x", iotest.ErrReader(errors.New("broken"))); err == nil {
		t.Error("a file that broke off is kept")
	}
}

// A look that waits can be ended, and a file that cannot be kept is refused.
func TestDropEndsALook(t *testing.T) {
	t.Parallel()
	k, d, _ := open(t, 0)
	f := receive(t, d, table(50_000))
	if err := f.Begin(drafts.Work{Form: form(t, "kind", "hotp"), Dry: true, Origin: testkit.Origin}); err != nil {
		t.Fatal(err)
	}
	d.Drop(f)
	f.Wait(context.Background(), time.Minute)
	if s := f.Status(); s.Working || s.Err == nil {
		t.Errorf("it ended with %+v", s)
	}
	if d, err := drafts.New(drafts.Config{Imports: k.Imports, Folder: "/nonesuch"}); err != nil {
		t.Error(err)
	} else if _, err := d.Receive("anna", "x", strings.NewReader("x")); code(err) != "no_room" {
		t.Errorf("without a folder: %v", err)
	}
	if _, err := drafts.New(drafts.Config{}); err == nil {
		t.Error("drafts without imports")
	}
}
