package token

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
)

// Mark names a secret and tells nothing of it: a keyed digest of what HMAC makes of
// it. Tokens of one mark hold one secret, whatever they compute with it. 0 is none.
type Mark int64

// String is the mark as it stands in the log: 16 hexadecimal digits.
func (m Mark) String() string { return fmt.Sprintf("%016x", uint64(m)) }

// ParseMark reads what String writes.
func ParseMark(s string) (Mark, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 {
		return 0, fmt.Errorf("%q is no mark of a secret", s)
	}
	return Mark(n), nil
}

// PairLimit separates the counters from the time steps of a secret that is used for
// both: counter v and step v are one code, so counters stay below and steps do not.
const PairLimit = 1 << 20

// Floor is what of a secret is used up, in units that survive a change of the token.
type Floor struct {
	Events  int64 // the lowest counter that may be accepted
	Seconds int64 // of time steps, none that begins before this second
	Both    bool  // it is used for counters and for time steps: see PairLimit
}

// Of is the side of the floor that counts for tokens of a kind.
func (f Floor) Of(s Spec) int64 {
	if s.Timed() {
		return f.Seconds
	}
	return f.Events
}

// Shared is the part of a condition that belongs to the secret, where other tokens
// hold it as well. The zero value is a token that has its secret to itself.
type Shared struct {
	Mark  Mark
	Floor int64  // the side of the secret's Floor that counts for the token
	Own   uint64 // what Next would be without the floor
	Both  bool   // the secret is used for counters and for time steps
}

// Timed reports whether the codes count time.
func (s Spec) Timed() bool { return s.Algorithm == TOTP }

// Begins tells where a counter or time step begins, in the unit of a Floor: the
// counter itself, or a second. What is beyond all numbers is the highest of them.
func (s Spec) Begins(counter uint64) int64 {
	high, low := uint64(0), counter
	if s.Timed() {
		high, low = bits.Mul64(counter, uint64(s.Period))
	}
	switch {
	case high > 0 || low > math.MaxInt64:
		return math.MaxInt64
	case s.Timed() && s.T0 > 0 && int64(low) > math.MaxInt64-s.T0:
		return math.MaxInt64
	case s.Timed():
		return int64(low) + s.T0
	}
	return int64(low)
}

// First gives the lowest counter or time step that does not begin below a floor.
func (s Spec) First(floor int64) uint64 {
	if !s.Timed() {
		return uint64(max(floor, 0))
	}
	if floor <= s.T0 || s.Period < 1 {
		return 0
	}
	since := uint64(floor) - uint64(s.T0) // as unsigned, so that no T0 overflows it
	step := since / uint64(s.Period)
	if since%uint64(s.Period) > 0 {
		step++
	}
	return min(step, MaxCounter)
}

// Used is the floor that a token's position makes: everything below next is used.
func (s Spec) Used(next uint64) Floor {
	if s.Timed() {
		return Floor{Seconds: s.Begins(next)}
	}
	return Floor{Events: s.Begins(next)}
}

// Share says that the token is not the only one of its secret, which stands at a
// floor: Next does not lie below that.
func (c *Condition) Share(s Spec, m Mark, f Floor) {
	c.Shared = Shared{Mark: m, Floor: f.Of(s), Own: c.Own(), Both: f.Both}
	c.Next = max(c.Shared.Own, s.First(c.Shared.Floor))
	if f.Both && s.Timed() {
		c.Next = max(c.Next, PairLimit)
	}
}

// End is the lowest counter that is not accepted any more, if there is one.
func (c *Condition) End(s Spec) uint64 {
	if c.Shared.Both && !s.Timed() {
		return PairLimit
	}
	return math.MaxInt64
}

// Own is where the token itself stands, whatever others of its secret have used.
func (c *Condition) Own() uint64 {
	if c.Shared.Mark == 0 {
		return c.Next
	}
	return c.Shared.Own
}

// Use moves the token behind a counter or step, and the floor of its secret with it.
func (c *Condition) Use(s Spec, counter uint64, drift int64) {
	c.Next, c.Drift = counter+1, drift
	if c.Shared.Mark != 0 {
		c.Shared.Own, c.Shared.Floor = c.Next, s.Begins(c.Next)
	}
}
