package storetest

import (
	"fmt"
	"time"

	"ostiary/internal/store"
)

// standings are the rows that an attempt may change, as text, by what they are of.
type standings map[string]string

func tokenStanding(next uint64, drift int64) string {
	return fmt.Sprint("next ", next, " drift ", drift)
}

func failing(failures int, retryAt time.Time) string {
	return fmt.Sprint("failures ", failures, " until ", retryAt.UTC())
}

// standings reads them for the proposals of an attempt, and all users.
func (r *rig) standings(a store.Attempt) standings {
	s := standings{}
	r.view(func(rd store.Reader) error {
		for _, p := range a.Proposals {
			found, err := rd.Tokens(store.TokenFilter{ID: p.ID})
			if err != nil {
				return err
			}
			for _, t := range found {
				s[fmt.Sprint("token ", p.ID)] = tokenStanding(t.Condition.Own(), t.Condition.Drift)
				s[fmt.Sprint("failures of ", p.ID)] = failing(t.Condition.Failures, t.Condition.RetryAt)
			}
			all, err := rd.Applications(p.ID)
			if err != nil {
				return err
			}
			for _, app := range all {
				s[fmt.Sprint("application ", p.ID, ".", app.Index)] = tokenStanding(app.Next, app.Drift)
			}
		}
		users, err := rd.Users("", 1000)
		for _, u := range users {
			if u.ID == a.UserID {
				s["user"] = failing(u.Failures, u.RetryAt)
			}
		}
		return err
	})
	return s
}

// told holds what an outcome tells of the rows against the rows before and after: by
// it alone, the ones follow from the others. So whoever reads the log can follow
// every row.
func (r *rig) told(a store.Attempt, o store.Outcome, before, after standings) {
	r.Helper()
	if o.Verdict == store.Stale {
		r.same("the rows after a stale attempt", after, before)
		return
	}
	now := standings{}
	for name, is := range before {
		now[name] = is
	}
	effects := o.Others
	if o.Index >= 0 && o.Counted {
		effects = append([]store.Effect{{Index: o.Index, Before: o.Before, Failures: o.Failures, RetryAt: o.RetryAt}},
			effects...)
	}
	for _, e := range effects {
		p := a.Proposals[e.Index]
		key := fmt.Sprint("token ", p.ID)
		if p.Application != 0 {
			key = fmt.Sprint("application ", p.ID, ".", p.Application)
		}
		failures := fmt.Sprint("failures of ", p.ID)
		r.same("what is told of "+key+" before", tokenStanding(e.Before.Next, e.Before.Drift), now[key])
		r.same("what is told of the failures before", failing(e.Before.Failures, e.Before.RetryAt), now[failures])
		if o.Verdict == store.Accepted {
			now[key], now[failures] = tokenStanding(p.Counter+1, p.Drift), failing(0, time.Time{})
		} else {
			now[failures] = failing(e.Failures, e.RetryAt)
		}
	}
	if o.UserBefore != o.UserAfter {
		r.same("what is told of the user before", failing(o.UserBefore.Failures, o.UserBefore.RetryAt), now["user"])
		now["user"] = failing(o.UserAfter.Failures, o.UserAfter.RetryAt)
	}
	r.same("the rows, as the outcome tells them", after, now)
}

// plain is an outcome without what told holds.
func plain(o store.Outcome) store.Outcome {
	o.Others, o.RetryAt, o.UserBefore, o.UserAfter = nil, time.Time{}, store.Standing{}, store.Standing{}
	return o
}
