package audit

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// Seam is a place from which on the entries stand in the database: those before it
// were archived in a file and removed. Of several the last counts; the others say
// where a file ends and the next begins.
type Seam struct {
	Frontier Frontier // of the entries before it
	Note     string   // the checkpoint of so many entries
	Lines    int64    // how many the state has from which it is derived on
	State    [32]byte // SHA-256 of these lines, each with a line feed behind it
	File     [32]byte // SHA-256 of the file
}

// First is the place of the first entry behind the last of these seams.
func First(seams []Seam) int64 {
	if len(seams) == 0 {
		return 0
	}
	return seams[len(seams)-1].Frontier.Size()
}

// StoredNote is a signed checkpoint as the database has it. Of a size below the seam
// it stands with a proof that the tree at the next seam begins with its own.
type StoredNote struct {
	Text  string
	Proof []byte // RFC 6962, section 2.1.2: hashes of 32 bytes, in its order
}

// Prover takes entries as a Frontier does, and keeps of the tree what it takes to
// prove that the tree at its end begins with smaller ones (RFC 6962, section 2.1.2).
type Prover struct {
	Frontier
	end  int64
	need map[int64]tlog.Hash // by their place in package tlog's order
}

// NewProver begins at a frontier. sizes are of trees not smaller than it, and smaller
// than end.
func NewProver(from *Frontier, sizes []int64, end int64) (*Prover, error) {
	p := &Prover{Frontier: *from.Clone(), end: end, need: map[int64]tlog.Hash{}}
	for _, n := range sizes {
		if n < max(1, from.Size()) || n >= end {
			return nil, fmt.Errorf("no proof from %d to %d entries", n, end)
		}
		if _, err := tlog.ProveTree(end, n, tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
			for _, i := range at {
				p.need[i] = tlog.Hash{}
			}
			return make([]tlog.Hash, len(at)), nil
		})); err != nil {
			return nil, err
		}
	}
	var before int64
	for i, size := 0, uint64(from.Size()); size != 0; i++ {
		level := bits.Len64(size) - 1
		p.done(level, before>>level, from.hashes[i])
		before += 1 << level
		size &^= 1 << level
	}
	return p, nil
}

func (p *Prover) done(level int, n int64, h tlog.Hash) {
	at := tlog.StoredHashIndex(level, n)
	if _, ok := p.need[at]; ok {
		p.need[at] = h
	}
}

// Append adds an entry.
func (p *Prover) Append(entry []byte) { p.grow(entry, p.done) }

// Proof gives that of one of the sizes, when all entries were added.
func (p *Prover) Proof(n int64) ([]byte, error) {
	if p.Size() != p.end {
		return nil, fmt.Errorf("a proof for a log of size %d, but its size is %d", p.end, p.Size())
	}
	hashes, err := tlog.ProveTree(p.end, n, tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i := range at {
			out[i] = p.need[at[i]]
		}
		return out, nil
	}))
	var proof []byte
	for _, h := range hashes {
		proof = append(proof, h[:]...)
	}
	return proof, err
}

// CheckProof checks that the tree of end entries and this root begins with that of n
// entries and its root.
func CheckProof(proof []byte, end int64, endRoot tlog.Hash, n int64, root tlog.Hash) error {
	if len(proof)%tlog.HashSize != 0 {
		return errors.New("the proof has the wrong length")
	}
	var hashes tlog.TreeProof
	for h := range slices.Chunk(proof, tlog.HashSize) {
		hashes = append(hashes, tlog.Hash(h))
	}
	return tlog.CheckTree(hashes, end, endRoot, n, root)
}

// past is what the database keeps of the time before the last seam.
type past struct {
	seams []Checkpoint // of each seam
	// roots are those of the checkpoints that are proved, by their sizes.
	roots map[int64]tlog.Hash
}

// openSeams checks the seams by the notes that were signed there.
func openSeams(seams []Seam, verifierKey string) (p past, problem string) {
	p.roots = map[int64]tlog.Hash{}
	last := int64(0)
	for i := range seams {
		s := &seams[i]
		c, err := OpenCheckpoint(s.Note, verifierKey)
		switch {
		case err != nil:
			return p, fmt.Sprintf("seam at entry %d: %v", s.Frontier.Size(), err)
		case c.Size != s.Frontier.Size() || c.Root != s.Frontier.Root() || c.Size <= last:
			return p, fmt.Sprintf("the seam at entry %d is not at its checkpoint", s.Frontier.Size())
		}
		last = c.Size
		p.seams = append(p.seams, c)
	}
	return p, ""
}

// proves checks a checkpoint from before the last seam by its proof to the next one.
func (p *past) proves(c Checkpoint, proof []byte) error {
	i := 0
	for i < len(p.seams) && p.seams[i].Size <= c.Size {
		i++
	}
	if c.Size == 0 || i == len(p.seams) {
		return errors.New("there is nothing to prove")
	}
	if err := CheckProof(proof, p.seams[i].Size, p.seams[i].Root, c.Size, c.Root); err != nil {
		return err
	}
	p.roots[c.Size] = c.Root
	return nil
}
