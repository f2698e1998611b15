package auditlog

import (
	"errors"
	"math"
	"slices"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/postings"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// places are some places of the log, read backwards.
type places interface {
	// before gives the last place before high, or -1. high never rises from call to
	// call. Once the search has cost too much, the place that it gives need not be one
	// of them: those between it and high are not.
	before(high int64) (int64, error)
}

// spans are places that stand side by side.
type spans interface {
	places
	// begin is the first of those that the last place found belongs to.
	begin() int64
}

// postingList is the places of one key in the segments.
type postingList struct {
	s        *search
	key      int64
	segments []segment // not read to their begins yet, the last first
	places   []int64   // of the block that was read last, not passed yet
	bound    int64     // the rest of the first segment is before it; 0 if none was read of it
}

// postingLists gives those of keys for the segments that have a place from low to before
// high.
func (s *search) postingLists(keys []int64, low, high int64) ([]places, error) {
	segments, err := query.All(s.r.ctx, s.r.q, scanSegment,
		"SELECT first, beyond FROM audit_segment WHERE first < ? AND beyond > ? ORDER BY first DESC", high, low)
	if err != nil {
		return nil, err
	}
	lists := make([]places, len(keys))
	for i, key := range keys {
		lists[i] = &postingList{s: s, key: key, segments: segments}
	}
	return lists, err
}

const blockSQL = "SELECT key, seq, data FROM audit_block WHERE segment = ?1 AND (key, seq) <= (?2, ?3) " +
	"ORDER BY key DESC, seq DESC LIMIT 1"

func (l *postingList) before(high int64) (int64, error) {
	for {
		n, _ := slices.BinarySearch(l.places, high)
		if l.places = l.places[:n]; n > 0 {
			return l.places[n-1], nil
		}
		if len(l.segments) == 0 {
			return -1, nil
		}
		g := l.segments[0]
		if g.first >= high {
			l.next()
			continue
		}
		if high = min(high, g.beyond); l.bound == 0 || high < l.bound {
			l.bound = high
		}
		if l.s.spent() {
			return l.bound - 1, nil
		}
		if err := l.read(g); err != nil {
			return -1, err
		}
	}
}

func (l *postingList) next() { l.segments, l.bound = l.segments[1:], 0 }

// read takes the block of the segment that holds the last place before the bound.
func (l *postingList) read(g segment) error {
	l.s.cost += blockCost
	b, err := scanBlock(l.s.r.q.QueryRow(l.s.r.ctx, blockSQL, g.first, l.key, l.bound-1))
	if errors.Is(err, store.ErrNotFound) {
		l.next()
		return nil
	} else if err != nil {
		return err
	}
	l.places, err = postings.PlacesOf(b, l.key, l.places)
	if b.First.Key < l.key {
		l.next()
	} else {
		l.bound = b.First.Place
	}
	return err
}

// times are bounds of what is searched for, in milliseconds.
type times struct{ from, to int64 }

func timesOf(f audit.Filter) (at times, ok bool) {
	at = times{math.MinInt64, math.MaxInt64}
	if !f.From.IsZero() {
		at.from = f.From.UnixMilli()
	}
	if !f.To.IsZero() {
		at.to = f.To.UnixMilli() // a millisecond that the bound cuts through belongs to it
	}
	return at, !f.From.IsZero() || !f.To.IsZero()
}

func (t times) meet(s span) bool { return s.oldest <= t.to && s.newest >= t.from }

// memorySpans are the spans of the tail whose times meet.
type memorySpans struct {
	times
	spans []span
}

func (m *memorySpans) before(high int64) (int64, error) {
	for n := len(m.spans); n > 0; n = len(m.spans) {
		if s := m.spans[n-1]; s.first < high && m.meet(s) {
			return min(high, s.beyond) - 1, nil
		}
		m.spans = m.spans[:n-1]
	}
	return -1, nil
}

func (m *memorySpans) begin() int64 { return m.spans[len(m.spans)-1].first }

// timeList is the spans of the segments whose times meet.
type timeList struct {
	times
	s    *search
	span span // that was found last
}

func (s *search) timeList(at times) *timeList {
	return &timeList{times: at, s: s, span: span{first: math.MaxInt64}}
}

const spanSQL = "SELECT first, beyond, oldest, newest FROM audit_span " +
	"WHERE first < ? AND oldest <= ? AND newest >= ? ORDER BY first DESC LIMIT 1"

func (l *timeList) before(high int64) (int64, error) {
	if l.span.first < high {
		return min(high, l.span.beyond) - 1, nil
	}
	l.s.cost += blockCost
	err := l.s.r.q.QueryRow(l.s.r.ctx, spanSQL, high, l.to, l.from).Scan(&l.span.first, &l.span.beyond, &l.span.oldest,
		&l.span.newest)
	if errors.Is(err, store.ErrNotFound) {
		return -1, nil
	}
	return min(high, l.span.beyond) - 1, err
}

func (l *timeList) begin() int64 { return l.span.first }

// span gives the indexed places, from low to before high, outside of which no entry
// has a time that the filter takes, as far as a clock that only rose would tell.
func (r Reader) span(f audit.Filter) (low, high int64, err error) {
	low, high = 0, math.MaxInt64
	bound := func(stmt string, at time.Time) (int64, error) {
		found, err := query.All(r.ctx, r.q, query.Value[int64], stmt, at.UnixMilli())
		return append(found, -1)[0], err
	}
	if !f.From.IsZero() {
		if low, err = bound("SELECT first FROM audit_span WHERE latest >= ? ORDER BY latest, first LIMIT 1",
			f.From); low < 0 {
			return 0, 0, err // all are earlier
		}
	}
	if err == nil && !f.To.IsZero() {
		// A millisecond that the bound cuts through belongs to it.
		high, err = bound(
			"SELECT beyond FROM audit_span WHERE earliest <= ? ORDER BY earliest DESC, first DESC LIMIT 1",
			f.To)
	}
	return low, high, err
}
