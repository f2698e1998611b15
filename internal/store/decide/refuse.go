package decide

import (
	"slices"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
	"ostiary/internal/store/query"
)

// refuse reads the rows as they are now, and either counts the failure or finds
// that the judgement is out of date. Whatever the reason, as much is read and written:
// see store.Attempt.
func (b *Batch) refuse(a *store.Attempt) (store.Outcome, error) {
	o := store.Outcome{Index: -1}
	now, there, err := b.rows(a)
	if err != nil {
		return o, err
	}
	byUser := token.NoReason
	if a.UserID != 0 {
		byUser = a.UserRefusal(b.user.Standing())
	}
	if !there || byUser == token.NoReason && outdated(a, now) {
		return store.Outcome{Verdict: store.Stale}, nil
	}
	failures, err := b.countFailures(a, now, byUser, &o)
	if err != nil {
		return o, err
	}
	token, user := decoyed(a)
	for range max(different(a.Proposals), 1) - failures {
		if err := b.Rows.DecoyToken(token, a.Now); err != nil {
			return o, err
		}
		b.Decoyed = append(b.Decoyed, decoyedToken(token))
		token++
	}
	if a.Temporary != nil {
		if err := b.refuseTemporary(a, byUser, &o); err != nil {
			return o, err
		}
	}
	switch {
	case a.UserID == 0 && a.UserName == "":
		return o, nil
	case o.Counted && a.UserID != 0:
		return o, b.countUserFailure(a, &o)
	}
	b.DecoyedUsers = append(b.DecoyedUsers, a.UserName)
	return o, b.Rows.DecoyUser(user, a.Now)
}

func decoyedToken(id int64) Changed {
	return Changed{ID: token.ID(id), Condition: token.Condition{Failures: 1}}
}

// decoyed gives the numbers of a token and of a user of an attempt, or of their stand-ins.
func decoyed(a *store.Attempt) (token, user int64) {
	token, user = int64(standIn(a).Candidate.Token.ID), a.UserID
	if len(a.Proposals) > 0 {
		token = int64(a.Proposals[0].ID)
	}
	if user == 0 {
		user = standIn(a).User
	}
	return token, user
}

// rows reads what the proposals are about, or the stand-in if there are none. there is
// false if a row is gone, or is not the user's.
func (b *Batch) rows(a *store.Attempt) (now []Row, there bool, err error) {
	if len(a.Proposals) == 0 {
		c := standIn(a).Candidate.Token
		_, _, err := b.Rows.Condition(c.ID, c.Spec)
		return nil, true, err
	}
	now = make([]Row, len(a.Proposals))
	for i := range a.Proposals {
		r, ok, err := b.find(&a.Proposals[i])
		if err != nil || !ok || (a.UserID != 0 && r.Condition.Owner != a.UserID) {
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
func (b *Batch) countFailures(a *store.Attempt, now []Row, byUser token.Reason, o *store.Outcome) (
	n int, err error) {
	for i := range a.Proposals {
		p, c := &a.Proposals[i], now[i].Condition
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
		after, err := b.countFailure(a, p, c)
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
func outdated(a *store.Attempt, now []Row) bool {
	for i, r := range now {
		p, c := &a.Proposals[i], r.Condition
		if a.Refusal(c) != token.NoReason {
			continue
		}
		if c.State != p.Seen.State {
			return true
		}
		if !p.Tested {
			continue
		}
		if was := Seen(p); p.Matched || c.Epoch != p.Seen.Epoch || r.Next != was.Next || r.Drift != was.Drift ||
			p.Application == 0 && c.Shared != p.Seen.Shared {
			return true
		}
	}
	return false
}

// countFailure counts one, and gives the condition with it.
func (b *Batch) countFailure(a *store.Attempt, p *store.Proposal, c token.Condition) (token.Condition, error) {
	c.Failures++
	c.RetryAt = retryAt(a, c.Failures)
	if err := b.Rows.CountFailure(p, c); err != nil {
		return c, err
	}
	b.Changed = append(b.Changed, Changed{ID: p.ID, Condition: c})
	return c, nil
}

func retryAt(a *store.Attempt, failures int) time.Time {
	if wait := a.Delay(failures); wait > 0 {
		return query.Time(query.Millis(a.Now.Add(wait)))
	}
	return time.Time{}
}

func (b *Batch) countUserFailure(a *store.Attempt, o *store.Outcome) error {
	u := b.user
	o.UserBefore = u.Standing()
	o.UserAfter = store.Standing{Failures: u.Failures + 1, RetryAt: retryAt(a, u.Failures+1)}
	b.Users = append(b.Users, u.Name)
	return b.Rows.CountUserFailure(a.UserID, u, o.UserAfter.RetryAt)
}
