package decide

import (
	"errors"
	"fmt"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
	"time"
)

// Executor runs statements in a transaction.
type Executor interface {
	// Exec gives the number of rows that were changed.
	Exec(s *Statement, args ...any) (int64, error)
	// Row reads the first row: each value is an int64, a string, a []byte or nil. ok is false
	// if there is none.
	Row(s *Statement, dest []any, args ...any) (ok bool, err error)
}

// Log is where entries go.
type Log interface {
	// Append appends an entry to the log.
	Append(entry []byte) error
	// AppendQuietly does so with that of a refusal of a caller who has too many. Unless it
	// stays, it is taken away again, and the refusal is counted beside the log.
	AppendQuietly(caller string, entry []byte, stays bool) error
}

// Stored are the Rows of a database that runs Statements.
type Stored struct {
	Executor
	Log
	Guard *proof.Guard

	args [19]any // of the statement that accepts a code
}

var _ Rows = (*Stored)(nil)

// User reads a user.
func (r *Stored) User(id int64) (u User, err error) {
	var v [3]any
	if u.There, err = r.Row(user, v[:], id); err != nil || !u.There {
		return u, err
	}
	name, _ := v[2].(string)
	return User{There: true, Name: name, Failures: int(v[0].(int64)), RetryAt: query.Time(v[1].(int64))}, nil
}

// Condition reads the condition of a token, and what its secret makes of it.
func (r *Stored) Condition(id token.ID, spec token.Spec) (c token.Condition, ok bool, err error) {
	var v [11]any
	if ok, err = r.Row(condition, v[:], int64(id)); err != nil || !ok {
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
func (r *Stored) Accept(a *store.Attempt, p *store.Proposal, before Row, of User) (won bool, err error) {
	write := accept
	switch {
	case a.Proof:
		write = prove
	case a.UserID != 0:
		write = acceptOwned
	}
	c := &before.Condition
	numbers := demands(a, p, c, of)
	args := r.args[:len(numbers)]
	for i, n := range numbers {
		args[i] = n
	}
	switch {
	case p.Application != 0:
		return r.acceptApplication(a, p, before, args)
	case c.Shared.Mark != 0:
		return r.acceptShared(a, p, c.Shared, args)
	}
	n, err := r.Exec(write, args...)
	return n == 1, err
}

// demands are the arguments ?1 to ?16 of the conditional write.
func demands(a *store.Attempt, p *store.Proposal, c *token.Condition, of User) [16]int64 {
	now, used, owner := query.Millis(a.Now), int64(0), int64(0)
	if a.Authentication {
		used = now
	}
	if !a.Proof {
		owner = a.UserID
	}
	return [...]int64{int64(p.Counter), p.Drift, now, int64(p.ID), p.Seen.Epoch, a.MostFailures(), used, owner,
		int64(c.Own()), c.Drift, int64(c.Failures), query.Millis(c.RetryAt), query.Millis(c.LastUsed), c.Owner,
		query.Millis(a.LatestRetry(c.Failures)), query.Millis(a.LatestRetry(of.Failures))}
}

// CountFailure counts one of a token.
func (r *Stored) CountFailure(p *store.Proposal, after token.Condition) error {
	n, err := r.Exec(countFailure, query.Millis(after.RetryAt), int64(p.ID), after.Epoch, int64(after.Own()),
		int64(after.Failures-1), int64(after.State))
	if err == nil && n != 1 {
		err = fmt.Errorf("count failure of token %d: %w", p.ID, ErrOvertaken)
	}
	return err
}

// ClearUser forgets a user's failures.
func (r *Stored) ClearUser(id int64) error {
	_, err := r.Exec(clearUser, id)
	return err
}

// CountUserFailure counts one of a user.
func (r *Stored) CountUserFailure(id int64, u User, retryAt time.Time) error {
	n, err := r.Exec(countUserFailure, query.Millis(retryAt), id, int64(u.Failures))
	if err == nil && n != 1 {
		err = fmt.Errorf("count failure of user %d: %w", id, ErrOvertaken)
	}
	return err
}

// UnusedTemporary reads a temporary code.
func (r *Stored) UnusedTemporary(of int64, fingerprint []byte) (expires int64, tag []byte, err error) {
	var v [2]any
	_, err = r.Row(unusedTemporary, v[:], of, fingerprint)
	expires, _ = v[0].(int64)
	tag, _ = v[1].([]byte)
	return expires, tag, err
}

// UseTemporary runs the conditional write.
func (r *Stored) UseTemporary(a *store.Attempt, tag []byte, of User) (won bool, err error) {
	var must any
	if tag != nil {
		must = tag
	}
	n, err := r.Exec(useTemporary, query.Millis(a.Now), a.UserID, a.Temporary, a.MostFailures(), must,
		query.Millis(a.LatestRetry(of.Failures)))
	return n == 1, err
}

// Temporary reads what the user has.
func (r *Stored) Temporary(of int64, fingerprint []byte, now time.Time) (known int64, works bool, err error) {
	var v [2]any
	if _, err := r.Row(temporary, v[:], of, fingerprint, query.Millis(now)); err != nil {
		return 0, false, err
	}
	return v[0].(int64), v[1].(int64) == 1, nil
}

// DecoyToken writes a row that means nothing.
func (r *Stored) DecoyToken(of int64, now time.Time) error {
	d := decoy(of)
	_, err := r.Exec(DecoyToken, query.Millis(now), d, d, d, d, d)
	return err
}

// DecoyUser writes a row that means nothing.
func (r *Stored) DecoyUser(of int64, now time.Time) error {
	d := decoy(of)
	_, err := r.Exec(DecoyUser, query.Millis(now), d, d)
	return err
}

// decoy is the number of the row that is written in the place of the one with this number.
func decoy(of int64) int64 { return 1 + of%Decoys }

// acceptApplication is Accept for a further application; args are those of the
// token's write.
func (r *Stored) acceptApplication(a *store.Attempt, p *store.Proposal, before Row, args []any) (
	won bool, err error) {
	if a.Proof {
		return false, nil
	}
	write := acceptApplication
	if a.UserID != 0 {
		write = acceptOwnedApplication
	}
	n, err := r.Exec(write, append(args, int64(p.Application), int64(before.Next), before.Drift)...)
	if err != nil || n != 1 {
		return false, err
	}
	n, err = r.Exec(advanceApplication, int64(p.Counter), p.Drift, int64(p.ID), int64(p.Application),
		int64(before.Next), before.Drift)
	if err == nil && n != 1 {
		err = fmt.Errorf("advance application %d of token %d: %w", p.Application, p.ID, ErrOvertaken)
	}
	return err == nil, err
}

// Application reads where the application of a proposal stands.
func (r *Stored) Application(p *store.Proposal) (next uint64, drift int64, ok bool, err error) {
	var v [2]any
	if ok, err = r.Row(application, v[:], int64(p.ID), int64(p.Application)); err != nil || !ok {
		return 0, 0, false, err
	}
	return uint64(v[0].(int64)), v[1].(int64), true, nil
}

// acceptShared is Accept for a token whose secret others hold, too; args are those
// of the write for one that has it to itself.
func (r *Stored) acceptShared(a *store.Attempt, p *store.Proposal, seen token.Shared, args []any) (
	won bool, err error) {
	kind := sharedEvents
	if p.Spec.Timed() {
		kind = sharedSeconds
	}
	write := kind.accept
	switch {
	case a.Proof:
		write = kind.prove
	case a.UserID != 0:
		write = kind.acceptOwned
	}
	n, err := r.Exec(write, append(args, int64(seen.Mark), p.Spec.Begins(p.Counter), seen.Floor)...)
	if err != nil || n != 1 {
		return false, err
	}
	n, err = r.Exec(kind.advance, p.Spec.Begins(p.Counter+1), int64(seen.Mark), seen.Floor)
	if err == nil && n != 1 {
		err = fmt.Errorf("advance the secret of token %d: %w", p.ID, ErrOvertaken)
	}
	return err == nil, err
}

// share puts the floor of a secret into a condition. Where the floor is gone, somebody
// took it away: no write finds one, so no code of the secret is accepted.
func (r *Stored) share(c *token.Condition, spec token.Spec, mark token.Mark) error {
	var v [3]any
	ok, err := r.Row(floor, v[:], int64(mark))
	if err != nil {
		return err
	}
	if !ok {
		if !r.Guard.Begun() {
			return fmt.Errorf("the secret of mark %s has no floor", mark)
		}
		_ = r.Guard.Forged(proof.SecretTable, mark.String()) // the alarm
		c.Share(spec, mark, token.Floor{})
		return nil
	}
	c.Share(spec, mark, token.Floor{Events: v[0].(int64), Seconds: v[1].(int64), Both: v[2].(int64) != 0})
	return nil
}

// readTagged reads the tag of a token and what it is over.
func (r *Stored) readTagged(id token.ID) (tag []byte, text proof.Text, err error) {
	values := make([]any, 1+proof.TokenTable.Width())
	ok, err := r.Row(TaggedToken, values, int64(id))
	if err == nil && !ok {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, nil, fmt.Errorf("token %d: %w", id, err)
	}
	tag, _ = values[0].([]byte)
	text, err = proof.TextOf(values[1:])
	return tag, text, err
}

// Right reports whether a token carries its tag.
func (r *Stored) Right(id token.ID) (bool, error) {
	if !r.Guard.Begun() {
		return true, nil
	}
	tag, text, err := r.readTagged(id)
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	right := err != nil || r.Guard.Right(proof.TokenTable.Name, tag, func() []byte { return text })
	if !right {
		_ = r.Guard.Forged(proof.TokenTable.Name, fmt.Sprint(id)) // the alarm; the code is judged anew, and refused
	}
	return right, err
}

// Retag writes the tag of a token that its first code has proven.
func (r *Stored) Retag(id token.ID) error {
	keys := r.Guard.Keys()
	if keys == nil {
		return nil
	}
	_, text, err := r.readTagged(id)
	if err != nil {
		return err
	}
	_, err = r.Exec(tagToken, keys.Tag(proof.TokenTable.Name, text), int64(id))
	return err
}
