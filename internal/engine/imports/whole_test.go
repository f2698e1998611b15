package imports_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/engine/imports"
	"ostiary/internal/test/testkit"
)

// signed gives a signed file, and how to read it.
func signed(t *testing.T) (file string, opt imports.FileOptions) {
	t.Helper()
	const dir = "../../../pskc/xmlsig/testdata/"
	text, err := os.ReadFile(dir + "good/rsa-sha256.pskc")
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(dir + "rsa.pem")
	if err != nil {
		t.Fatal(err)
	}
	if opt.Signers, err = imports.Signers(pem); err != nil {
		t.Fatal(err)
	}
	return string(text), opt
}

// Files that are read whole take turns by what they cost: one signed file, or two tables.
// Those that are read as they arrive wait for nobody.
func TestFilesThatAreReadWholeTakeTurns(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	svc, err := imports.New(imports.Config{DB: k.DB, Keys: k.Keys, Marks: k.Marks, Now: k.Clock.Now,
		Wait: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	file, opt := signed(t)
	open := func(ctx context.Context, kind string) (*imports.File, error) {
		switch kind {
		case "signed":
			return svc.OpenFile(ctx, strings.NewReader(file), opt)
		case "table":
			return svc.OpenFile(ctx, strings.NewReader("serial,secret\n1,3132333435363738393031323334353637383930\n"),
				imports.FileOptions{})
		}
		return svc.OpenFile(ctx, strings.NewReader(file), imports.FileOptions{})
	}
	must := func(kind string) *imports.File {
		t.Helper()
		f, err := open(t.Context(), kind)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		return f
	}
	busy := func(kind string) {
		t.Helper()
		_, err := open(t.Context(), kind)
		if testkit.IsFault(t, err, fault.Unavailable, "imports_busy"); fault.Of(err).Details["retry_after"] == nil {
			t.Error("it is not said when to try again")
		}
	}
	shut := func(f *imports.File) {
		t.Helper()
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	first := must("signed")
	busy("signed")
	busy("table")
	for range 3 {
		must("plain")
	}
	shut(first)
	shut(first) // twice gives back one turn
	a, b := must("table"), must("table")
	busy("table")
	busy("signed")
	shut(a)
	busy("signed")
	shut(b)
	// What cannot be opened gives its turn back; a caller who goes away takes none.
	for range 3 {
		if _, err := svc.OpenFile(t.Context(), strings.NewReader("<KeyContainer/>"), opt); err == nil {
			t.Fatal("an unsigned file is taken")
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	last := must("signed")
	if _, err := open(gone, "signed"); err == nil {
		t.Error("a caller who is gone got a turn")
	}
	shut(last)
	shut(must("signed"))
}
