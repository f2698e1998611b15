package audit

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Frontier is the right edge of the Merkle tree over all entries: the hashes of
// the complete subtrees that the binary form of its size names, largest first.
// It is all that is needed to append an entry and to know the root, so it is
// what the store reads and writes inside each transaction. The hashes further
// in can be recomputed from the entries at any time.
//
// The zero Frontier is the empty log.
type Frontier struct {
	size   int64
	hashes []tlog.Hash
}

// Size is the number of entries.
func (f *Frontier) Size() int64 { return f.size }

// Append adds an entry by its stored bytes (leaf hash per RFC 6962, section 2.1).
func (f *Frontier) Append(entry []byte) { f.grow(entry, nil) }

// grow is Append; done, which may be nil, is told the hash of each subtree that the
// entry completes: the n-th of 1<<level entries.
func (f *Frontier) grow(entry []byte, done func(level int, n int64, h tlog.Hash)) {
	h := tlog.RecordHash(entry)
	if done != nil {
		done(0, f.size, h)
	}
	level := 0
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.hashes) - 1
		h = tlog.NodeHash(f.hashes[last], h)
		f.hashes = f.hashes[:last]
		if level++; done != nil {
			done(level, n>>1, h)
		}
	}
	f.hashes = append(f.hashes, h)
	f.size++
}

// Clone makes a copy that grows on its own.
func (f *Frontier) Clone() *Frontier { return &Frontier{f.size, slices.Clone(f.hashes)} }

// Root is the Merkle tree hash of RFC 6962, section 2.1, over all entries.
func (f *Frontier) Root() tlog.Hash {
	if f.size == 0 {
		root, _ := tlog.TreeHash(0, nil)
		return root
	}
	root := f.hashes[len(f.hashes)-1]
	for i := len(f.hashes) - 2; i >= 0; i-- {
		root = tlog.NodeHash(f.hashes[i], root)
	}
	return root
}

// AppendBinary appends the stored form: the size as 8 bytes, then the hashes.
func (f *Frontier) AppendBinary(b []byte) ([]byte, error) {
	b = binary.BigEndian.AppendUint64(b, uint64(f.size))
	for i := range f.hashes {
		b = append(b, f.hashes[i][:]...)
	}
	return b, nil
}

// UnmarshalBinary reads the stored form.
func (f *Frontier) UnmarshalBinary(b []byte) error {
	if len(b) < 8 {
		return errors.New("audit head: too short")
	}
	size := binary.BigEndian.Uint64(b)
	b = b[8:]
	n := bits.OnesCount64(size)
	if size>>63 != 0 || len(b) != n*tlog.HashSize {
		return errors.New("audit head: size and hashes do not fit each other")
	}
	f.size = int64(size)
	f.hashes = f.hashes[:0]
	for i := range n {
		f.hashes = append(f.hashes, tlog.Hash(b[i*tlog.HashSize:(i+1)*tlog.HashSize]))
	}
	return nil
}
