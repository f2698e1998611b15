package codes

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"time"

	"ostiary/internal/core/token"
)

// Policy holds the sizes of windows and what follows on failures. Zero fields
// take the defaults named in their comments.
type Policy struct {
	LookAhead     int           // HOTP counters tried; default 10
	WideLookAhead int           // the same with resynchronise; default 100
	PairLookAhead int           // the same for a two-code resynchronisation; default 1000
	Steps         int           // TOTP steps either side of the learned drift; default 1
	WideSteps     int           // the same with resynchronise, and for two codes; default 20
	MaxSteps      int           // how far an administrator may widen two codes; default 120
	MaxDrift      int           // TOTP steps that a token's clock may be away from ours; default token.MaxDrift
	DriftEvery    int           // TOTP steps that pass before it may move by one more; default 10
	FailureLimit  int           // failures that lock; default 10
	FreeFailures  int           // failures before a delay begins; default 3
	FirstDelay    time.Duration // the first delay, doubled by each further failure; default 1 s
	// FirstLock is how long a lock lasts; zero for one that lasts until somebody undoes it.
	// When it is over, one code is tried; a wrong one locks for twice as long, up to
	// LongestLock.
	FirstLock   time.Duration
	LongestLock time.Duration // default 24 h
	// ClientShare is how many wrong codes a client may present under one name before the
	// client is locked there: 1 to FailureLimit; default half of FailureLimit, at least 1.
	// It counts for requests that name their client.
	ClientShare int
	// refusals without a change that a caller may cause at once before they are only counted; default 60
	QuietAfter     int
	QuietPerMinute int // and per minute from then on; default 60
}

// FailureLimit is how many wrong codes in a row lock, unless a Policy says otherwise.
const FailureLimit = 10

func (p Policy) withDefaults() Policy {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&p.LookAhead, 10)
	def(&p.WideLookAhead, 100)
	def(&p.PairLookAhead, 1000)
	def(&p.Steps, 1)
	def(&p.WideSteps, 20)
	def(&p.MaxSteps, 120)
	def(&p.MaxDrift, token.MaxDrift)
	def(&p.DriftEvery, 10)
	def(&p.FailureLimit, FailureLimit)
	def(&p.ClientShare, max(p.FailureLimit/2, 1))
	def(&p.FreeFailures, 3)
	def(&p.QuietAfter, 60)
	def(&p.QuietPerMinute, 60)
	p.FirstDelay = cmp.Or(p.FirstDelay, time.Second)
	p.LongestLock = max(cmp.Or(p.LongestLock, 24*time.Hour), p.FirstLock)
	return p
}

// longestLock bounds what LongestLock may be.
const longestLock = 30 * 24 * time.Hour

// Check says which setting is out of bounds.
func (p Policy) Check() error {
	if p.FirstLock != 0 && p.FirstLock < time.Minute {
		return errors.New("a lock lasts at least 1 minute, or 0 to last until somebody unlocks it")
	}
	if p = p.withDefaults(); p.LongestLock > longestLock {
		return errors.New("the longest lock lasts at most 30 days")
	}
	if p.ClientShare < 1 || p.ClientShare > p.FailureLimit {
		return fmt.Errorf("the share of a client must be 1 to %d wrong codes", p.FailureLimit)
	}
	return nil
}

// Lock says when wrong codes lock.
func (p Policy) Lock() token.Lock { return token.Lock{Limit: p.FailureLimit, Ends: p.FirstLock > 0} }

// delay is the wait after so many failures.
func (p Policy) delay(failures int) time.Duration {
	switch {
	case failures < p.FreeFailures:
		return 0
	case p.Lock().Ends && failures >= p.FailureLimit:
		return p.doubled(p.FirstLock, failures-p.FailureLimit)
	}
	return p.FirstDelay << min(failures-p.FreeFailures, 20)
}

// doubled is a lock after so many further failures, each of which makes it twice as long.
func (p Policy) doubled(first time.Duration, further int) time.Duration {
	for ; further > 0 && first < p.LongestLock; further-- {
		first *= 2
	}
	return min(first, p.LongestLock)
}

// lasts is how long a delay after so many failures may still last. It leaves room for a
// clock that is set back a little: that must not end a delay. Of one that ends later than
// this nobody knows which clock wrote it.
func (p Policy) lasts(failures int) time.Duration { return 2*p.delay(failures) + time.Minute }

// longest is the longest that any may still last.
func (p Policy) longest() time.Duration {
	if p.Lock().Ends {
		return p.lasts(math.MaxInt)
	}
	return p.lasts(p.FailureLimit - 1)
}
