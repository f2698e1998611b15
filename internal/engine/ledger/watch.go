package ledger

import (
	"context"
	"time"

	"ostiary/internal/core/audit"
)

const (
	firstWatch = time.Minute // after the start, so that logins come first
	nightHour  = 3           // of the local time
	// share is how many times as long as it worked a verification beside the server
	// rests after each page: so it takes a fifth of one processor.
	share = 4
)

// Watch verifies the log and the state soon after the start and each night, until ctx
// ends, in a part of one processor. Each time it records an entry and calls report
// with what was found; the error is for a log that could not be read.
func (l *Ledger) Watch(ctx context.Context, report func(Report, error)) {
	for wait := firstWatch; ; wait = untilNight(time.Now()) {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		rep, err := l.VerifyBeside(ctx)
		if ctx.Err() != nil {
			return
		}
		report(rep, err)
	}
}

// untilNight is the time to the next night.
func untilNight(now time.Time) time.Duration {
	next := time.Date(now.Year(), now.Month(), now.Day(), nightHour, 0, 0, 0, now.Location())
	if !next.After(now) {
		next = time.Date(now.Year(), now.Month(), now.Day()+1, nightHour, 0, 0, 0, now.Location())
	}
	return next.Sub(now)
}

// VerifyBeside is Verify in a part of one processor. It records what was found.
func (l *Ledger) VerifyBeside(ctx context.Context) (Report, error) {
	rep, err := l.verify(ctx, func(took time.Duration) {
		timer := time.NewTimer(share * took)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
	})
	if err != nil {
		return rep, err
	}
	e := audit.Entry{Action: audit.Verified, Outcome: audit.Done, Reason: rep.Problem,
		Origin: audit.Origin{Actor: "system"},
		After: []audit.Field{{Name: "entries", Value: rep.Entries}, {Name: "findings", Value: int64(rep.State.Count)},
			{Name: "tokens", Value: int64(rep.State.Tokens)}, {Name: "trusted", Value: int64(rep.State.Trusted)}}}
	if !rep.Whole() {
		e.Outcome = audit.Refused
	}
	if len(rep.State.Findings) > 0 {
		e.Reason = rep.State.Findings[0].String()
	}
	return rep, l.Record(ctx, e)
}
