package auditlog

import (
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// Arrival is an entry that is committed and has no place in the log yet.
type Arrival struct {
	ID        int64 // arrivals are in the order of these, which have gaps
	Stream, N int64 // n rises by one from entry to entry of a stream
	Entry     []byte
	MAC       []byte
}

// ArrivalsSQL reads them.
const ArrivalsSQL = "SELECT id, stream, n, entry, mac FROM audit_arrival ORDER BY id LIMIT ?"

// Arrivals gives up to limit of them.
func (r Reader) Arrivals(limit int64) ([]Arrival, error) {
	return query.All(r.ctx, r.q, func(s query.Scanner) (a Arrival, err error) {
		err = s.Scan(&a.ID, &a.Stream, &a.N, &a.Entry, &a.MAC)
		return a, err
	}, ArrivalsSQL, limit)
}

// arrived are the entries without a place, behind those that have one, as a reader sees
// them: read once, when somebody asks.
type arrived struct {
	known bool
	first int64
	rows  []store.AuditRow
}

// WithArrivals has a reader see the entries that have no place yet behind those that have
// one. Their places may be others in the next transaction.
func (r Reader) WithArrivals() Reader {
	r.arrived = &arrived{}
	return r
}

// seen gives the entries without a place, where this reader sees them, from a place on.
func (r Reader) seen(from int64) ([]store.AuditRow, error) {
	a := r.arrived
	if a == nil {
		return nil, nil
	}
	if !a.known {
		head, err := r.placed()
		if err != nil {
			return nil, err
		}
		entries, err := query.All(r.ctx, r.q, query.Value[[]byte], "SELECT entry FROM audit_arrival ORDER BY id")
		if err != nil {
			return nil, err
		}
		a.known, a.first = true, head.Size()
		for i, e := range entries {
			a.rows = append(a.rows, store.AuditRow{Seq: a.first + int64(i), Entry: e})
		}
	}
	return a.rows[min(max(from-a.first, 0), int64(len(a.rows))):], nil
}
