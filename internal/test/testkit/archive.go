package testkit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/audit/archive"
	"ostiary/internal/core/audit/derive"
	"ostiary/internal/engine/ledger"
)

// Archive signs a checkpoint and archives all entries up to it. It gives the file.
func (k *Kit) Archive(t testing.TB) []byte {
	t.Helper()
	if err := k.Ledger.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	return k.ArchiveBefore(t, k.Clock.Now().Add(time.Second))
}

// ArchiveBefore archives the entries up to the last checkpoint before a time.
func (k *Kit) ArchiveBefore(t testing.TB, before time.Time) []byte {
	t.Helper()
	ctx := context.Background()
	var file bytes.Buffer
	if err := k.Ledger.WriteArchive(ctx, before, &file); err != nil {
		t.Fatal(err)
	}
	chain, err := archive.NewChain(k.Ledger.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	a, err := chain.Take(bytes.NewReader(file.Bytes()))
	if err != nil {
		t.Fatalf("the archive: %v", err)
	}
	if a.File != sha256.Sum256(file.Bytes()) {
		t.Error("the digest of an archive is not the SHA-256 of the file")
	}
	if _, err := k.Ledger.RemoveArchived(ctx, ledger.Removal{To: a.To, Before: before, File: a.File,
		Origin: Origin}); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// foldsFromAnyPlace demands that a state which goes on from lines that were kept at
// some place is the one of all entries.
func (k *Kit) foldsFromAnyPlace(t testing.TB) {
	t.Helper()
	all := k.Log(t, 0)
	if len(all) == 0 || all[0].Seq != 0 {
		return // it is archived in part
	}
	cut := rand.IntN(len(all) + 1)
	whole, part := derive.New(), derive.New()
	for i, e := range all {
		whole.Add(e.Seq, []byte(e.Raw))
		if i < cut {
			part.Add(e.Seq, []byte(e.Raw))
		}
	}
	lines := kept(t, part, nil, all[:cut])
	if cut == 0 {
		lines = nil
	}
	on := derive.New()
	loader := on.Load()
	for _, line := range lines {
		if err := loader.Line([]byte(line)); err != nil {
			t.Fatalf("cut at %d, line %q: %v", cut, line, err)
		}
	}
	for _, e := range all[cut:] {
		on.Add(e.Seq, []byte(e.Raw))
	}
	want, got := sortedState(kept(t, whole, nil, all)), sortedState(kept(t, on, lines, all[cut:]))
	if !slices.Equal(want, got) {
		t.Errorf("cut at %d of %d entries, the state is\n%s\nand without a cut\n%s", cut, len(all),
			strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// kept gives the lines of a fold.
func kept(t testing.TB, f *derive.Fold, before []string, entries []Entry) (lines []string) {
	t.Helper()
	k, err := f.Keep(func(line []byte) error {
		lines = append(lines, string(line))
		return nil
	})
	for _, line := range before {
		if err == nil {
			err = k.Line([]byte(line))
		}
	}
	for _, e := range entries {
		if err == nil {
			err = k.Entry(e.Seq, []byte(e.Raw))
		}
	}
	if err == nil {
		err = k.End()
	}
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// sortedState are the lines of a state with owners by their names: their numbers depend
// on where a log was cut.
func sortedState(lines []string) (all []string) {
	const owner = 11 // which field of a token
	names := []string{""}
	for _, line := range lines {
		kind, rest, _ := strings.Cut(line, "\t")
		switch kind {
		case "name":
			names = append(names, rest)
		case "token":
			fields := strings.Split(line, "\t")
			n := 0
			for _, c := range fields[owner] {
				n = 10*n + int(c-'0')
			}
			fields[owner] = names[n]
			all = append(all, strings.Join(fields, "\t"))
		default:
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return all
}
