package sqlite

import (
	"database/sql/driver"
	"fmt"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// row is what a proposal is about: the token's condition, and where the key
// stands that the code was compared with. Of the token itself that is the same.
type row struct {
	condition token.Condition
	next      uint64
	drift     int64
}

// seen is the row as the judge saw it.
func seen(p *store.Proposal) row {
	if p.Application != 0 {
		return row{p.Seen, p.SeenNext, p.SeenDrift}
	}
	return row{p.Seen, p.Seen.Own(), p.Seen.Drift}
}

// besides is the row with all that a tag is over as it was seen, for that was
// checked: of the row as it is now, only what codes change is taken. That others came
// to hold the secret meanwhile only asks for more; that they hold it no more, or hold
// another, was not checked.
func (r row) besides(seen token.Condition) row {
	c := r.condition
	r.condition = seen
	r.condition.Next, r.condition.Drift, r.condition.Failures = c.Next, c.Drift, c.Failures
	r.condition.RetryAt, r.condition.LastUsed = c.RetryAt, c.LastUsed
	if seen.Shared.Mark == 0 || seen.Shared.Mark == c.Shared.Mark {
		r.condition.Shared = c.Shared
	}
	return r
}

// told is the row as an outcome tells it.
func (r row) told() token.Condition {
	c := r.condition
	c.Next, c.Drift = r.next, r.drift
	return c
}

// find reads the row of a proposal.
func (d *decision) find(p *store.Proposal) (r row, ok bool, err error) {
	c, ok, err := d.read(p.ID, p.Spec)
	r = row{c, c.Own(), c.Drift}
	if ok && p.Application != 0 {
		r.next, r.drift, ok, err = d.readApplication(p)
	}
	return r, ok, err
}

// The conditional write that accepts a code of a further application. It is that
// of a token (see acceptSQL) with the application's counter in place of the
// token's, and writes what an acceptance changes of the token; its row count is
// the verdict. Then the application advances, in the same transaction.
//
//	?1 to ?16 as in acceptSQL  ?17 index
//	?18, ?19  what the application is expected to hold
const (
	acceptApplicationSQL = "UPDATE condition SET " + renew + acceptable + `
	  AND state = 0
	  AND EXISTS (SELECT 1 FROM application a WHERE a.token = ?4 AND a.idx = ?17 AND a.mode = 1
	    AND a.next <= ?1 AND a.next = ?18 AND a.drift = ?19)`

	advanceApplicationSQL = `UPDATE application SET next = ?1 + 1, drift = ?2
	WHERE token = ?3 AND idx = ?4 AND next = ?5 AND drift = ?6`
)

type applicationStatements struct{ accept, acceptOwned, advance, position *statement }

func (s *applicationStatements) prepare(prepare func(text string, args int) *statement) {
	s.accept = prepare(acceptApplicationSQL, 19)
	s.acceptOwned = prepare(acceptApplicationSQL+ownedByUser, 19)
	s.advance = prepare(advanceApplicationSQL, 6)
	s.position = prepare("SELECT next, drift FROM application WHERE token = ?1 AND idx = ?2 AND mode = 1", 2)
}

// acceptApplication is tryAccept for a further application; args are those of the
// token's write.
func (d *decision) acceptApplication(a *store.Attempt, p *store.Proposal, before row, args []driver.Value) (
	won bool, err error) {
	if a.Proof {
		return false, nil
	}
	write := d.hot.applications.accept
	if a.UserID != 0 {
		write = d.hot.applications.acceptOwned
	}
	n, err := write.exec(append(args, int64(p.Application), int64(before.next), before.drift)...)
	if err != nil || n != 1 {
		return false, err
	}
	n, err = d.hot.applications.advance.exec(int64(p.Counter), p.Drift, int64(p.ID), int64(p.Application),
		int64(before.next), before.drift)
	if err == nil && n != 1 {
		err = fmt.Errorf("advance application %d of token %d: row changed inside the transaction", p.Application, p.ID)
	}
	return err == nil, err
}

// readApplication reads where the application of a proposal stands.
func (d *decision) readApplication(p *store.Proposal) (next uint64, drift int64, ok bool, err error) {
	var v [2]driver.Value
	if ok, err = d.hot.applications.position.row(v[:], int64(p.ID), int64(p.Application)); err != nil || !ok {
		return 0, 0, false, err
	}
	return uint64(v[0].(int64)), v[1].(int64), true, nil
}
