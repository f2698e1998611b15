package token

import (
	"cmp"
	"time"
)

// ActivationLimits bound the activations of tokens. A profile has its own, in the
// database, and the server has those of its command line. A zero field is not set: the
// next place says it. Times are whole seconds in the database.
type ActivationLimits struct {
	Expiry    time.Duration // how long an activation is open that is begun without a time of its own
	Tries     int           // wrong confirmations that end an activation
	Window    time.Duration // over which Successes and Failures count
	Successes int           // activations after the first, in the window
	Failures  int           // wrong confirmations of a token, in the window
	Interval  time.Duration // from a confirmed activation to the next
}

// Or gives the limits with those of another place where a field is not set.
func (l ActivationLimits) Or(other ActivationLimits) ActivationLimits {
	return ActivationLimits{Expiry: cmp.Or(l.Expiry, other.Expiry), Tries: cmp.Or(l.Tries, other.Tries),
		Window: cmp.Or(l.Window, other.Window), Successes: cmp.Or(l.Successes, other.Successes),
		Failures: cmp.Or(l.Failures, other.Failures), Interval: cmp.Or(l.Interval, other.Interval)}
}
