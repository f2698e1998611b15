package derive

import (
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
)

// After a fence nobody knows where a token stands until an entry tells it; without one
// the entries go on as they were.
func TestRestoredWithAFenceForgetsCounters(t *testing.T) {
	t.Parallel()
	for _, fenced := range []bool{false, true} {
		f := New()
		seq := int64(0)
		add := func(e audit.Entry) {
			t.Helper()
			f.Add(seq, e.Canonical())
			seq++
		}
		id := token.Identity{Type: "hotp", Serial: "1"}
		tok := token.Token{Identity: id, Condition: token.Condition{Epoch: 1, State: token.Valid}}
		add(audit.Entry{Action: audit.TokenCreated, Outcome: audit.Done, Subject: audit.SubjectOf(tok),
			After: audit.ConditionFields(tok.Condition, "")})
		add(audit.Entry{Action: audit.DatabaseRestored, Outcome: audit.Done,
			After: []audit.Field{{Name: "fenced", Value: fenced}}})
		tok.Condition.Drift = token.TwoCodes
		f.Token(tok, nil)
		if r := f.Result(); (r.Count == 0) != fenced {
			t.Errorf("fenced %t: %v", fenced, r.Findings)
		}
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
