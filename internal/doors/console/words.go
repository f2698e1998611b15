package console

import (
	"fmt"
	"strconv"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
	"ostiary/internal/engine/codes"
)

// moment is a time for people, and for machines.
type moment struct{ Text, Machine string }

// at is a time in the zone of the server; the zero time has no text.
func at(t time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	return moment{t.Local().Format("2006-01-02 15:04 MST"), t.UTC().Format(time.RFC3339)}
}

var stateWords = map[token.State]look.State{
	token.Valid:         {Shape: look.Disc, Word: "Valid"},
	token.RevokedLost:   {Shape: look.Ring, Word: "Revoked, token lost"},
	token.RevokedBroken: {Shape: look.Ring, Word: "Revoked, token broken"},
	token.RevokedOther:  {Shape: look.Ring, Word: "Revoked, other reason"},
	token.Pending:       {Shape: look.Square, Word: "Pending"},
	token.Moving:        {Shape: look.Square, Word: "Moving"},
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// days is a number of days in words; 0 has none.
func days(n int) string {
	if n == 0 {
		return ""
	}
	return fault.Plural(n, "day", "days")
}

// number is a number in a field; 0 is empty.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// driftOf is by how many steps a token's clock is off; empty for one that counts presses.
func driftOf(t token.Token) string {
	if t.Spec.Period == 0 || t.Condition.Fenced() {
		return ""
	}
	return fmt.Sprintf("%+d", t.Condition.Drift)
}

// refusal words why a code was refused, as docs/codes.md has it, and names what to do next:
// the verb of an action, if there is one.
func refusal(r codes.Verdict, t token.Token) (n look.Note, next string) {
	n = look.Note{Tone: look.Warning}
	switch r.Reason {
	case token.OutOfWindow:
		n.What = fmt.Sprintf("Not valid: %d ahead of the window", r.Ahead)
		n.Means = "The button was pressed often without a login."
		if t.Spec.Period > 0 {
			n.What = "Not valid: the token’s clock is off by " + fault.Plural(int(r.Ahead), "step", "steps")
			n.Means = "The code is right for another time than now."
		}
		if r.Ahead == 0 {
			n.What, n.Means = "Not valid: out of the window", "The code is right for another place than the token’s."
		}
		return n, "resync"
	case token.Replayed:
		n.What, n.Means = "Not valid: the code was used before", "Ask for the next code."
	case token.TooOld:
		n.What, n.Means = "Not valid: the code is too old", "It was right some time ago. Ask for the code that is shown now."
	case token.Wrong:
		n.What, n.Means = "Not valid: wrong code", "It belongs to no place nearby. Is it the token with this serial?"
		return n, "resync"
	case token.Locked:
		n.What, n.Means = "Not valid: the token is locked", "Too many wrong codes came in a row. The code was not tried."
		return n, "unlock"
	case token.Delayed:
		n.What, n.Means = "Not tried: too soon after a wrong code", "Wait a moment, and try the next code."
		return n, "unlock"
	case token.UserLocked, token.UserDelayed:
		n.What = "Not tried: the user is locked, or tried again too soon"
		n.Means = "Too many wrong codes came under the user’s name. To unlock: ostiary user unlock"
	case token.Revoked:
		n.What, n.Means = "Not valid: the token is not in use", "Its state is: "+stateWords[t.Condition.State].Word+"."
		return n, "state"
	case token.NotYetValid, token.Expired:
		n.What, n.Means = "Not valid: outside of the token’s dates", "It is valid from one date on, and until another."
		return n, "dates"
	case token.NeedsTwo:
		n.What, n.Means = "Not valid: two codes in a row are needed",
			"A backup of the database was restored, and the server does not know how far the token was used."
		return n, "resync"
	case token.NotProven:
		n.What, n.Means = "Not valid: the token waits for its first code", "Its first code goes another way than the later ones."
		if t.Profile != "" {
			return n, "confirm"
		}
		return n, "prove"
	case token.OnItsWay:
		n.What, n.Means = "Not valid: the token is moving", "It was exported to live on another server."
	case token.RowForged:
		n.Tone = look.Danger
		n.What, n.Means = "Not valid: the database’s row was changed by somebody else",
			"Find out by whom, with: ostiary audit verify"
	default:
		n.What, n.Means = "Not valid: "+string(r.Reason), "The audit log has the same word."
	}
	return n, ""
}
