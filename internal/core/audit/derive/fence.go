package derive

import (
	"fmt"
	"time"

	"ostiary/internal/core/token"
)

// A fence (audit.DatabaseRestored) moves each counter to where no code works that may
// have been used in the time that was lost. What counts events stays where it is and
// asks for two codes; what counts time goes beyond the moment of the fence. So each
// counter follows from the one before: exactly, or as the least that it may be.

func (r *row) counter() counter {
	return counter{r.next, int64(r.drift), r.last, r.known&fenced != 0}
}

// fence marks all counters as fenced at a time, in seconds.
func (f *Fold) fence(at int64) {
	f.fencedAt = at
	for _, i := range f.tokens.at {
		f.tokens.row(i).known |= fenced
	}
	for mark, r := range f.remains {
		r.fenced = true
		f.remains[mark] = r
	}
	for id, c := range f.apps {
		c.fenced = true
		f.apps[id] = c
	}
}

// notFenced says why a counter cannot be what a fence left of c, or is empty. What kind
// it is, is known from two codes being asked for, or of tokens whose entries tell it.
func (c counter) notFenced(next uint64, drift int64, events bool) string {
	switch {
	case drift == token.TwoCodes && next != c.next:
		return "it needs two codes, but its counter was changed"
	case drift == token.TwoCodes:
		return ""
	case events:
		return "it counts events, but does not need two codes"
	case next < c.next:
		return "it was set back"
	case drift != c.drift:
		return fmt.Sprintf("its drift was %d, and now is %d", c.drift, drift)
	}
	return ""
}

// notBeyond is notFenced for a row of the database, of which the kind is known.
func (f *Fold) notBeyond(c counter, spec token.Spec, next uint64, drift int64) string {
	if why := c.notFenced(next, drift, spec.Algorithm == token.HOTP); why != "" || spec.Algorithm != token.TOTP {
		return why
	}
	least := c.next
	if spec.Period > 0 {
		least = max(least, uint64(max(f.fencedAt-spec.T0, 0)/spec.Period+max(c.drift, 0)+2))
	}
	if next < least {
		return fmt.Sprintf("after the fence of %s the minimum is %d",
			time.Unix(f.fencedAt, 0).UTC().Format(time.RFC3339), least)
	}
	return ""
}
