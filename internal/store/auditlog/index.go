package auditlog

import (
	"context"
	"sync"
	"time"

	"ostiary/internal/core/postings"
)

const (
	indexEvery = 500 * time.Millisecond // how often the log's end is looked at
	indexShare = 4                      // catching up works one part of the time in so many
)

// Sizes are how many entries a small and a large segment of the index cover.
type Sizes struct{ Small, Large int64 }

// Usual are the sizes that a database works with.
var Usual = Sizes{Small: 4096, Large: 65_536}

// DB is the database whose log is indexed. Write runs a transaction that is committed if
// do gives no error.
type DB interface {
	Read(ctx context.Context, do func(Reader) error) error
	Write(ctx context.Context, do func(Writer) error) error
}

// Indexer finds the entries of the log by what they are about: it follows the log,
// takes what was appended from the tail, or reads it where the tail does not hold it,
// and adds it to the index in segments, each in a transaction of its own. The
// transaction that appends an entry knows nothing of it.
//
// When the small segments together are as long as a large one, they become one.
//
// The index is no evidence: what is found through it is held against the entry, and
// to verify the log nobody asks it.
type Indexer struct {
	db         DB
	tail       *Tail
	sizes      Sizes
	end        sync.Once
	quit, done chan struct{}
}

// NewIndexer makes one that does nothing yet. The tail is of the same sizes; without one,
// where other nodes append, entries are read when they are enough for a segment.
func NewIndexer(db DB, tail *Tail, sizes Sizes) *Indexer {
	return &Indexer{db: db, tail: tail, sizes: sizes, quit: make(chan struct{}), done: make(chan struct{})}
}

// Run follows the log until Stop is called.
func (x *Indexer) Run() {
	defer close(x.done)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-x.quit; cancel() }()
	for wait := time.Duration(0); ; {
		select {
		case <-x.quit:
			return
		case <-time.After(wait):
		}
		begun := time.Now()
		// What cannot be indexed now is searched by reading, and tried again.
		more, err := x.Step(ctx)
		if wait = indexEvery; more && err == nil {
			wait = (indexShare - 1) * time.Since(begun)
		}
	}
}

// Stop ends Run, and waits for its end.
func (x *Indexer) Stop() {
	if x != nil {
		x.end.Do(func() { close(x.quit) })
		<-x.done
	}
}

// Step adds one segment if there is enough for one, and reports whether it did.
func (x *Indexer) Step(ctx context.Context) (added bool, err error) {
	first, beyond, err := x.indexed(ctx)
	if err != nil || x.tail == nil && beyond-first < x.sizes.Small {
		return false, err
	}
	g, full, begins := x.tail.from(first)
	switch {
	case g != nil && !full:
		return false, nil // more will come
	case g == nil:
		if begins >= 0 && begins < first {
			x.tail.Drop() // of another log
			begins = -1
		}
		if g, err = x.read(ctx, first, begins); err != nil || g.length() == 0 {
			return false, err
		}
		if g.length() < x.sizes.Small && g.beyond != begins {
			x.tail.fill(g)
			return false, nil
		}
	}
	s := g.segment()
	if err := x.db.Write(ctx, func(w Writer) error { return w.add(s) }); err != nil {
		return false, err
	}
	return true, x.merge(ctx)
}

// indexed gives the first place that no segment covers, and the one behind the log.
func (x *Indexer) indexed(ctx context.Context) (first, beyond int64, err error) {
	err = x.db.Read(ctx, func(r Reader) (err error) {
		if first, err = r.Indexed(); err != nil {
			return err
		}
		head, err := r.placed()
		if err == nil {
			beyond = head.Size()
		}
		return err
	})
	return first, beyond, err
}

// read gathers entries from first on: for a segment at most, and not those of the tail,
// which begins at a place or, if it holds nothing, at -1.
func (x *Indexer) read(ctx context.Context, first, tail int64) (*gathering, error) {
	n := x.sizes.Small
	if tail > first {
		n = min(n, tail-first)
	}
	g := gatherFrom(first)
	err := x.db.Read(ctx, func(r Reader) error {
		rows, err := r.AuditEntries(first, int(n))
		for _, row := range rows {
			g.add(row.Seq, row.Entry)
		}
		return err
	})
	return g, err
}

// merge makes one large segment of the small ones at the end when they are as many.
func (x *Indexer) merge(ctx context.Context) error {
	var old []segment
	all := postings.Index{}
	err := x.db.Read(ctx, func(r Reader) (err error) {
		if old, err = r.smallSegments(x.sizes.Large); err != nil || len(old) == 0 {
			return err
		}
		first, beyond := old[0].first, old[len(old)-1].beyond
		if beyond-first < x.sizes.Large {
			old = nil
			return nil
		}
		return r.postings(all, first, beyond)
	})
	if err != nil || len(old) == 0 {
		return err
	}
	merged := segment{first: old[0].first, beyond: old[len(old)-1].beyond, blocks: all.Pack()}
	return x.db.Write(ctx, func(w Writer) error { return w.replace(old, merged) })
}
