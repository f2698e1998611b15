// Package postings packs an index: which keys stand at which places of a log. A
// posting is a key and a place. Sorted by key, then place, they are cut into blocks
// that each begin with a whole posting; what follows is differences, a byte or two
// for most.
//
// A key is a short hash of what is searched for. Different texts may share one, so a
// place that is found is only proposed; whoever asks looks at what stands there.
package postings

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
)

// Posting says that a key stands at a place.
type Posting struct {
	Key   int64
	Place int64
}

// keyBits keep the differences between keys short. Two of a million texts share a
// key about once.
const keyBits = 40

// Key is the key of a text of several parts.
func Key(parts ...string) int64 {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	sum := uint64(offset)
	add := func(b byte) { sum = (sum ^ uint64(b)) * prime }
	for _, part := range parts {
		for n := len(part); n > 0; n >>= 8 {
			add(byte(n))
		}
		add(0)
		for i := range len(part) {
			add(part[i])
		}
	}
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

// Index gathers the places of keys. Those of one key come in rising order.
type Index map[int64]*Places

// Places are where one key stands.
type Places struct{ at []int64 }

// Add adds a place, once.
func (p *Places) Add(place int64) {
	if n := len(p.at); n == 0 || p.at[n-1] != place {
		p.at = append(p.at, place)
	}
}

// Before gives the places below high, in rising order. They stay as they are while
// further ones are added.
func (p *Places) Before(high int64) []int64 {
	n, _ := slices.BinarySearch(p.at, high)
	return p.at[:n:n]
}

// Of gives the places of a key, to add to.
func (x Index) Of(key int64) *Places {
	p := x[key]
	if p == nil {
		p = &Places{}
		x[key] = p
	}
	return p
}

// Take adds what stands in a block, whose places come behind those gathered.
func (x Index) Take(b Block) error {
	var last int64
	var p *Places
	return walk(b, func(posting Posting) bool {
		if p == nil || posting.Key != last {
			p, last = x.Of(posting.Key), posting.Key
		}
		p.Add(posting.Place)
		return true
	})
}

// Pack cuts what was gathered into blocks.
func (x Index) Pack() (blocks []Block) {
	var last Posting
	for _, key := range slices.Sorted(maps.Keys(x)) {
		for _, place := range x[key].at {
			p := Posting{key, place}
			if n := len(blocks); n == 0 || len(blocks[n-1].Data) > maxData-2*binary.MaxVarintLen64 {
				blocks = append(blocks, Block{First: p})
			} else {
				blocks[n-1].Data = appendPosting(blocks[n-1].Data, last, p)
			}
			last = p
		}
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
	err := walk(b, func(p Posting) bool {
		ps = append(ps, p)
		return true
	})
	return ps, err
}

// PlacesOf appends the places in a block where one key stands. What is damaged behind
// them is not noticed.
func PlacesOf(b Block, key int64, places []int64) ([]int64, error) {
	err := walk(b, func(p Posting) bool {
		if p.Key == key {
			places = append(places, p.Place)
		}
		return p.Key <= key
	})
	return places, err
}

// walk calls next for the postings of a block in their order, until it says false.
func walk(b Block, next func(Posting) bool) error {
	p := b.First
	if !next(p) {
		return nil
	}
	for data := b.Data; len(data) > 0; {
		step, n := binary.Uvarint(data)
		if n <= 0 {
			return errDamaged
		}
		data = data[n:]
		if step&1 == 1 {
			p.Place += int64(step >> 1)
		} else {
			move, n := binary.Varint(data)
			if n <= 0 {
				return errDamaged
			}
			data = data[n:]
			p = Posting{Key: p.Key + int64(step>>1), Place: p.Place + move}
		}
		if !next(p) {
			return nil
		}
	}
	return nil
}
