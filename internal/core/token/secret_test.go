package token

import (
	"math"
	"testing"
)

// A floor survives a change of the unit: no step begins below it, and none is left out
// that does not.
func TestFloorsInOtherUnits(t *testing.T) {
	t.Parallel()
	totp := func(period, t0 int64) Spec { return Spec{Algorithm: TOTP, Period: period, T0: t0} }
	for _, c := range []struct {
		spec  Spec
		floor int64
		first uint64
	}{
		{Spec{Algorithm: HOTP}, 7, 7}, {Spec{Algorithm: HOTP}, -1, 0}, {Spec{Algorithm: OCRA}, 7, 7},
		{totp(30, 0), 0, 0}, {totp(30, 0), 1, 1}, {totp(30, 0), 30, 1}, {totp(30, 0), 31, 2}, {totp(60, 0), 90, 2},
		{totp(30, 100), 100, 0}, {totp(30, 100), 99, 0}, {totp(30, 100), 101, 1}, {totp(30, -100), 0, 4},
		{totp(1, math.MinInt64), math.MaxInt64, MaxCounter}, {totp(1, 0), math.MaxInt64, MaxCounter},
		{totp(0, 0), 5, 0},
	} {
		if got := c.spec.First(c.floor); got != c.first {
			t.Errorf("%+v: the first of %d is %d, want %d", c.spec, c.floor, got, c.first)
		}
		if got := c.spec.Begins(c.first); c.first < MaxCounter && c.spec.Period >= 0 && c.floor > c.spec.T0 &&
			c.spec != totp(0, 0) && got < c.floor {
			t.Errorf("%+v: step %d begins at %d, below the floor %d", c.spec, c.first, got, c.floor)
		}
	}
	for _, c := range []struct {
		spec    Spec
		counter uint64
		want    int64
	}{
		{Spec{Algorithm: HOTP}, MaxCounter, MaxCounter}, {Spec{Algorithm: HOTP}, math.MaxUint64, math.MaxInt64},
		{totp(30, 0), 2, 60}, {totp(30, 7), 2, 67}, {totp(30, -7), 2, 53},
		{totp(172_800, 0), MaxCounter, math.MaxInt64}, {totp(1, math.MaxInt64), 1, math.MaxInt64},
	} {
		if got := c.spec.Begins(c.counter); got != c.want {
			t.Errorf("%+v: %d begins at %d, want %d", c.spec, c.counter, got, c.want)
		}
	}
}

// What is shared moves together, and each record keeps where it stands itself.
func TestSharedCondition(t *testing.T) {
	t.Parallel()
	spec := Spec{Algorithm: TOTP, Period: 60}
	c := Condition{Next: 10}
	c.Share(spec, 5, Floor{Events: 1 << 40, Seconds: 1201})
	if c.Next != 21 || c.Own() != 10 || c.Shared.Floor != 1201 {
		t.Errorf("shared: %+v", c)
	}
	c.Use(spec, 30, 3)
	if c.Next != 31 || c.Own() != 31 || c.Shared.Floor != 31*60 || c.Drift != 3 {
		t.Errorf("used: %+v", c)
	}
	hotp := Condition{Next: 3}
	hotp.Share(Spec{Algorithm: HOTP}, 5, Floor{Events: 2, Both: true})
	if hotp.Next != 3 || hotp.End(Spec{Algorithm: HOTP}) != PairLimit {
		t.Errorf("of both kinds: %+v", hotp)
	}
	if alone := (&Condition{Next: 4}); alone.Own() != 4 || alone.End(spec) != math.MaxInt64 {
		t.Errorf("alone: %+v", alone)
	}
}
