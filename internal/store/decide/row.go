package decide

import (
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// Row is what a proposal is about: the token's condition, and where the key
// stands that the code was compared with. Of the token itself that is the same.
type Row struct {
	Condition token.Condition
	Next      uint64
	Drift     int64
}

// Seen is the row as the judge saw it.
func Seen(p *store.Proposal) Row {
	if p.Application != 0 {
		return Row{p.Seen, p.SeenNext, p.SeenDrift}
	}
	return Row{p.Seen, p.Seen.Own(), p.Seen.Drift}
}

// besides is the row with all that a tag is over as it was seen, for that was
// checked: of the row as it is now, only what codes change is taken. That others came
// to hold the secret meanwhile only asks for more; that they hold it no more, or hold
// another, was not checked.
func (r Row) besides(seen token.Condition) Row {
	c := r.Condition
	r.Condition = seen
	r.Condition.Next, r.Condition.Drift, r.Condition.Failures = c.Next, c.Drift, c.Failures
	r.Condition.RetryAt, r.Condition.LastUsed = c.RetryAt, c.LastUsed
	if seen.Shared.Mark == 0 || seen.Shared.Mark == c.Shared.Mark {
		r.Condition.Shared = c.Shared
	}
	return r
}

// told is the row as an outcome tells it.
func (r Row) told() token.Condition {
	c := r.Condition
	c.Next, c.Drift = r.Next, r.Drift
	return c
}

// find reads the row of a proposal.
func (b *Batch) find(p *store.Proposal) (r Row, ok bool, err error) {
	c, ok, err := b.Rows.Condition(p.ID, p.Spec)
	r = Row{c, c.Own(), c.Drift}
	if ok && p.Application != 0 {
		r.Next, r.Drift, ok, err = b.Rows.Application(p)
	}
	return r, ok, err
}
