package sqlite

import (
	"database/sql/driver"
	"fmt"

	"ostiary/internal/store"
	"ostiary/internal/store/decide"
)

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

// acceptApplication is Accept for a further application; args are those of the
// token's write.
func (r *hotRows) acceptApplication(a *store.Attempt, p *store.Proposal, before decide.Row, args []driver.Value) (
	won bool, err error) {
	if a.Proof {
		return false, nil
	}
	write := r.hot.applications.accept
	if a.UserID != 0 {
		write = r.hot.applications.acceptOwned
	}
	n, err := write.exec(append(args, int64(p.Application), int64(before.Next), before.Drift)...)
	if err != nil || n != 1 {
		return false, err
	}
	n, err = r.hot.applications.advance.exec(int64(p.Counter), p.Drift, int64(p.ID), int64(p.Application),
		int64(before.Next), before.Drift)
	if err == nil && n != 1 {
		err = fmt.Errorf("advance application %d of token %d: row changed inside the transaction", p.Application, p.ID)
	}
	return err == nil, err
}

// Application reads where the application of a proposal stands.
func (r *hotRows) Application(p *store.Proposal) (next uint64, drift int64, ok bool, err error) {
	var v [2]driver.Value
	if ok, err = r.hot.applications.position.row(v[:], int64(p.ID), int64(p.Application)); err != nil || !ok {
		return 0, 0, false, err
	}
	return uint64(v[0].(int64)), v[1].(int64), true, nil
}
