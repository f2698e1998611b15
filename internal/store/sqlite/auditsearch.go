package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/postings"
	"ostiary/internal/store"
)

// maxLooked bounds how many entries are read for one page that do not fit.
const maxLooked = 20_000

// search is one search of the log.
type search struct {
	r       *reader
	matches func([]byte) bool
	want    int
	rows    []store.AuditRow
	looked  int
	at      int64 // where it stands: what is at or above was looked at
}

// FindAudit reads the entries that no segment covers, then follows the index.
func (r *reader) FindAudit(f audit.Filter, before int64, limit int) (rows []store.AuditRow, next int64, err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	indexed, err := r.indexed()
	if err != nil {
		return nil, 0, err
	}
	low, high, err := r.span(f)
	if err != nil {
		return nil, 0, err
	}
	// One more than asked for, to know whether there are more.
	s := &search{r: r, matches: f.Matcher(), want: limit + 1, at: before}
	if err := s.scan(indexed, before); err != nil {
		return nil, 0, err
	}
	low, high = max(low, 0), min(high, before, indexed)
	if keys := filterKeys(f); len(keys) == 0 {
		err = s.scan(low, high)
	} else {
		err = s.follow(keys, low, high)
	}
	switch {
	case err != nil:
		return nil, 0, err
	case len(s.rows) > limit:
		return s.rows[:limit], s.rows[limit-1].Seq, nil
	case s.ended():
		return s.rows, s.at, nil
	}
	return s.rows, 0, nil
}

// span gives the indexed places, from low to before high, outside of which no entry
// has a time that the filter takes.
func (r *reader) span(f audit.Filter) (low, high int64, err error) {
	low, high = 0, math.MaxInt64
	bound := func(query string, at time.Time) (int64, error) {
		found, err := queryAll(r.ctx, r.q, scanOne[int64], query, at.UnixMilli())
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

func (s *search) ended() bool { return len(s.rows) >= s.want || s.looked >= maxLooked }

// take looks at an entry.
func (s *search) take(row store.AuditRow) {
	s.at = row.Seq
	if s.matches(row.Entry) {
		s.rows = append(s.rows, row)
	} else {
		s.looked++
	}
}

// scan reads the entries from low to before high, the newest first.
func (s *search) scan(low, high int64) error {
	if low >= high || s.ended() {
		return nil
	}
	rows, err := s.r.q.QueryContext(s.r.ctx,
		"SELECT seq, entry FROM audit_entry WHERE seq >= ? AND seq < ? ORDER BY seq DESC", low, high)
	if err != nil {
		return err
	}
	defer rows.Close()
	for !s.ended() && rows.Next() {
		row, err := scanAuditRow(rows)
		if err != nil {
			return err
		}
		s.take(row)
	}
	return rows.Err()
}

func scanAuditRow(s scanner) (row store.AuditRow, err error) {
	err = s.Scan(&row.Seq, &row.Entry)
	return row, err
}

// follow takes the entries that stand under all keys, from low to before high.
func (s *search) follow(keys []int64, low, high int64) error {
	if low >= high || s.ended() {
		return nil
	}
	segments, err := queryAll(s.r.ctx, s.r.q, scanSegment,
		"SELECT first, beyond FROM audit_segment WHERE first < ? AND beyond > ? ORDER BY first DESC", high, low)
	if err != nil {
		return err
	}
	block, err := s.r.prepare("SELECT key, seq, data FROM audit_block WHERE segment = ?1 AND (key, seq) <= (?2, ?3) " +
		"ORDER BY key DESC, seq DESC LIMIT 1")
	if err != nil {
		return err
	}
	entry, err := s.r.prepare("SELECT seq, entry FROM audit_entry WHERE seq = ?")
	if err != nil {
		return err
	}
	lists := make([]*postingList, len(keys))
	for i, key := range keys {
		lists[i] = &postingList{ctx: s.r.ctx, block: block, key: key, segments: segments}
	}
	for !s.ended() {
		at, err := common(lists, high)
		if err != nil || at < low {
			return err
		}
		row, err := scanAuditRow(entry.QueryRowContext(s.r.ctx, at))
		switch {
		case err == nil:
			s.take(row)
		case !errors.Is(err, sql.ErrNoRows):
			return err
		}
		high = at
	}
	return nil
}

// common gives the last place before high that is on all lists, or -1.
func common(lists []*postingList, high int64) (int64, error) {
	for {
		agreed := true
		for _, l := range lists {
			at, err := l.before(high)
			if err != nil || at < 0 {
				return -1, err
			}
			agreed = agreed && at == high-1
			high = at + 1
		}
		if agreed {
			return high - 1, nil
		}
	}
}

// postingList is the places of one key, read backwards.
type postingList struct {
	ctx      context.Context
	block    *sql.Stmt
	key      int64
	segments []segment // not read to their begins yet, the last first
	places   []int64   // of the block that was read last, not passed yet
	bound    int64     // the rest of the first segment is before it; 0 if none was read of it
}

// before gives the last place before high, or -1. high never rises from call to call.
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
		if l.bound == 0 || high < l.bound {
			l.bound = high
		}
		if err := l.read(g); err != nil {
			return -1, err
		}
	}
}

func (l *postingList) next() { l.segments, l.bound = l.segments[1:], 0 }

// read takes the block of the segment that holds the last place before the bound.
func (l *postingList) read(g segment) error {
	b, err := scanBlock(l.block.QueryRowContext(l.ctx, g.first, l.key, l.bound-1))
	if errors.Is(err, sql.ErrNoRows) {
		l.next()
		return nil
	} else if err != nil {
		return err
	}
	all, err := postings.Unpack(b, nil)
	for _, p := range all {
		if p.Key == l.key {
			l.places = append(l.places, p.Place)
		}
	}
	if b.First.Key < l.key {
		l.next()
	} else {
		l.bound = b.First.Place
	}
	return err
}

// prepare gives a statement for the length of the transaction.
func (r *reader) prepare(query string) (*sql.Stmt, error) {
	return r.q.PrepareContext(r.ctx, query)
}
