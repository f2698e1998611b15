package seal_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"ostiary/internal/seal"
	"ostiary/internal/seal/filekek"
)

func fileKEK(t *testing.T) seal.KEK {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kek")
	if err := filekek.Create(path); err != nil {
		t.Fatal(err)
	}
	kek, err := filekek.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return kek
}

// The integrity key opens only with its key-encryption key, for its database and its
// number.
func TestIntegrityKeyIsBound(t *testing.T) {
	t.Parallel()
	ctx, kek, genesis := t.Context(), fileKEK(t), seal.Genesis{1}
	wrapped, err := seal.NewIntegrity(ctx, kek, genesis, 7)
	if err != nil {
		t.Fatal(err)
	}
	key, err := seal.OpenIntegrity(ctx, kek, genesis, wrapped)
	if err != nil || key.ID() != 7 || key.Genesis() != genesis {
		t.Fatalf("%+v, %v", key, err)
	}
	if _, err := seal.OpenIntegrity(ctx, kek, seal.Genesis{2}, wrapped); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("another database: %v", err)
	}
	other := wrapped
	other.ID = 8
	if _, err := seal.OpenIntegrity(ctx, kek, genesis, other); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("another number: %v", err)
	}
	if _, err := seal.OpenIntegrity(ctx, fileKEK(t), genesis, wrapped); err == nil {
		t.Error("another key-encryption key opens it")
	}
}

// A keyed hash is of one purpose and of one list of parts.
func TestKeyedHashes(t *testing.T) {
	t.Parallel()
	ctx, kek := t.Context(), fileKEK(t)
	wrapped, err := seal.NewIntegrity(ctx, kek, seal.Genesis{}, 1)
	if err != nil {
		t.Fatal(err)
	}
	hasher := func(p seal.Purpose) *seal.Hasher {
		key, err := seal.OpenIntegrity(ctx, kek, seal.Genesis{}, wrapped)
		if err != nil {
			t.Fatal(err)
		}
		h, err := key.Hasher(p)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	a, b := hasher(seal.Row), hasher(seal.Head)
	sum := a.Sum([]byte("ab"), []byte("c"))
	if again := hasher(seal.Row).Sum([]byte("ab"), []byte("c")); again != sum {
		t.Error("the same parts give another hash")
	}
	for name, other := range map[string][32]byte{
		"another purpose": b.Sum([]byte("ab"), []byte("c")), "other parts": a.Sum([]byte("a"), []byte("bc")),
		"fewer parts": a.Sum([]byte("abc")), "none": a.Sum(),
	} {
		if other == sum {
			t.Errorf("%s: the same hash", name)
		}
	}
	if !a.Check(sum[:], []byte("ab"), []byte("c")) || !a.Check(sum[:16], []byte("ab"), []byte("c")) {
		t.Error("the stored hash is not taken")
	}
	for name, stored := range map[string][]byte{
		"none": nil, "too short": sum[:7], "too long": append(bytes.Clone(sum[:]), 0), "another": make([]byte, 32),
	} {
		if a.Check(stored, []byte("ab"), []byte("c")) {
			t.Errorf("%s is taken", name)
		}
	}
}
