package audit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"
)

// tree computes roots the long way, from all stored hashes.
type tree struct{ hashes []tlog.Hash }

func (s *tree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = s.hashes[x]
	}
	return out, nil
}

func (s *tree) add(t *testing.T, n int64, entry []byte) {
	t.Helper()
	hs, err := tlog.StoredHashes(n, entry, s)
	if err != nil {
		t.Fatal(err)
	}
	s.hashes = append(s.hashes, hs...)
}

func TestFrontierIsTheTree(t *testing.T) {
	t.Parallel()
	var f Frontier
	var s tree
	for n := range int64(301) {
		want, err := tlog.TreeHash(n, &s)
		if err != nil {
			t.Fatal(err)
		}
		if f.Size() != n || f.Root() != want {
			t.Fatalf("size %d: frontier of %d with root %v, want %v", n, f.Size(), f.Root(), want)
		}
		b, err := f.AppendBinary([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		b, ok := bytes.CutPrefix(b, []byte("before"))
		if !ok {
			t.Fatalf("size %d: AppendBinary does not append", n)
		}
		again := Frontier{size: 12345, hashes: make([]tlog.Hash, 9)} // of another log
		if err := again.UnmarshalBinary(b); err != nil {
			t.Fatalf("size %d: %v", n, err)
		}
		if again.Size() != n || again.Root() != want {
			t.Errorf("size %d: read back as %d with root %v", n, again.Size(), again.Root())
		}
		entry := fmt.Appendf(nil, "entry %d", n*n)
		if n%7 == 0 {
			entry = nil
		}
		// What was read back goes on as the original does.
		f.Append(entry)
		again.Append(entry)
		if again.Root() != f.Root() {
			t.Errorf("size %d: goes on differently when read back", n)
		}
		s.add(t, n, entry)
	}
}

// Leaf and node hashes of RFC 6962, section 2.1: H(0x00‖entry), H(0x01‖l‖r).
func TestFrontierVectors(t *testing.T) {
	t.Parallel()
	var f Frontier
	for _, want := range []string{
		"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", // SHA-256 of nothing
		"bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=", // SHA-256 of 0x00
	} {
		if got := f.Root().String(); got != want {
			t.Errorf("root of %d entries: %s, want %s", f.Size(), got, want)
		}
		f.Append(nil)
	}
}

func TestFrontierRefusesMalformed(t *testing.T) {
	t.Parallel()
	form := func(size uint64, hashes int) []byte {
		return append(binary.BigEndian.AppendUint64(nil, size), make([]byte, hashes*tlog.HashSize)...)
	}
	for name, b := range map[string][]byte{
		"nothing":                  nil,
		"7 bytes":                  make([]byte, 7),
		"one hash too few":         form(5, 1),
		"one hash too many":        form(5, 3),
		"hashes of an empty log":   form(0, 1),
		"a byte too many":          append(form(1, 1), 0),
		"a byte too few":           form(1, 1)[:39],
		"a size beyond 63 bits":    form(1<<63, 1),
		"all bits":                 form(1<<64-1, 64),
		"a hash where size should": bytes.Repeat([]byte{0xAB}, 32),
	} {
		f := Frontier{size: 3, hashes: make([]tlog.Hash, 2)}
		if err := f.UnmarshalBinary(b); err == nil {
			t.Errorf("%s: read as a log of %d entries", name, f.Size())
		}
	}
}

func FuzzFrontier(f *testing.F) {
	var log Frontier
	for i := range 20 {
		b, _ := log.AppendBinary(nil)
		f.Add(b, "entry")
		log.Append([]byte{byte(i)})
	}
	f.Add([]byte{}, "")
	f.Fuzz(func(t *testing.T, b []byte, entry string) {
		var log Frontier
		if log.UnmarshalBinary(b) != nil {
			return
		}
		again, err := log.AppendBinary(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Errorf("% x is written back as % x, %v", b, again, err)
		}
		if log.Size() < 0 {
			t.Errorf("size %d", log.Size())
		}
		root, size := log.Root(), log.Size()
		if size == 1<<63-1 {
			return
		}
		log.Append([]byte(entry))
		if log.Size() != size+1 || log.Root() == root {
			t.Errorf("an entry more: size %d after %d, the same root: %t", log.Size(), size, log.Root() == root)
		}
	})
}
