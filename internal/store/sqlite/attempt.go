package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/proof"
	"ostiary/internal/store/query"
	"ostiary/internal/store/tables"
)

// errConnection marks errors after which the connection is of no more use: a
// transaction that did not begin, commit or roll back.
var errConnection = errors.New("connection lost")

// decide runs the attempts of a batch in one transaction. On an error nothing
// of it is in the database, unless a commit failed: then only the database
// knows, and the error is errConnection.
func (w *writer) decide(batch []*job) error {
	if err := w.connect(); err != nil {
		return err
	}
	var changed []changedCondition
	var users []string
	err := w.conn.Raw(func(any) (err error) {
		changed, users, err = w.transact(batch)
		return err
	})
	if err != nil {
		return err
	}
	w.health.succeeds()
	w.cache.forget(tables.Touched{Names: users})
	for _, c := range changed {
		w.cache.raise(c)
		if c.proven {
			w.cache.forget(tables.Touched{Tokens: []token.ID{c.id}})
			continue
		}
		w.cache.set(c)
	}
	return nil
}

type changedCondition struct {
	id        token.ID
	condition token.Condition
	proven    bool       // its state and epoch have changed as well
	advanced  token.Spec // of a token whose code moved the floor of its secret
	// application is the further application that has advanced to next and drift;
	// 0 if none has.
	application int
	next        uint64
	drift       int64
}

// transact gives what it changed: conditions of tokens, and users by name.
func (w *writer) transact(batch []*job) (changed []changedCondition, users []string, err error) {
	h := w.hot
	if _, err := h.begin.exec(); err != nil {
		return nil, nil, fmt.Errorf("%w: begin: %w", errConnection, err)
	}
	begun, committing := true, false
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic while deciding: %v", r)
		}
		if err != nil && begun {
			if !committing {
				w.guard.Undone()
			}
			if _, rerr := h.rollback.exec(); rerr != nil {
				// A connection that is still in a transaction serves nobody.
				err = fmt.Errorf("%w: %w; and the rollback: %w", errConnection, err, rerr)
			}
		}
	}()
	found, err := h.enter(w.guard)
	if err != nil {
		return nil, nil, err
	}
	head := &audit.Frontier{}
	if err := head.UnmarshalBinary(found.Frontier); err != nil {
		return nil, nil, err
	}
	first := head.Size()
	d := decision{hot: h, head: head, guard: w.guard, spent: &w.spent}
	for _, j := range batch {
		if j.outcome, err = d.one(j.attempt); err != nil {
			return nil, nil, err
		}
	}
	if err := d.saveHead(); err != nil {
		return nil, nil, err
	}
	committing = true
	if w.testOnlyCommit != nil {
		if err := w.testOnlyCommit(); err != nil {
			return nil, nil, fmt.Errorf("%w: %w: %w", errConnection, errCommit, err)
		}
	}
	if _, err := h.commit.exec(); err != nil {
		return nil, nil, fmt.Errorf("%w: %w: %w", errConnection, errCommit, err)
	}
	begun = false
	w.guard.Settle()
	d.spending.Now = batch[0].attempt.Now
	w.spent.settle(d.spending)
	w.tail.Append(first, d.entries)
	return d.changed, d.users, nil
}

// decision is the state of a batch's transaction.
type decision struct {
	hot   *hotStatements
	head  *audit.Frontier
	guard *proof.Guard
	// forgedTemporary says that the temporary code of the attempt that is being
	// decided does not carry its tag.
	forgedTemporary bool
	// user is whose code the attempt is that is being decided; none, if nobody's.
	user     userCondition
	spent    *spent
	spending tables.Spending

	changed []changedCondition
	users   []string // names of those whose failures were changed
	entries [][]byte // that were appended
}

func (d *decision) saveHead() error {
	row, err := d.guard.Leave(d.head, proof.HeadChange{})
	if err != nil {
		return err
	}
	_, err = d.hot.setHead.exec(row.Frontier, row.Record, row.MAC)
	return err
}

// one decides one attempt and records it.
func (d *decision) one(a *store.Attempt) (store.Outcome, error) {
	o, err := d.judge(a)
	if err != nil || o.Verdict == store.Stale {
		return o, err
	}
	entry := a.Record(o)
	if a.QuietFor != "" && o.Verdict == store.Refused && !o.Counted {
		d.head.Clone().Append(entry) // and is forgotten
		_, err := d.hot.quiet.exec(a.QuietFor)
		return o, err
	}
	if _, err := d.hot.appendEntry.exec(d.head.Size(), entry); err != nil {
		return o, err
	}
	d.head.Append(entry)
	d.entries = append(d.entries, entry)
	return o, nil
}

func (d *decision) judge(a *store.Attempt) (store.Outcome, error) {
	d.user = userCondition{}
	switch {
	case a.UserID != 0:
		var err error
		if d.user, err = d.readUser(a.UserID); err != nil {
			return store.Outcome{}, err
		}
		// Whoever was renamed is not whom the code was presented for.
		if !d.user.there || a.UserName != "" && d.user.name != a.UserName {
			return store.Outcome{Verdict: store.Stale}, nil
		}
	case a.UserName != "":
		if _, err := d.readUser(standIn(a).User); err != nil {
			return store.Outcome{}, err
		}
	}
	if o, decided, err := d.accept(a); decided || err != nil {
		return o, err
	}
	if a.Temporary != nil {
		if o, decided, err := d.acceptTemporary(a); decided || err != nil {
			return o, err
		}
	}
	return d.refuse(a)
}

// accept tries the conditional write for each match. Every token and application
// that the code is right for advances, so that two records of one secret do not
// take it twice.
func (d *decision) accept(a *store.Attempt) (o store.Outcome, decided bool, err error) {
	if a.UserID != 0 && a.UserRefusal(d.user.standing()) != token.NoReason {
		return o, false, nil // the write would find the same, and a right code would take longer
	}
	for i := range a.Proposals {
		p := &a.Proposals[i]
		// The state and the dates that were seen are those that the tag was checked
		// with; the write looks at what the row has now. What was seen to take no code is
		// not written to, so that the time of a refusal does not tell a right code; where
		// it takes one now, it is judged again.
		if !p.Matched || a.Refusal(p.Seen) != token.NoReason {
			continue
		}
		if a.Proof {
			// The write changes what the tag is over; it must not vouch for more.
			if right, err := d.rightToken(p.ID); err != nil || !right {
				return o, false, err
			}
		}
		// Seen is most often the row as it is. Where it is not, the code may
		// still be good, and the log and the cache are to hear of the row that
		// the write found.
		before, ok := seen(p), true
		won, err := d.tryAccept(a, p, before)
		if err == nil && !won {
			if before, ok, err = d.find(p); err == nil && ok {
				before = before.besides(p.Seen)
				if before.drift == token.TwoCodes {
					continue // it was not asked for two when it was judged
				}
				won, err = d.tryAccept(a, p, before)
			}
		}
		if err != nil {
			return o, false, err
		}
		if !won {
			continue
		}
		if a.Proof {
			if err := d.retag(p.ID); err != nil {
				return o, false, err
			}
		}
		if !decided {
			o = store.Outcome{Verdict: store.Accepted, Index: i, Before: before.told(), Counted: true}
			decided = true
		} else {
			o.Others = append(o.Others, store.Effect{Index: i, Before: before.told()})
		}
		d.changed = append(d.changed, accepted(a, p, before.condition))
	}
	if decided && a.UserID != 0 {
		if err := d.clearUser(a, &o); err != nil {
			return o, false, err
		}
	}
	return o, decided, nil
}

// clearUser forgets the failures of a user whose code was right, and tells what they
// were.
func (d *decision) clearUser(a *store.Attempt, o *store.Outcome) error {
	if d.user.failures == 0 && d.user.retryAt == 0 {
		return nil
	}
	o.UserBefore = d.user.standing()
	_, err := d.hot.clear.exec(a.UserID)
	d.users = append(d.users, d.user.name)
	return err
}

// accepted is what an acceptance makes of a condition and of the application that
// the code was of.
func accepted(a *store.Attempt, p *store.Proposal, c token.Condition) changedCondition {
	c.Failures, c.RetryAt = 0, time.Time{}
	if now := query.Time(query.Millis(a.Now)); a.Authentication && now.After(c.LastUsed) {
		c.LastUsed = now
	}
	if p.Application != 0 {
		return changedCondition{id: p.ID, condition: c, application: p.Application, next: p.Counter + 1, drift: p.Drift}
	}
	c.Use(p.Spec, p.Counter, p.Drift)
	return changedCondition{id: p.ID, condition: c, proven: a.Proof, advanced: p.Spec}
}

// tryAccept runs the conditional write on a row that stands as in before.
func (d *decision) tryAccept(a *store.Attempt, p *store.Proposal, before row) (won bool, err error) {
	now, used := query.Millis(a.Now), int64(0)
	if a.Authentication {
		used = now
	}
	write, user := d.hot.accept, int64(0)
	switch {
	case a.Proof:
		write = d.hot.prove
	case a.UserID != 0:
		write, user = d.hot.acceptOwned, a.UserID
	}
	c := &before.condition
	args := [...]driver.Value{int64(p.Counter), p.Drift, now, int64(p.ID), p.Seen.Epoch, a.MostFailures(), used, user,
		int64(c.Own()), c.Drift, int64(c.Failures), query.Millis(c.RetryAt), query.Millis(c.LastUsed), c.Owner,
		query.Millis(a.LatestRetry(c.Failures)), query.Millis(a.LatestRetry(d.user.failures))}
	switch {
	case p.Application != 0:
		return d.acceptApplication(a, p, before, args[:])
	case c.Shared.Mark != 0:
		return d.acceptShared(a, p, c.Shared, args[:])
	}
	n, err := write.exec(args[:]...)
	return n == 1, err
}

// refuse reads the rows as they are now, and either counts the failure or finds
// that the judgement is out of date. Whatever the reason, as much is read and written:
// see store.Attempt.
func (d *decision) refuse(a *store.Attempt) (store.Outcome, error) {
	o := store.Outcome{Index: -1}
	now, there, err := d.rows(a)
	if err != nil {
		return o, err
	}
	byUser := token.NoReason
	if a.UserID != 0 {
		byUser = a.UserRefusal(d.user.standing())
	}
	if !there || byUser == token.NoReason && outdated(a, now) {
		return store.Outcome{Verdict: store.Stale}, nil
	}
	failures, err := d.countFailures(a, now, byUser, &o)
	if err != nil {
		return o, err
	}
	for range max(different(a.Proposals), 1) - failures {
		if _, err := d.hot.decoyToken.exec(query.Millis(a.Now)); err != nil {
			return o, err
		}
	}
	if a.Temporary != nil {
		if err := d.refuseTemporary(a, byUser, &o); err != nil {
			return o, err
		}
	}
	switch {
	case a.UserID == 0 && a.UserName == "":
		return o, nil
	case o.Counted && a.UserID != 0:
		return o, d.countUserFailure(a, &o)
	}
	_, err = d.hot.decoyUser.exec(query.Millis(a.Now))
	return o, err
}

// rows reads what the proposals are about, or the stand-in if there are none. there is
// false if a row is gone, or is not the user's.
func (d *decision) rows(a *store.Attempt) (now []row, there bool, err error) {
	if len(a.Proposals) == 0 {
		c := standIn(a).Candidate.Token
		_, _, err := d.read(c.ID, c.Spec)
		return nil, true, err
	}
	now = make([]row, len(a.Proposals))
	for i := range a.Proposals {
		r, ok, err := d.find(&a.Proposals[i])
		if err != nil || !ok || (a.UserID != 0 && r.condition.Owner != a.UserID) {
			return nil, false, err
		}
		now[i] = r
	}
	return now, true, nil
}

func standIn(a *store.Attempt) store.StandIn {
	if a.StandIn == nil {
		return store.StandIn{}
	}
	return *a.StandIn
}

// countFailures counts one for each token that takes codes and was tested, gives how many
// they are, and says of which proposal the outcome is. Where the user takes none, no token
// counts any.
func (d *decision) countFailures(a *store.Attempt, now []row, byUser token.Reason, o *store.Outcome) (
	n int, err error) {
	for i := range a.Proposals {
		p, c := &a.Proposals[i], now[i].condition
		refusal := byUser
		if refusal == token.NoReason {
			refusal = a.Refusal(c)
		}
		if i == 0 || (o.Refusal != token.NoReason && refusal == token.NoReason) {
			o.Index, o.Before, o.Failures, o.Refusal = i, now[i].told(), c.Failures, refusal
			o.RetryAt = c.RetryAt
		}
		if !p.Tested || refusal != token.NoReason || counted(a.Proposals[:i], p.ID) {
			continue
		}
		after, err := d.countFailure(a, p, c)
		if err != nil {
			return n, err
		}
		n++
		o.Counted = true
		if a.Proposals[o.Index].ID == p.ID {
			o.Failures, o.RetryAt = after.Failures, after.RetryAt
			continue
		}
		o.Others = append(o.Others, store.Effect{Index: i, Before: now[i].told(), Failures: after.Failures,
			RetryAt: after.RetryAt})
	}
	if byUser != token.NoReason {
		o.Refusal = byUser
	}
	return n, nil
}

// different is of how many tokens the proposals are.
func different(ps []store.Proposal) (n int) {
	for i := range ps {
		if !slices.ContainsFunc(ps[:i], func(p store.Proposal) bool { return p.ID == ps[i].ID }) {
			n++
		}
	}
	return n
}

// counted reports whether these proposals have counted a failure of a token that
// takes codes.
func counted(ps []store.Proposal, id token.ID) bool {
	return slices.ContainsFunc(ps, func(p store.Proposal) bool { return p.ID == id && p.Tested })
}

// outdated reports whether a row that takes codes is not as the judge saw it,
// which may have taken none then. A row that takes none refuses whatever the
// judgement was.
func outdated(a *store.Attempt, now []row) bool {
	for i, r := range now {
		p, c := &a.Proposals[i], r.condition
		if a.Refusal(c) != token.NoReason {
			continue
		}
		if c.State != p.Seen.State {
			return true
		}
		if !p.Tested {
			continue
		}
		if was := seen(p); p.Matched || c.Epoch != p.Seen.Epoch || r.next != was.next || r.drift != was.drift ||
			p.Application == 0 && c.Shared != p.Seen.Shared {
			return true
		}
	}
	return false
}

// countFailure counts one, and gives the condition with it.
func (d *decision) countFailure(a *store.Attempt, p *store.Proposal, c token.Condition) (token.Condition, error) {
	before := c.Failures
	c.Failures++
	c.RetryAt = retryAt(a, c.Failures)
	n, err := d.hot.fail.exec(query.Millis(c.RetryAt), int64(p.ID), c.Epoch, int64(c.Own()), int64(before), int64(c.State))
	if err != nil {
		return c, err
	}
	if n != 1 {
		return c, fmt.Errorf("count failure of token %d: row changed inside the transaction", p.ID)
	}
	d.changed = append(d.changed, changedCondition{id: p.ID, condition: c})
	return c, nil
}

func retryAt(a *store.Attempt, failures int) time.Time {
	if wait := a.Delay(failures); wait > 0 {
		return query.Time(query.Millis(a.Now.Add(wait)))
	}
	return time.Time{}
}

type userCondition struct {
	there    bool
	name     string
	failures int
	retryAt  int64
}

func (u userCondition) standing() store.Standing {
	return store.Standing{Failures: u.failures, RetryAt: query.Time(u.retryAt)}
}

func (d *decision) readUser(id int64) (u userCondition, err error) {
	var v [3]driver.Value
	if u.there, err = d.hot.user.row(v[:], id); err != nil || !u.there {
		return u, err
	}
	name, _ := v[2].(string)
	return userCondition{there: true, name: name, failures: int(v[0].(int64)), retryAt: v[1].(int64)}, nil
}

func (d *decision) countUserFailure(a *store.Attempt, o *store.Outcome) error {
	u := d.user
	o.UserBefore = u.standing()
	o.UserAfter = store.Standing{Failures: u.failures + 1, RetryAt: retryAt(a, u.failures+1)}
	d.users = append(d.users, u.name)
	n, err := d.hot.failUser.exec(query.Millis(o.UserAfter.RetryAt), a.UserID, int64(u.failures))
	if err == nil && n != 1 {
		err = fmt.Errorf("count failure of user %d: row changed inside the transaction", a.UserID)
	}
	return err
}

// read reads the condition of a token, and what its secret makes of it.
func (d *decision) read(id token.ID, spec token.Spec) (c token.Condition, ok bool, err error) {
	var v [11]driver.Value
	if ok, err = d.hot.condition.row(v[:], int64(id)); err != nil || !ok {
		return c, false, err
	}
	n := func(i int) int64 { return v[i].(int64) }
	c = token.Condition{
		Epoch: n(0), Next: uint64(n(1)), Drift: n(2), Failures: int(n(3)), RetryAt: query.Time(n(4)),
		State: tables.StateOf(n(5)), NotBefore: query.Time(n(6)), NotAfter: query.Time(n(7)),
		Owner: n(8), LastUsed: query.Time(n(9)),
	}
	if twin := token.Mark(n(10)); twin != 0 {
		err = d.share(&c, spec, twin)
	}
	return c, err == nil, err
}
