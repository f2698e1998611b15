package codes

import (
	"slices"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/peer"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// record makes the audit entry of an outcome.
func record(r Request, found store.Found, j judgement, missing token.Reason, now time.Time,
	o store.Outcome) audit.Entry {
	e := audit.Entry{Time: now, Action: j.action, Outcome: audit.Refused, Origin: r.Origin,
		Subject: audit.Subject{Serial: r.Lookup.Serial, User: r.Lookup.User}}
	if o.Index >= 0 {
		id := j.proposals[o.Index].ID
		of := slices.IndexFunc(found.Candidates, func(c store.Candidate) bool { return c.Token.ID == id })
		e.Subject = audit.SubjectOf(found.Candidates[of].Token)
		if r.Lookup.User != "" {
			e.Subject.User = r.Lookup.User
		}
	}
	switch {
	case o.Temporary:
		e.Outcome = audit.Accepted
		e.After = []audit.Field{{Name: "authentication", Value: j.authentication},
			{Name: "code", Value: audit.Mark(j.temporary)}, {Name: "temporary", Value: true}}
	case o.Verdict == store.Accepted:
		recordAccepted(&e, found, j, o)
	default:
		e.Reason = refusalReason(j, missing, o)
		recordFailures(&e, found, j, o)
	}
	if o.UserBefore != o.UserAfter {
		e.Before = append(e.Before, userFields(o.UserBefore)...)
		e.After = append(e.After, userFields(o.UserAfter)...)
	}
	if r.Client != "" {
		e.After = append(e.After, audit.Field{Name: "client", Value: r.Client})
	}
	return e
}

func refusalReason(j judgement, missing token.Reason, o store.Outcome) string {
	switch {
	case o.Index >= 0 && j.reason(o.Index) == token.RowForged:
		return string(token.RowForged)
	case o.Refusal != token.NoReason:
		return string(o.Refusal)
	case missing != token.NoReason:
		return string(missing)
	case o.Index >= 0:
		return string(j.reason(o.Index))
	}
	return ""
}

// recordAccepted tells of all keys that the code advanced.
func recordAccepted(e *audit.Entry, found store.Found, j judgement, o store.Outcome) {
	e.Outcome = audit.Accepted
	e.Before, e.After = advanced(j, o.Index, o.Before)
	e.After = append(e.After, audit.Field{Name: "authentication", Value: j.authentication})
	if j.wide {
		e.After = append(e.After, audit.Field{Name: "resynchronise", Value: true})
	}
	for _, other := range o.Others {
		c := audit.Change{Subject: further(found, j, o.Index, other.Index)}
		c.Before, c.After = advanced(j, other.Index, other.Before)
		e.Also = append(e.Also, c)
	}
}

// advanced is what an acceptance changed of the key of a proposal.
func advanced(j judgement, index int, before token.Condition) (was, is []audit.Field) {
	p := &j.proposals[index]
	if p.Application != 0 {
		before.Shared = token.Shared{} // that is of the token's own secret
	}
	was = append(audit.FailureFields(before), audit.CounterFields(before)...)
	was = append(was, audit.Field{Name: "epoch", Value: before.Epoch})
	is = []audit.Field{{Name: "drift", Value: p.Drift}, {Name: "failures", Value: int64(0)},
		{Name: "next", Value: p.Counter + 1}}
	if p.Application != 0 {
		is = append(is, audit.Field{Name: "application", Value: int64(p.Application)})
	}
	if j.proof {
		was = append(was, audit.Field{Name: "state", Value: before.State.String()})
		is = append(is, audit.Field{Name: "epoch", Value: before.Epoch + 1},
			audit.Field{Name: "state", Value: token.Valid.String()})
	}
	return was, is
}

// recordFailures tells of all tokens that counted a failure.
func recordFailures(e *audit.Entry, found store.Found, j judgement, o store.Outcome) {
	failed := func(before token.Condition, failures int, retryAt time.Time) (was, is []audit.Field) {
		return audit.FailureFields(before), audit.FailureFields(token.Condition{Failures: failures, RetryAt: retryAt})
	}
	if o.Counted && o.Index >= 0 && o.UserFailures == 0 {
		e.Before, e.After = failed(o.Before, o.Failures, o.RetryAt)
	}
	for _, other := range o.Others {
		c := audit.Change{Subject: further(found, j, o.Index, other.Index)}
		c.Before, c.After = failed(other.Before, other.Failures, other.RetryAt)
		e.Also = append(e.Also, c)
	}
}

// further names the token of one more proposal; nobody if it is that of the entry.
func further(found store.Found, j judgement, main, index int) audit.Subject {
	id := j.proposals[index].ID
	if id == j.proposals[main].ID {
		return audit.Subject{}
	}
	of := slices.IndexFunc(found.Candidates, func(c store.Candidate) bool { return c.Token.ID == id })
	s := audit.SubjectOf(found.Candidates[of].Token)
	s.User = ""
	return s
}

func userFields(s store.Standing) []audit.Field {
	f := []audit.Field{{Name: "user_failures", Value: int64(s.Failures)}}
	if !s.RetryAt.IsZero() {
		f = append(f, audit.Field{Name: "user_retry_at", Value: audit.Stamp(s.RetryAt)})
	}
	return f
}

// callerOf is whom refusals are counted under: who asked, and from which host.
func callerOf(o audit.Origin) string { return o.Actor + "@" + peer.Name(o.Source) }
