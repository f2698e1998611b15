package auditlog

import (
	"errors"
	"math"
	"slices"

	"ostiary/internal/core/audit"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// What one page may cost at most, in reads of one entry among others. A page that costs
// more is short, and says where to go on: no search holds its reader for long.
const (
	maxCost   = 3000
	entryCost = 8  // of an entry that is read by its place and does not fit
	blockCost = 10 // of a block of the index, or of a span of time that is looked for
)

// search is one search of the log.
type search struct {
	r       Reader
	matches func([]byte) bool
	want    int
	rows    []store.AuditRow
	most    int // that it may cost
	cost    int
	at      int64 // where it stands: what is at or above was looked at
}

// FindAudit looks at the newest entries first: at those that nothing leads to, the end
// of the log as the tail has it, then what the index covers.
func (r Reader) FindAudit(f audit.Filter, before int64, limit int) (rows []store.AuditRow, next int64, err error) {
	rows, next, _, err = r.Search(f, before, limit, maxCost)
	return rows, next, err
}

// Search is FindAudit, of which a page may cost so much at most. cost is what it cost.
func (r Reader) Search(f audit.Filter, before int64, limit, most int) (rows []store.AuditRow, next int64, cost int,
	err error) {
	if before == 0 {
		before = math.MaxInt64
	}
	// One more than asked for, to know whether there are more.
	s := &search{r: r, matches: f.Matcher(), want: limit + 1, most: most, at: before}
	indexed, err := r.Indexed()
	if err != nil {
		return nil, 0, 0, err
	}
	keys := filterKeys(f)
	end := r.tail.view(keys, indexed)
	for _, look := range []func() error{
		func() error { return s.arrived(before) },
		func() error { return s.scan(end.beyond, before) },
		func() error { return s.recent(f, end, min(before, end.beyond)) },
		func() error { return s.scan(indexed, min(before, end.first)) },
		func() error { return s.indexed(f, keys, min(before, indexed)) },
	} {
		if err := look(); err != nil {
			return nil, 0, s.cost, err
		}
	}
	switch {
	case len(s.rows) > limit:
		return s.rows[:limit], s.rows[limit-1].Seq, s.cost, nil
	case s.ended():
		return s.rows, s.at, s.cost, nil
	}
	return s.rows, 0, s.cost, nil
}

func (s *search) spent() bool { return s.cost >= s.most }

func (s *search) ended() bool { return len(s.rows) >= s.want || s.spent() }

// take looks at an entry, which cost so much to read.
func (s *search) take(row store.AuditRow, cost int) {
	s.at = row.Seq
	if s.matches(row.Entry) {
		s.rows = append(s.rows, row)
	} else {
		s.cost += cost
	}
}

// arrived looks at the entries that have no place yet.
func (s *search) arrived(high int64) error {
	rows, err := s.r.seen(0)
	for _, row := range slices.Backward(rows) {
		if row.Seq < high && !s.ended() {
			s.take(row, 1)
		}
	}
	return err
}

// scanned is how many entries a scan asks for at least. PostgreSQL sends all that was asked for,
// also what nobody reads any more.
const scanned = 256

// scan reads the entries from low to before high, the newest first.
func (s *search) scan(low, high int64) error {
	for low < high && !s.ended() {
		most := max(s.want-len(s.rows), scanned)
		rows, err := query.All(s.r.ctx, s.r.q, scanAuditRow,
			"SELECT seq, entry FROM audit_entry WHERE seq >= ? AND seq < ? ORDER BY seq DESC LIMIT ?", low, high, most)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if !s.ended() {
				s.take(row, 1)
			}
		}
		if len(rows) < most {
			return nil
		}
		high = rows[len(rows)-1].Seq
	}
	return nil
}

func scanAuditRow(s query.Scanner) (row store.AuditRow, err error) {
	err = s.Scan(&row.Seq, &row.Entry)
	return row, err
}

// recent follows the tail.
func (s *search) recent(f audit.Filter, end recent, high int64) error {
	lists := make([]places, len(end.lists), len(end.lists)+1)
	for i, l := range end.lists {
		lists[i] = l
	}
	if at, ok := timesOf(f); ok {
		lists = append(lists, &memorySpans{at, end.spans})
	}
	return s.follow(lists, len(end.lists) > 0, end.first, high)
}

// indexed follows the segments.
func (s *search) indexed(f audit.Filter, keys []int64, high int64) error {
	if high <= 0 || s.ended() {
		return nil
	}
	low, end, err := s.r.span(f)
	if err != nil {
		return err
	}
	first, err := s.r.Begins()
	if low, high = max(low, first), min(high, end); err != nil || low >= high {
		return err
	}
	var lists []places
	if len(keys) > 0 {
		if lists, err = s.postingLists(keys, low, high); err != nil {
			return err
		}
	}
	if at, ok := timesOf(f); ok {
		lists = append(lists, s.timeList(at))
	}
	return s.follow(lists, len(keys) > 0, low, high)
}

const entrySQL = "SELECT seq, entry FROM audit_entry WHERE seq = ?"

// follow takes the entries that are on all lists, from low to before high. Where no list
// is of a key, what it finds is the end of entries that are worth reading one by one.
func (s *search) follow(lists []places, keys bool, low, high int64) error {
	if len(lists) == 0 {
		return s.scan(low, high)
	}
	if low >= high || s.ended() {
		return nil
	}
	for {
		var err error
		if high, err = s.common(lists, high); err != nil {
			return err
		}
		if s.at = min(s.at, max(low, high)); high <= low || s.ended() {
			return nil
		}
		if !keys {
			begin := max(low, lists[0].(spans).begin())
			if err := s.scan(begin, high); err != nil || s.ended() {
				return err
			}
			high = begin
			continue
		}
		row, err := scanAuditRow(s.r.q.QueryRow(s.r.ctx, entrySQL, high-1))
		switch {
		case err == nil:
			s.take(row, entryCost)
		case !errors.Is(err, store.ErrNotFound):
			return err
		default:
			s.cost += entryCost
		}
		high--
	}
}

// common gives the place behind the last one before high that is on all lists, or at
// most 0. When the search ends before it knows, what is at or above is known.
func (s *search) common(lists []places, high int64) (int64, error) {
	for {
		agreed := true
		for _, l := range lists {
			at, err := l.before(high)
			if err != nil || at < 0 {
				return 0, err
			}
			agreed = agreed && at == high-1
			high = at + 1
			if s.spent() {
				return high, nil
			}
		}
		if agreed {
			return high, nil
		}
	}
}
