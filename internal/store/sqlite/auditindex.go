package sqlite

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/postings"
	"ostiary/internal/store"
)

const (
	indexEvery   = 500 * time.Millisecond // how often the log's end is looked at
	smallSegment = 1024                   // entries
	largeSegment = 65_536
	indexShare   = 4 // catching up works one part of the time in so many
)

// indexer finds the entries of the log by what they are about: it follows the log,
// reads what was appended, and adds it to the index in segments, each in a
// transaction of its own. The transaction that appends an entry knows nothing of it.
//
// Entries that no segment covers yet are few, and a search reads them. When the small
// segments together are as long as a large one, they become one.
//
// The index is no evidence: what is found through it is held against the entry, and
// to verify the log nobody asks it.
type indexer struct {
	db           *DB
	small, large int64
	end          sync.Once
	quit, done   chan struct{}
}

func newIndexer(db *DB) *indexer {
	return &indexer{db: db, small: smallSegment, large: largeSegment, quit: make(chan struct{}),
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
	var rows []store.AuditRow
	var first int64
	err = x.db.View(ctx, func(r store.Reader) (err error) {
		if first, err = r.(*reader).indexed(); err == nil {
			rows, err = r.AuditEntries(first, int(x.small))
		}
		return err
	})
	if err != nil || int64(len(rows)) < x.small {
		return false, err
	}
	s := newSegment(first, rows)
	err = x.db.writer.update(ctx, func(t store.Tx) error { return t.(*tx).addSegment(s) })
	if err != nil {
		return false, err
	}
	return true, x.merge(ctx)
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

// segment is a part of the index.
type segment struct {
	first, beyond    int64
	blocks           []postings.Block
	earliest, latest int64 // times of its entries
}

func newSegment(first int64, rows []store.AuditRow) segment {
	s := segment{first: first, beyond: rows[len(rows)-1].Seq + 1, earliest: math.MaxInt64}
	all := postings.Index{}
	classes := map[class][]*postings.Places{}
	for _, row := range rows {
		f := audit.FacetsOf(row.Entry)
		c := class{f.Actor, f.ActorID, string(f.Action), string(f.Outcome)}
		lists, known := classes[c]
		if !known {
			for _, key := range c.keys() {
				lists = append(lists, all.Of(key))
			}
			classes[c] = lists
		}
		for _, l := range lists {
			l.Add(row.Seq)
		}
		for _, serial := range f.Serials {
			all.Of(postings.Key("serial", serial)).Add(row.Seq)
		}
		for _, user := range f.Users {
			all.Of(postings.Key("user", user)).Add(row.Seq)
		}
		if at := millis(f.Time); at != 0 {
			s.earliest, s.latest = min(s.earliest, at), max(s.latest, at)
		}
	}
	s.blocks = all.Pack()
	return s
}

// class is what many entries share: who, what, how it ended.
type class struct{ actor, id, action, outcome string }

func (c class) key() int64 { return postings.Key("class", c.actor, c.id, c.action, c.outcome) }

// keys are those of every combination: what is asked for by a part of a class would
// find too much, and by two parts each of them would.
func (c class) keys() (keys []int64) {
	if c == (class{}) {
		return nil // an entry that cannot be read
	}
	whom := []class{{}, {actor: c.actor}}
	if c.id != "" {
		whom = append(whom, class{id: c.id})
	}
	for _, who := range whom {
		for _, k := range []class{{who.actor, who.id, "", ""}, {who.actor, who.id, c.action, ""},
			{who.actor, who.id, "", c.outcome}, {who.actor, who.id, c.action, c.outcome}} {
			if k != (class{}) {
				keys = append(keys, k.key())
			}
		}
	}
	return keys
}

// filterKeys are the keys that all entries stand under which a filter chooses.
func filterKeys(f audit.Filter) (keys []int64) {
	if f.Serial != "" {
		keys = append(keys, postings.Key("serial", f.Serial))
	}
	if f.User != "" {
		keys = append(keys, postings.Key("user", f.User))
	}
	c := class{f.Actor, "", string(f.Action), string(f.Outcome)}
	if f.ActorID != "" {
		keys = append(keys, class{"", f.ActorID, c.action, c.outcome}.key())
		if f.Actor == "" {
			return keys
		}
	}
	if c != (class{}) {
		keys = append(keys, c.key())
	}
	return keys
}

// indexed is the place behind the last segment.
func (r *reader) indexed() (int64, error) {
	return queryOne(r.ctx, r.q, scanOne[int64], "SELECT coalesce(max(beyond), 0) FROM (SELECT beyond FROM "+
		"audit_segment "+
		"ORDER BY first DESC LIMIT 1)")
}

func scanSegment(s scanner) (g segment, err error) {
	err = s.Scan(&g.first, &g.beyond)
	return g, err
}

// smallSegments gives those behind the last large one, in their order.
func (r *reader) smallSegments(large int64) ([]segment, error) {
	all, err := queryAll(r.ctx, r.q, scanSegment, `SELECT first, beyond FROM audit_segment
		WHERE first >= coalesce((SELECT max(beyond) FROM audit_segment WHERE beyond - first >= ?), 0) ORDER BY first`, large)
	return all, err
}

// postings gathers those of the segments from first to before beyond, one by one.
func (r *reader) postings(all postings.Index, first, beyond int64) error {
	rows, err := r.q.QueryContext(r.ctx, "SELECT key, seq, data FROM audit_block WHERE segment >= ? AND segment < ? "+
		"ORDER BY segment, key, seq", first, beyond)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		b, err := scanBlock(rows)
		if err == nil {
			err = all.Take(b)
		}
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

func scanBlock(s scanner) (b postings.Block, err error) {
	err = s.Scan(&b.First.Key, &b.First.Place, &b.Data)
	return b, err
}

// addSegment appends a segment, unless another program has done so.
func (t *tx) addSegment(s segment) error {
	if end, err := t.indexed(); err != nil || end != s.first {
		return err
	}
	if err := t.insertSegment(s); err != nil {
		return err
	}
	last, err := queryAll(t.ctx, t.q, scanOne[int64], "SELECT latest FROM audit_span ORDER BY first DESC LIMIT 1")
	if err != nil {
		return err
	}
	if len(last) > 0 {
		s.latest = max(s.latest, last[0])
	}
	if _, err := t.change("INSERT INTO audit_span (first, beyond, earliest, latest) VALUES (?, ?, ?, ?)",
		s.first, s.beyond, s.earliest, s.latest); err != nil {
		return err
	}
	_, err = t.change("UPDATE audit_span SET earliest = ?1 WHERE earliest > ?1", s.earliest)
	return err
}

// dropIndex lets the index begin anew.
func (t *tx) dropIndex() error {
	for _, table := range []string{"audit_segment", "audit_block", "audit_span"} {
		if _, err := t.change("DELETE FROM " + table); err != nil {
			return err
		}
	}
	return nil
}

func (db *DB) checkIndex(ctx context.Context) error {
	return db.Update(ctx, func(t store.Tx) error { return t.(*tx).checkIndex() })
}

// checkIndex drops an index that covers more than the log holds: one of another log.
func (t *tx) checkIndex() error {
	end, err := t.indexed()
	if err != nil {
		return err
	}
	head, err := t.AuditHead()
	if err == nil && end > head.Size() {
		err = t.dropIndex()
	}
	return err
}

// blockRows is how many blocks one statement inserts.
const blockRows = 32

func (t *tx) insertSegment(s segment) error {
	if _, err := t.change("INSERT INTO audit_segment (first, beyond) VALUES (?, ?)", s.first, s.beyond); err != nil {
		return err
	}
	for rows := range slices.Chunk(s.blocks, blockRows) {
		args := make([]any, 0, 4*len(rows))
		for _, b := range rows {
			args = append(args, s.first, b.First.Key, b.First.Place, notNil(b.Data))
		}
		if _, err := t.change("INSERT INTO audit_block (segment, key, seq, data) VALUES "+
			rowsOf("(?, ?, ?, ?)", len(rows)), args...); err != nil {
			return err
		}
	}
	return nil
}

// notNil keeps an empty blob from becoming NULL.
func notNil(b []byte) []byte {
	if b == nil {
		b = []byte{}
	}
	return b
}

// replaceSegments puts one segment in the place of those that it was made of, if they
// are all still there.
func (t *tx) replaceSegments(old []segment, merged segment) error {
	n, err := t.change("DELETE FROM audit_segment WHERE first >= ? AND beyond <= ?", merged.first, merged.beyond)
	if err != nil {
		return err
	}
	if n != int64(len(old)) {
		return store.ErrConflict // and rolled back
	}
	if _, err := t.change("DELETE FROM audit_block WHERE segment >= ? AND segment < ?", merged.first,
		merged.beyond); err != nil {
		return err
	}
	return t.insertSegment(merged)
}
