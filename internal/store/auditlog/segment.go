package auditlog

import (
	"errors"
	"math"
	"slices"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/postings"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// segment is a part of the index.
type segment struct {
	first, beyond int64
	blocks        []postings.Block
	spans         []span
	codes         map[tallied]int64
}

// span is some entries that follow each other, and when they were made: no times if
// none of them says when.
type span struct {
	first, beyond  int64
	oldest, newest int64 // milliseconds since 1970
}

// spanLength bounds the entries that a search by time reads in vain.
const spanLength = 256

// gathering is entries that follow each other, by what they are found by: what becomes
// a segment. What was gathered stays as it is while more comes.
type gathering struct {
	first, beyond int64
	all           postings.Index
	classes       map[class][]*postings.Places
	spans         []span
	codes         map[tallied]int64
}

func gatherFrom(first int64) *gathering {
	return &gathering{first: first, beyond: first, all: postings.Index{}, classes: map[class][]*postings.Places{},
		codes: map[tallied]int64{}}
}

// add takes an entry that follows, with its place.
func (g *gathering) add(seq int64, entry []byte) {
	f := audit.FacetsOf(entry)
	g.tally(f, entry)
	c := class{f.Actor, f.ActorID, string(f.Action), string(f.Outcome)}
	lists, known := g.classes[c]
	if !known {
		for _, key := range c.keys() {
			lists = append(lists, g.all.Of(key))
		}
		g.classes[c] = lists
	}
	for _, l := range lists {
		l.Add(seq)
	}
	for _, serial := range f.Serials {
		g.all.Of(postings.Key("serial", serial)).Add(seq)
	}
	for _, user := range f.Users {
		g.all.Of(postings.Key("user", user)).Add(seq)
	}
	if n := len(g.spans); n == 0 || seq-g.spans[n-1].first >= spanLength {
		g.spans = append(g.spans, span{first: seq, oldest: math.MaxInt64})
	}
	s := &g.spans[len(g.spans)-1]
	if at := query.Millis(f.Time); at != 0 {
		s.oldest, s.newest = min(s.oldest, at), max(s.newest, at)
	}
	g.beyond = seq + 1
	s.beyond = g.beyond
}

func (g *gathering) length() int64 { return g.beyond - g.first }

func (g *gathering) segment() segment {
	return segment{first: g.first, beyond: g.beyond, blocks: g.all.Pack(), spans: g.spans, codes: g.codes}
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

// Indexed is the place behind the last segment, and not before the seam.
func (r Reader) Indexed() (int64, error) {
	begins, err := r.Begins()
	if err != nil {
		return 0, err
	}
	beyond, err := query.One(r.ctx, r.q, query.Value[int64], "SELECT beyond FROM audit_segment ORDER BY first DESC LIMIT 1")
	if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	return max(begins, beyond), err
}

func scanSegment(s query.Scanner) (g segment, err error) {
	err = s.Scan(&g.first, &g.beyond)
	return g, err
}

// smallSegments gives those behind the last large one, in their order.
func (r Reader) smallSegments(large int64) ([]segment, error) {
	all, err := query.All(r.ctx, r.q, scanSegment, `SELECT first, beyond FROM audit_segment
		WHERE first >= coalesce((SELECT max(beyond) FROM audit_segment WHERE beyond - first >= ?), 0) ORDER BY first`, large)
	return all, err
}

// postings gathers those of the segments from first to before beyond, one by one.
func (r Reader) postings(all postings.Index, first, beyond int64) error {
	rows, err := r.q.Query(r.ctx, "SELECT key, seq, data FROM audit_block WHERE segment >= ? AND segment < ? "+
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

func scanBlock(s query.Scanner) (b postings.Block, err error) {
	err = s.Scan(&b.First.Key, &b.First.Place, &b.Data)
	return b, err
}

// add appends a segment, unless another program has done so. Of each span it
// keeps the times of its own entries, and what never falls from one span to the next:
// the latest of all up to its end, the earliest of all from its begin on.
func (w Writer) add(s segment) error {
	if end, err := w.Indexed(); err != nil || end != s.first {
		return err
	}
	if err := errors.Join(w.insert(s), w.addTally(s.codes)); err != nil {
		return err
	}
	last, err := query.All(w.ctx, w.q, query.Value[int64], "SELECT latest FROM audit_span ORDER BY first DESC LIMIT 1")
	if err != nil {
		return err
	}
	latest, earliest := append(last, 0)[0], int64(math.MaxInt64)
	args := make([]any, 6*len(s.spans))
	for i, p := range slices.Backward(s.spans) {
		earliest = min(earliest, p.oldest)
		copy(args[6*i:], []any{p.first, p.beyond, p.oldest, p.newest, earliest})
	}
	for i, p := range s.spans {
		latest = max(latest, p.newest)
		args[6*i+5] = latest
	}
	if _, err := w.change("UPDATE audit_span SET earliest = ?1 WHERE earliest > ?1", earliest); err != nil {
		return err
	}
	_, err = w.change("INSERT INTO audit_span (first, beyond, oldest, newest, earliest, latest) VALUES "+
		query.RowsOf("(?, ?, ?, ?, ?, ?)", len(s.spans)), args...)
	return err
}

// DropIndex lets the index begin anew.
func (w Writer) DropIndex() error {
	for _, table := range []string{"audit_segment", "audit_block", "audit_span", "code_tally"} {
		if _, err := w.change("DELETE FROM " + table); err != nil {
			return err
		}
	}
	return nil
}

// CheckIndex drops an index that covers more than the log holds: one of another log.
func (w Writer) CheckIndex() error {
	end, err := w.Indexed()
	if err != nil {
		return err
	}
	head, err := w.AuditHead()
	if err == nil && end > head.Size() {
		err = w.DropIndex()
	}
	return err
}

// RemoveSegment takes away the part of the index that covers entries before first alone, a
// segment at a time. It gives how many it took.
func (w Writer) RemoveSegment(first int64) (int64, error) {
	old, err := query.All(w.ctx, w.q, scanSegment,
		"SELECT first, beyond FROM audit_segment WHERE beyond <= ? ORDER BY first LIMIT 1", first)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	if _, err := w.change("DELETE FROM audit_block WHERE segment = ?", old[0].first); err != nil {
		return 0, err
	}
	if _, err := w.change("DELETE FROM audit_span WHERE beyond <= ?", old[0].beyond); err != nil {
		return 0, err
	}
	return w.change("DELETE FROM audit_segment WHERE first = ?", old[0].first)
}

// blockRows is how many blocks one statement inserts.
const blockRows = 32

func (w Writer) insert(s segment) error {
	if _, err := w.change("INSERT INTO audit_segment (first, beyond) VALUES (?, ?)", s.first, s.beyond); err != nil {
		return err
	}
	for rows := range slices.Chunk(s.blocks, blockRows) {
		args := make([]any, 0, 4*len(rows))
		for _, b := range rows {
			args = append(args, s.first, b.First.Key, b.First.Place, notNil(b.Data))
		}
		if _, err := w.change("INSERT INTO audit_block (segment, key, seq, data) VALUES "+
			query.RowsOf("(?, ?, ?, ?)", len(rows)), args...); err != nil {
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

// replace puts one segment in the place of those that it was made of, if they
// are all still there.
func (w Writer) replace(old []segment, merged segment) error {
	n, err := w.change("DELETE FROM audit_segment WHERE first >= ? AND beyond <= ?", merged.first, merged.beyond)
	if err != nil {
		return err
	}
	if n != int64(len(old)) {
		return store.ErrConflict // and rolled back
	}
	if _, err := w.change("DELETE FROM audit_block WHERE segment >= ? AND segment < ?", merged.first,
		merged.beyond); err != nil {
		return err
	}
	return w.insert(merged)
}
