// Package postings packs an index: which keys stand at which places of a log. A
// posting is a key and a place. Sorted by key, then place, they are cut into blocks
// that each begin with a whole posting; what follows is differences, a byte or two
// for most.
//
// A key is a short hash of what is searched for. Different texts may share one, so a
// place that is found is only proposed; whoever asks looks at what stands there.
package postings

import (
	"cmp"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"slices"
)

// Posting says that a key stands at a place.
type Posting struct {
	Key   int64
	Place int64
}

func compare(a, b Posting) int {
	return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Place, b.Place))
}

// keyBits keep the differences between keys short. Two of a million texts share a
// key about once.
const keyBits = 40

// Key is the key of a text of several parts.
func Key(parts ...string) int64 {
	h := fnv.New64a()
	for _, part := range parts {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		_, _ = h.Write(length[:])
		_, _ = h.Write([]byte(part))
	}
	sum := h.Sum64()
	return int64((sum ^ sum>>keyBits) & (1<<keyBits - 1))
}

// Block is a run of postings: its first one, and the others in Data.
type Block struct {
	First Posting
	Data  []byte
}

// maxData lets a block fit into a page of a database four times.
const maxData = 880

var errDamaged = errors.New("a block of an index is damaged")

// Pack sorts postings, drops doubles, and cuts them into blocks. It keeps ps.
func Pack(ps []Posting) (blocks []Block) {
	slices.SortFunc(ps, compare)
	ps = slices.Compact(ps)
	var last Posting
	for i, p := range ps {
		if i == 0 || len(blocks[len(blocks)-1].Data) > maxData-2*binary.MaxVarintLen64 {
			blocks = append(blocks, Block{First: p})
		} else {
			b := &blocks[len(blocks)-1]
			b.Data = appendPosting(b.Data, last, p)
		}
		last = p
	}
	return blocks
}

// A posting of the same key is its distance, doubled and plus one; one of a further
// key is the distance of the keys, doubled, and the difference of the places.
func appendPosting(data []byte, last, p Posting) []byte {
	if p.Key == last.Key {
		return binary.AppendUvarint(data, uint64(p.Place-last.Place)<<1|1)
	}
	data = binary.AppendUvarint(data, uint64(p.Key-last.Key)<<1)
	return binary.AppendVarint(data, p.Place-last.Place)
}

// Unpack appends the postings of a block to ps.
func Unpack(b Block, ps []Posting) ([]Posting, error) {
	p := b.First
	ps = append(ps, p)
	for data := b.Data; len(data) > 0; ps = append(ps, p) {
		step, n := binary.Uvarint(data)
		if n <= 0 {
			return ps, errDamaged
		}
		data = data[n:]
		if step&1 == 1 {
			p.Place += int64(step >> 1)
			continue
		}
		move, n := binary.Varint(data)
		if n <= 0 {
			return ps, errDamaged
		}
		data = data[n:]
		p = Posting{Key: p.Key + int64(step>>1), Place: p.Place + move}
	}
	return ps, nil
}
