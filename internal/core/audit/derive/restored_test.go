package derive

import (
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
)

// fencedFold is a log of a token that stands at 7 and was fenced at a time.
func fencedFold(tok token.Token, at time.Time, fenced bool) *Fold {
	f := New()
	for seq, e := range []audit.Entry{
		{Action: audit.TokenCreated, Outcome: audit.Done, Subject: audit.SubjectOf(tok),
			After: append(audit.ConditionFields(tok.Condition, ""), audit.AlgorithmField(tok))},
		{Time: at, Action: audit.DatabaseRestored, Outcome: audit.Done,
			After: []audit.Field{{Name: "fenced", Value: fenced}}}} {
		f.Add(int64(seq), e.Canonical())
	}
	return f
}

// What a fence left of a counter follows from the log: in the database, and in the entry
// that goes on from it. A counter never lies below what the log says.
func TestCountersFollowFromTheLogBeyondAFence(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	beyond := uint64(at.Unix()/30 + 2)
	hotp, totp := token.Spec{Algorithm: token.HOTP}, token.Spec{Algorithm: token.TOTP, Period: 30}
	for name, c := range map[string]struct {
		spec         token.Spec
		next         uint64
		drift        int64
		row, entries bool // as it should be
	}{
		"events, two codes":        {hotp, 7, token.TwoCodes, true, true},
		"events, set back":         {hotp, 6, token.TwoCodes, false, false},
		"events, put forward":      {hotp, 8, token.TwoCodes, false, false},
		"events, one code":         {hotp, 7, 0, false, false},
		"time, beyond the fence":   {totp, beyond, 0, true, true},
		"time, further on":         {totp, beyond + 9, 0, true, true},
		"time, below the fence":    {totp, beyond - 1, 0, false, true}, // its entries do not tell the period
		"time, set back":           {totp, 6, 0, false, false},
		"time, with another drift": {totp, beyond, 3, false, false},
	} {
		tok := token.Token{Identity: token.Identity{Type: "any", Serial: "1"}, Spec: c.spec,
			Condition: token.Condition{Epoch: 1, Next: 7, State: token.Valid}}
		f := fencedFold(tok, at, true)
		now := tok
		now.Condition.Next, now.Condition.Drift = c.next, c.drift
		f.Token(now, nil)
		if r := f.Result(); (r.Count == 0) != c.row || r.Trusted > 0 {
			t.Errorf("%s, the row: %v, %d on trust", name, r.Findings, r.Trusted)
		}
		f = fencedFold(tok, at, true)
		f.Add(2, audit.Entry{Action: audit.TokenResynced, Outcome: audit.Accepted, Subject: audit.SubjectOf(tok),
			Before: audit.CounterFields(now.Condition),
			After:  []audit.Field{{Name: "next", Value: uint64(1 << 40)}}}.Canonical())
		if r := f.Result(); (r.Count == 0) != c.entries {
			t.Errorf("%s, the entry: %v", name, r.Findings)
		}
		// From there on it is known exactly again.
		now.Condition.Next, now.Condition.Drift = 1<<40+1, 0
		before := f.Result().Count
		f.Token(now, nil)
		if r := f.Result(); r.Count != before+1 {
			t.Errorf("%s: behind the next code: %v", name, r.Findings)
		}
	}
}

// Further applications are fenced as the token itself is; without a fence nothing moves.
func TestFencedApplicationsFollowFromTheLog(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	tok := token.Token{Identity: token.Identity{Type: "hotp", Serial: "1"}, Spec: token.Spec{Algorithm: token.HOTP},
		Condition: token.Condition{Epoch: 1, Next: 7, State: token.Valid}}
	app := audit.Entry{Action: audit.ActivationConfirmed, Outcome: audit.Accepted, Subject: audit.SubjectOf(tok),
		After: []audit.Field{{Name: "next", Value: uint64(7)}},
		Also: []audit.Change{{After: []audit.Field{{Name: "application", Value: int64(8)},
			{Name: "next", Value: uint64(4)}}}}}
	for drift, right := range map[int64]bool{token.TwoCodes: true, 0: false} {
		f := fencedFold(tok, at, false)
		f.Add(2, app.Canonical())
		f.Add(3, audit.Entry{Time: at, Action: audit.DatabaseRestored,
			After: []audit.Field{{Name: "fenced", Value: true}}}.Canonical())
		now := tok
		now.Condition.Drift = token.TwoCodes
		f.Token(now, []Application{{Index: 8, Spec: tok.Spec, Next: 4, Drift: drift}})
		if r := f.Result(); (r.Count == 0) != right {
			t.Errorf("drift %d: %v", drift, r.Findings)
		}
	}
	f := fencedFold(tok, at, false)
	tok.Condition.Drift = token.TwoCodes
	f.Token(tok, nil)
	if r := f.Result(); r.Count == 0 {
		t.Error("two codes are asked for, and there was no fence")
	}
}

// A token comes back from a move as what it was; an entry that says otherwise stays a
// finding for ever.
func TestComingBackFromAMoveAsAnother(t *testing.T) {
	t.Parallel()
	for _, to := range []token.State{token.RevokedLost, token.Valid} {
		f := New()
		tok := token.Token{Identity: token.Identity{Type: "hotp", Serial: "1"},
			Condition: token.Condition{Epoch: 1, State: token.RevokedLost}}
		state := func(from, to token.State) audit.Entry {
			return audit.Entry{Action: audit.TokenStateChanged, Outcome: audit.Done, Subject: audit.SubjectOf(tok),
				Before: []audit.Field{{Name: "state", Value: from.String()}},
				After:  []audit.Field{{Name: "state", Value: to.String()}}}
		}
		for seq, e := range []audit.Entry{{Action: audit.TokenCreated, Outcome: audit.Done,
			Subject: audit.SubjectOf(tok), After: audit.ConditionFields(tok.Condition, "")},
			state(token.RevokedLost, token.Moving), state(token.Moving, to)} {
			f.Add(int64(seq), e.Canonical())
		}
		if r := f.Result(); (r.Count == 0) != (to == token.RevokedLost) {
			t.Errorf("back as %s: %v", to, r.Findings)
		}
	}
}
