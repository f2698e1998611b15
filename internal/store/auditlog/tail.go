package auditlog

import (
	"slices"
	"sync"
)

const (
	tailParts   = 4 // gatherings that the tail keeps
	tailWaiting = 8 // so many times a full gathering it takes before anybody gathers them
)

// Tail is the end of the log in memory, by what its entries are found by. The writer
// hands over what it has committed, so that nobody has to read it again: the indexer
// makes segments of it, and searches find in it what no segment covers yet. What it
// does not hold is read.
//
// Like the index it is no evidence, and holds proposals only.
type Tail struct {
	small int64 // entries of a full gathering

	mu      sync.Mutex
	parts   []*gathering // one behind the other
	waiting [][]byte     // entries behind them, not gathered yet
}

// NewTail makes an empty one.
func NewTail(s Sizes) *Tail { return &Tail{small: s.Small} }

// Append takes entries that were committed, of which the first has the place first. It
// is called in the order of the commits, and does not wait for what is gathered.
func (t *Tail) Append(first int64, entries [][]byte) {
	if t == nil || len(entries) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.beyond() != first || int64(len(t.waiting)) > tailWaiting*t.small {
		t.parts, t.waiting = []*gathering{gatherFrom(first)}, nil
	}
	t.waiting = append(t.waiting, entries...)
}

// beyond is the place behind what it holds, or -1 if it holds nothing.
func (t *Tail) beyond() int64 {
	if len(t.parts) == 0 {
		return -1
	}
	return t.parts[len(t.parts)-1].beyond + int64(len(t.waiting))
}

func (t *Tail) gather() {
	for _, entry := range t.waiting {
		last := t.parts[len(t.parts)-1]
		if last.length() >= t.small {
			last = gatherFrom(last.beyond)
			t.parts = append(t.parts, last)
		}
		last.add(last.beyond, entry)
	}
	clear(t.waiting)
	t.waiting = t.waiting[:0]
	t.parts = slices.Delete(t.parts, 0, max(0, len(t.parts)-tailParts))
}

// from gives the gathering that begins at a place, and where the tail begins: at -1 if
// it holds nothing. full tells whether nothing is added to the gathering any more.
func (t *Tail) from(first int64) (g *gathering, full bool, begins int64) {
	if t == nil {
		return nil, false, -1
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gather()
	if len(t.parts) == 0 {
		return nil, false, -1
	}
	for i, g := range t.parts {
		if g.first == first {
			return g, i < len(t.parts)-1 || g.length() >= t.small, t.parts[0].first
		}
	}
	return nil, false, t.parts[0].first
}

// fill puts what was read before the tail. Who reads may be late: then it is not taken.
func (t *Tail) fill(g *gathering) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.parts) == 0 || t.parts[0].first == g.beyond {
		t.parts = slices.Insert(t.parts, 0, g)
	}
}

// Drop forgets everything.
func (t *Tail) Drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parts, t.waiting = nil, nil
}

// recent is what the tail held at one moment, from first to before beyond.
type recent struct {
	first, beyond int64
	lists         []*memoryList
	spans         []span
}

// view gives the places of keys from low on; nothing if it holds no entry there.
func (t *Tail) view(keys []int64, low int64) (r recent) {
	r.first, r.beyond = low, low
	if t == nil {
		return r
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.gather()
	if t.beyond() <= low {
		return r
	}
	r.first, r.beyond = max(low, t.parts[0].first), t.beyond()
	for _, key := range keys {
		l := &memoryList{}
		for _, g := range t.parts {
			if p := g.all[key]; p != nil && g.beyond > r.first {
				l.places = append(l.places, p.Before(g.beyond))
			}
		}
		r.lists = append(r.lists, l)
	}
	for _, g := range t.parts {
		r.spans = append(r.spans, g.spans...)
	}
	return r
}

// memoryList is the places of one key in the tail, in rising order.
type memoryList struct{ places [][]int64 }

func (l *memoryList) before(high int64) (int64, error) {
	for n := len(l.places); n > 0; n = len(l.places) {
		some := l.places[n-1]
		k, _ := slices.BinarySearch(some, high)
		if k > 0 {
			l.places[n-1] = some[:k]
			return some[k-1], nil
		}
		l.places = l.places[:n-1]
	}
	return -1, nil
}
