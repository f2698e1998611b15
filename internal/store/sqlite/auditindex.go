package sqlite

import (
	"context"
	"sync"
	"time"

	"ostiary/internal/core/postings"
	"ostiary/internal/store"
)

const (
	indexEvery   = 500 * time.Millisecond // how often the log's end is looked at
	smallSegment = 4096                   // entries
	largeSegment = 65_536
	indexShare   = 4 // catching up works one part of the time in so many
)

// indexer finds the entries of the log by what they are about: it follows the log,
// takes what was appended from the tail, or reads it where the tail does not hold it,
// and adds it to the index in segments, each in a transaction of its own. The
// transaction that appends an entry knows nothing of it.
//
// When the small segments together are as long as a large one, they become one.
//
// The index is no evidence: what is found through it is held against the entry, and
// to verify the log nobody asks it.
type indexer struct {
	db           *DB
	tail         *tail
	small, large int64
	end          sync.Once
	quit, done   chan struct{}
}

func newIndexer(db *DB) *indexer {
	return &indexer{db: db, tail: db.tail, small: smallSegment, large: largeSegment, quit: make(chan struct{}),
		done: make(chan struct{})}
}

func (x *indexer) run() {
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
		more, err := x.step(ctx)
		if wait = indexEvery; more && err == nil {
			wait = (indexShare - 1) * time.Since(begun)
		}
	}
}

func (x *indexer) stop() {
	if x != nil {
		x.end.Do(func() { close(x.quit) })
		<-x.done
	}
}

// step adds one segment if there is enough for one, and reports whether it did.
func (x *indexer) step(ctx context.Context) (added bool, err error) {
	first, err := x.indexed(ctx)
	if err != nil {
		return false, err
	}
	g, full, begins := x.tail.from(first)
	switch {
	case g != nil && !full:
		return false, nil // more will come
	case g == nil:
		if begins >= 0 && begins < first {
			x.tail.drop() // of another log
			begins = -1
		}
		if g, err = x.read(ctx, first, begins); err != nil || g.length() == 0 {
			return false, err
		}
		if g.length() < x.small && g.beyond != begins {
			x.tail.fill(g)
			return false, nil
		}
	}
	s := g.segment()
	if err := x.db.writer.update(ctx, func(t store.Tx) error { return t.(*tx).addSegment(s) }); err != nil {
		return false, err
	}
	return true, x.merge(ctx)
}

func (x *indexer) indexed(ctx context.Context) (first int64, err error) {
	err = x.db.View(ctx, func(r store.Reader) (err error) {
		first, err = r.(*reader).indexed()
		return err
	})
	return first, err
}

// read gathers entries from first on: for a segment at most, and not those of the tail,
// which begins at a place or, if it holds nothing, at -1.
func (x *indexer) read(ctx context.Context, first, tail int64) (*gathering, error) {
	n := x.small
	if tail > first {
		n = min(n, tail-first)
	}
	g := gatherFrom(first)
	err := x.db.View(ctx, func(r store.Reader) error {
		rows, err := r.AuditEntries(first, int(n))
		for _, row := range rows {
			g.add(row.Seq, row.Entry)
		}
		return err
	})
	return g, err
}

// merge makes one large segment of the small ones at the end when they are as many.
func (x *indexer) merge(ctx context.Context) error {
	var old []segment
	all := postings.Index{}
	err := x.db.View(ctx, func(rd store.Reader) (err error) {
		r := rd.(*reader)
		if old, err = r.smallSegments(x.large); err != nil || len(old) == 0 {
			return err
		}
		first, beyond := old[0].first, old[len(old)-1].beyond
		if beyond-first < x.large {
			old = nil
			return nil
		}
		return r.postings(all, first, beyond)
	})
	if err != nil || len(old) == 0 {
		return err
	}
	merged := segment{first: old[0].first, beyond: old[len(old)-1].beyond, blocks: all.Pack()}
	return x.db.writer.update(ctx, func(t store.Tx) error { return t.(*tx).replaceSegments(old, merged) })
}
