package postings_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"ostiary/internal/core/postings"
)

func unpack(t *testing.T, blocks []postings.Block) (all []postings.Posting) {
	t.Helper()
	for i, b := range blocks {
		from := len(all)
		var err error
		if all, err = postings.Unpack(b, all); err != nil {
			t.Fatal(err)
		}
		if all[from] != b.First {
			t.Errorf("block %d begins with %v, and says %v", i, all[from], b.First)
		}
		if len(b.Data) > 1000 {
			t.Errorf("block %d has %d bytes", i, len(b.Data))
		}
	}
	return all
}

// What is packed is what comes out, sorted and each once.
func TestPackKeepsEveryPosting(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 1000, 50_000} {
		ps := make([]postings.Posting, n)
		for i := range ps {
			ps[i] = postings.Posting{Key: r.Int64N(1 << (1 + r.Int64N(40))), Place: r.Int64N(1 << (1 + r.Int64N(50)))}
		}
		ps = append(ps, ps[:n/2]...)
		want := slices.Clone(ps)
		slices.SortFunc(want, func(a, b postings.Posting) int {
			return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Place, b.Place))
		})
		want = slices.Compact(want)
		x := postings.Index{}
		for _, p := range slices.SortedFunc(slices.Values(ps), byPlace) {
			x.Of(p.Key).Add(p.Place)
		}
		blocks := x.Pack()
		if got := unpack(t, blocks); !slices.Equal(got, want) {
			t.Errorf("%d postings became %d, want %d", len(ps), len(got), len(want))
		}
		for _, b := range blocks {
			all, _ := postings.Unpack(b, nil)
			for _, key := range []int64{b.First.Key - 1, b.First.Key, all[len(all)/2].Key, all[len(all)-1].Key + 1} {
				var wanted []int64
				for _, p := range all {
					if p.Key == key {
						wanted = append(wanted, p.Place)
					}
				}
				if got, err := postings.PlacesOf(b, key, nil); err != nil || !slices.Equal(got, wanted) {
					t.Errorf("key %d stands at %v in a block, want %v, %v", key, got, wanted, err)
				}
			}
		}
		// Blocks taken together are packed as one index would be.
		again := postings.Index{}
		for _, b := range blocks {
			if err := again.Take(b); err != nil {
				t.Fatal(err)
			}
		}
		if got := unpack(t, again.Pack()); !slices.Equal(got, want) {
			t.Errorf("%d postings, taken from blocks, became %d, want %d", len(ps), len(got), len(want))
		}
	}
}

// A key that stands nearly everywhere costs a byte a place.
func TestDenseKeysAreSmall(t *testing.T) {
	t.Parallel()
	const n = 65_536
	x := postings.Index{}
	for i := range int64(n) {
		x.Of(7).Add(3 * i)
	}
	size := 0
	for _, b := range x.Pack() {
		size += len(b.Data)
	}
	if size > n {
		t.Errorf("%d postings of one key take %d bytes", n, size)
	}
}

func byPlace(a, b postings.Posting) int { return cmp.Compare(a.Place, b.Place) }

func TestKeysTellPartsApart(t *testing.T) {
	t.Parallel()
	seen := map[int64][]string{}
	for _, parts := range [][]string{{""}, {"", ""}, {"a"}, {"a", ""}, {"", "a"}, {"ab"}, {"a", "b"}, {"b", "a"}} {
		k := postings.Key(parts...)
		if k < 0 || k >= 1<<40 {
			t.Errorf("the key of %q is %d", parts, k)
		}
		if other, ok := seen[k]; ok {
			t.Errorf("%q and %q have one key", parts, other)
		}
		seen[k] = parts
	}
}

func TestDamagedBlocks(t *testing.T) {
	t.Parallel()
	for _, data := range [][]byte{{0x80}, {2}, {2, 0x80}, {3, 2}} {
		if ps, err := postings.Unpack(postings.Block{Data: data}, nil); err == nil {
			t.Errorf("% x is read as %v", data, ps)
		}
	}
}
