package codes

import (
	"net"
	"slices"
	"time"

	"ostiary/internal/core/audit"
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
		e.After = []audit.Field{{Name: "authentication", Value: j.authentication}, {Name: "temporary", Value: true}}
		return e
	case o.Verdict == store.Accepted:
		p := j.proposals[o.Index]
		e.Outcome = audit.Accepted
		e.Before = []audit.Field{{Name: "failures", Value: int64(o.Before.Failures)},
			{Name: "next", Value: o.Before.Next}}
		e.After = []audit.Field{{Name: "authentication", Value: j.authentication}, {Name: "drift", Value: p.Drift},
			{Name: "failures", Value: int64(0)}, {Name: "next", Value: p.Counter + 1}}
		if p.Application != 0 {
			e.After = append(e.After, audit.Field{Name: "application", Value: int64(p.Application)})
		}
		if j.proof {
			e.Before = append(e.Before, audit.Field{Name: "state", Value: o.Before.State.String()})
			e.After = append(e.After, audit.Field{Name: "state", Value: token.Valid.String()})
		}
		if j.wide {
			e.After = append(e.After, audit.Field{Name: "resynchronise", Value: true})
		}
		return e
	case o.Index >= 0 && j.reason(o.Index) == token.RowForged:
		e.Reason = string(token.RowForged)
	case o.Refusal != token.NoReason:
		e.Reason = string(o.Refusal)
	case missing != token.NoReason:
		e.Reason = string(missing)
	case o.Index >= 0:
		e.Reason = string(j.reason(o.Index))
	}
	switch {
	case o.UserFailures > 0:
		e.Before = []audit.Field{{Name: "user_failures", Value: int64(o.UserFailures - 1)}}
		e.After = []audit.Field{{Name: "user_failures", Value: int64(o.UserFailures)}}
	case o.Counted:
		e.Before = []audit.Field{{Name: "failures", Value: int64(o.Before.Failures)}}
		e.After = []audit.Field{{Name: "failures", Value: int64(o.Failures)}}
	}
	return e
}

// callerOf is whom refusals are counted under: who asked, and from which host.
func callerOf(o audit.Origin) string {
	host, _, err := net.SplitHostPort(o.Source)
	if err != nil {
		host = o.Source
	}
	return o.Actor + "@" + host
}
