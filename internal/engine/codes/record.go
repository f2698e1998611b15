package codes

import (
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/peer"
	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// decision is one code that goes to the store, with all that its entry tells beside the
// outcome.
type decision struct {
	r       Request
	found   store.Found
	j       judgement
	missing token.Reason
	now     time.Time
}

// entry gives the canonical audit entry of an outcome.
func (d *decision) entry(o store.Outcome) []byte { return d.record(&o).Canonical() }

// record makes the audit entry of an outcome.
func (d *decision) record(o *store.Outcome) audit.Entry {
	e := audit.Entry{Time: d.now, Action: d.j.action, Outcome: audit.Refused, Origin: d.r.Origin,
		Subject: audit.Subject{Serial: d.r.Lookup.Serial, User: d.r.Lookup.User}}
	if o.Index >= 0 {
		e.Subject = d.subject(o.Index)
		if d.r.Lookup.User != "" {
			e.Subject.User = d.r.Lookup.User
		}
	}
	switch {
	case o.Temporary:
		e.Outcome = audit.Accepted
		e.After = []audit.Field{{Name: "authentication", Value: d.j.authentication},
			{Name: "code", Value: audit.Mark(d.j.temporary)}, {Name: "temporary", Value: true}}
	case o.Verdict == store.Accepted:
		d.recordAccepted(&e, o)
	default:
		e.Reason = d.refusal(o)
		d.recordFailures(&e, o)
	}
	// As much is made for a refusal that changed nothing, and forgotten.
	if was, is := userFields(o.UserBefore), userFields(o.UserAfter); o.UserBefore != o.UserAfter {
		e.Before, e.After = append(e.Before, was...), append(e.After, is...)
	}
	if d.r.Client != "" {
		e.After = append(e.After, audit.Field{Name: "client", Value: d.r.Client})
	}
	audit.SortFields(e.Before)
	audit.SortFields(e.After)
	return e
}

// subject is the token of a proposal.
func (d *decision) subject(index int) audit.Subject {
	id := d.j.proposals[index].ID
	for i := range d.found.Candidates {
		if t := &d.found.Candidates[i].Token; t.ID == id {
			return audit.SubjectOf(*t)
		}
	}
	panic("a proposal is of no candidate")
}

func (d *decision) refusal(o *store.Outcome) string {
	switch {
	case o.Index >= 0 && d.j.reason(o.Index) == token.RowForged:
		return string(token.RowForged)
	case o.Refusal != token.NoReason:
		return string(o.Refusal)
	case d.missing != token.NoReason:
		return string(d.missing)
	case o.Index >= 0:
		return string(d.j.reason(o.Index))
	}
	return ""
}

// recordAccepted tells of all keys that the code advanced.
func (d *decision) recordAccepted(e *audit.Entry, o *store.Outcome) {
	e.Outcome = audit.Accepted
	e.Before, e.After = d.advanced(o.Index, o.Before)
	e.After = append(e.After, audit.Field{Name: "authentication", Value: d.j.authentication})
	if d.j.wide {
		e.After = append(e.After, audit.Field{Name: "resynchronise", Value: true})
	}
	for i := range o.Others {
		other := &o.Others[i]
		c := audit.Change{Subject: d.further(o.Index, other.Index)}
		c.Before, c.After = d.advanced(other.Index, other.Before)
		e.Also = append(e.Also, c)
	}
}

// room is for nearly all that an entry tells of a row: it is made at once.
const room = 6

// advanced is what an acceptance changed of the key of a proposal.
func (d *decision) advanced(index int, before token.Condition) (was, is []audit.Field) {
	p := &d.j.proposals[index]
	if p.Application != 0 {
		before.Shared = token.Shared{} // that is of the token's own secret
	}
	was = append(make([]audit.Field, 0, room), audit.Field{Name: "epoch", Value: before.Epoch})
	was = append(append(was, audit.CounterFields(before)...), audit.FailureFields(before)...)
	is = append(make([]audit.Field, 0, room), audit.Field{Name: "drift", Value: p.Drift},
		audit.Field{Name: "failures", Value: int64(0)}, audit.Field{Name: "next", Value: p.Counter + 1})
	if p.Application != 0 {
		is = append(is, audit.Field{Name: "application", Value: int64(p.Application)})
	}
	if d.j.proof {
		was = append(was, audit.Field{Name: "state", Value: before.State.String()})
		is = append(is, audit.Field{Name: "epoch", Value: before.Epoch + 1},
			audit.Field{Name: "state", Value: token.Valid.String()})
	}
	return was, is
}

// recordFailures tells of all tokens that counted a failure.
func (d *decision) recordFailures(e *audit.Entry, o *store.Outcome) {
	failed := func(before token.Condition, failures int, retryAt time.Time) (was, is []audit.Field) {
		return audit.FailureFields(before), audit.FailureFields(token.Condition{Failures: failures, RetryAt: retryAt})
	}
	if was, is := failed(o.Before, o.Failures, o.RetryAt); o.Counted && o.Index >= 0 && o.UserFailures == 0 {
		e.Before, e.After = was, is
	}
	for i := range o.Others {
		other := &o.Others[i]
		c := audit.Change{Subject: d.further(o.Index, other.Index)}
		c.Before, c.After = failed(other.Before, other.Failures, other.RetryAt)
		e.Also = append(e.Also, c)
	}
}

// further names the token of one more proposal; nobody if it is that of the entry.
func (d *decision) further(main, index int) audit.Subject {
	if d.j.proposals[index].ID == d.j.proposals[main].ID {
		return audit.Subject{}
	}
	s := d.subject(index)
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
