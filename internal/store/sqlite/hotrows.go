package sqlite

import (
	"database/sql/driver"
	"fmt"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/decide"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// hotRows are the rows of a batch's transaction.
type hotRows struct {
	hot     *hotStatements
	head    *audit.Frontier
	guard   *proof.Guard
	entries [][]byte // that were appended
}

var _ decide.Rows = (*hotRows)(nil)

func (r *hotRows) saveHead() error {
	row, err := r.guard.Leave(r.head, proof.HeadChange{})
	if err != nil {
		return err
	}
	_, err = r.hot.setHead.exec(row.Frontier, row.Record, row.MAC)
	return err
}

// Append appends an entry, and its hash to the head.
func (r *hotRows) Append(entry []byte) error {
	if _, err := r.hot.appendEntry.exec(r.head.Size(), entry); err != nil {
		return err
	}
	r.head.Append(entry)
	r.entries = append(r.entries, entry)
	return nil
}

// CountQuietly counts a refusal; the hash of the entry is forgotten.
func (r *hotRows) CountQuietly(caller string, entry []byte) error {
	r.head.Clone().Append(entry)
	_, err := r.hot.quiet.exec(caller)
	return err
}

// User reads a user.
func (r *hotRows) User(id int64) (u decide.User, err error) {
	var v [3]driver.Value
	if u.There, err = r.hot.user.row(v[:], id); err != nil || !u.There {
		return u, err
	}
	name, _ := v[2].(string)
	return decide.User{There: true, Name: name, Failures: int(v[0].(int64)), RetryAt: query.Time(v[1].(int64))}, nil
}

// Condition reads the condition of a token, and what its secret makes of it.
func (r *hotRows) Condition(id token.ID, spec token.Spec) (c token.Condition, ok bool, err error) {
	var v [11]driver.Value
	if ok, err = r.hot.condition.row(v[:], int64(id)); err != nil || !ok {
		return c, false, err
	}
	n := func(i int) int64 { return v[i].(int64) }
	c = token.Condition{
		Epoch: n(0), Next: uint64(n(1)), Drift: n(2), Failures: int(n(3)), RetryAt: query.Time(n(4)),
		State: tables.StateOf(n(5)), NotBefore: query.Time(n(6)), NotAfter: query.Time(n(7)),
		Owner: n(8), LastUsed: query.Time(n(9)),
	}
	if twin := token.Mark(n(10)); twin != 0 {
		err = r.share(&c, spec, twin)
	}
	return c, err == nil, err
}

// Accept runs the conditional write.
func (r *hotRows) Accept(a *store.Attempt, p *store.Proposal, before decide.Row, of decide.User) (won bool, err error) {
	now, used := query.Millis(a.Now), int64(0)
	if a.Authentication {
		used = now
	}
	write, user := r.hot.accept, int64(0)
	switch {
	case a.Proof:
		write = r.hot.prove
	case a.UserID != 0:
		write, user = r.hot.acceptOwned, a.UserID
	}
	c := &before.Condition
	args := [...]driver.Value{int64(p.Counter), p.Drift, now, int64(p.ID), p.Seen.Epoch, a.MostFailures(), used, user,
		int64(c.Own()), c.Drift, int64(c.Failures), query.Millis(c.RetryAt), query.Millis(c.LastUsed), c.Owner,
		query.Millis(a.LatestRetry(c.Failures)), query.Millis(a.LatestRetry(of.Failures))}
	switch {
	case p.Application != 0:
		return r.acceptApplication(a, p, before, args[:])
	case c.Shared.Mark != 0:
		return r.acceptShared(a, p, c.Shared, args[:])
	}
	n, err := write.exec(args[:]...)
	return n == 1, err
}

// CountFailure counts one of a token.
func (r *hotRows) CountFailure(p *store.Proposal, after token.Condition) error {
	n, err := r.hot.fail.exec(query.Millis(after.RetryAt), int64(p.ID), after.Epoch, int64(after.Own()),
		int64(after.Failures-1), int64(after.State))
	if err == nil && n != 1 {
		err = fmt.Errorf("count failure of token %d: row changed inside the transaction", p.ID)
	}
	return err
}

// ClearUser forgets a user's failures.
func (r *hotRows) ClearUser(id int64) error {
	_, err := r.hot.clear.exec(id)
	return err
}

// CountUserFailure counts one of a user.
func (r *hotRows) CountUserFailure(id int64, u decide.User, retryAt time.Time) error {
	n, err := r.hot.failUser.exec(query.Millis(retryAt), id, int64(u.Failures))
	if err == nil && n != 1 {
		err = fmt.Errorf("count failure of user %d: row changed inside the transaction", id)
	}
	return err
}

// UnusedTemporary reads a temporary code.
func (r *hotRows) UnusedTemporary(user int64, fingerprint []byte) (expires int64, tag []byte, err error) {
	var v [2]driver.Value
	_, err = r.hot.unusedTemporary.row(v[:], user, fingerprint)
	expires, _ = v[0].(int64)
	tag, _ = v[1].([]byte)
	return expires, tag, err
}

// UseTemporary runs the conditional write.
func (r *hotRows) UseTemporary(a *store.Attempt, tag []byte, user decide.User) (won bool, err error) {
	var must driver.Value
	if tag != nil {
		must = tag
	}
	n, err := r.hot.useTemporary.exec(query.Millis(a.Now), a.UserID, a.Temporary, a.MostFailures(), must,
		query.Millis(a.LatestRetry(user.Failures)))
	return n == 1, err
}

// Temporary reads what the user has.
func (r *hotRows) Temporary(user int64, fingerprint []byte, now time.Time) (known int64, works bool, err error) {
	var v [2]driver.Value
	if _, err := r.hot.temporary.row(v[:], user, fingerprint, query.Millis(now)); err != nil {
		return 0, false, err
	}
	return v[0].(int64), v[1].(int64) == 1, nil
}

// DecoyToken writes a row that means nothing.
func (r *hotRows) DecoyToken(now time.Time) error {
	_, err := r.hot.decoyToken.exec(query.Millis(now))
	return err
}

// DecoyUser writes a row that means nothing.
func (r *hotRows) DecoyUser(now time.Time) error {
	_, err := r.hot.decoyUser.exec(query.Millis(now))
	return err
}
