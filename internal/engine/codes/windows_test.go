package codes_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/test/testkit"
	"ostiary/oath"
)

func TestHOTPLookAhead(t *testing.T) {
	t.Parallel()
	in, out, wideIn, wideOut := testkit.HOTP("in"), testkit.HOTP("out"), testkit.HOTP("wide-in"),
		testkit.HOTP("wide-out")
	k := kit(t, testkit.Counter(in, 5), testkit.Counter(out, 5), testkit.Counter(wideIn, 5),
		testkit.Counter(wideOut, 5))

	accepted(t, k, "in", testkit.Code(t, in, 5+9), true)
	next(t, k, "in", 15)
	accepted(t, k, "out", testkit.Code(t, out, 5+10), false)
	recorded(t, k, token.OutOfWindow)
	next(t, k, "out", 5)
	accepted(t, k, "out", testkit.Code(t, out, 4), false)
	recorded(t, k, token.Replayed)

	if !k.Present(t, wide("wide-in", testkit.Code(t, wideIn, 5+99))) {
		t.Error("the last counter of the wide window is refused")
	}
	next(t, k, "wide-in", 105)
	if k.Present(t, wide("wide-out", testkit.Code(t, wideOut, 5+100))) {
		t.Error("the first counter beyond the wide window is accepted")
	}
	next(t, k, "wide-out", 5)
}

// A code that was skipped is as used as one that was accepted.
func TestHOTPSkippedCodesAreUsed(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := kit(t, key)
	accepted(t, k, "1", testkit.Code(t, key, 4), true)
	for c := range uint64(5) {
		k.Clock.Advance(time.Hour)
		accepted(t, k, "1", testkit.Code(t, key, c), false)
		recorded(t, k, token.Replayed)
	}
	k.Clock.Advance(time.Hour)
	accepted(t, k, "1", testkit.Code(t, key, 5), true)
}

func TestTOTPWindow(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		offset int64
		wide   bool
		want   bool
	}{
		{-2, false, false}, {-1, false, true}, {0, false, true}, {1, false, true}, {2, false, false},
		{-21, true, false}, {-20, true, true}, {20, true, true}, {21, true, false},
	} {
		t.Run(fmt.Sprintf("%+d wide %v", c.offset, c.wide), func(t *testing.T) {
			t.Parallel()
			key := testkit.TOTP("1")
			k := kit(t, key)
			code := testkit.Code(t, key, uint64(int64(now(t, k, key))+c.offset))
			r := wide("1", code)
			r.Wide = c.wide
			if got := k.Present(t, r); got != c.want {
				t.Errorf("accepted %v, want %v", got, c.want)
			}
			if drift := k.Token(t, "1").Condition.Drift; c.want && drift != c.offset {
				t.Errorf("learned a drift of %d, want %d", drift, c.offset)
			}
		})
	}
}

// A token whose clock creeps away by a step now and then keeps working, because
// each acceptance teaches where its clock is.
func TestTOTPDriftIsLearned(t *testing.T) {
	t.Parallel()
	for _, sign := range []int64{1, -1} {
		key := testkit.TOTP("1")
		k := kit(t, key)
		for i := range int64(40) {
			k.Clock.Advance(10 * aStep)
			shows := uint64(int64(now(t, k, key)) + sign*(i+1))
			accepted(t, k, "1", testkit.Code(t, key, shows), true)
		}
		if drift := k.Token(t, "1").Condition.Drift; drift != 40*sign {
			t.Errorf("drift %d, want %d", drift, 40*sign)
		}
		// A correct clock is now out of the window.
		k.Clock.Advance(10 * aStep)
		accepted(t, k, "1", testkit.Code(t, key, now(t, k, key)), false)
	}
}

func TestTOTPStepsAreUsedOnce(t *testing.T) {
	t.Parallel()
	key := testkit.TOTP("1")
	k := kit(t, key)
	step := now(t, k, key)
	accepted(t, k, "1", testkit.Code(t, key, step+1), true)
	for _, used := range []uint64{step + 1, step, step - 1} {
		accepted(t, k, "1", testkit.Code(t, key, used), false)
		recorded(t, k, token.Replayed)
	}
	accepted(t, k, "1", testkit.Code(t, key, step+2), false)
	recorded(t, k, token.Delayed)
	k.Clock.Advance(time.Second)
	accepted(t, k, "1", testkit.Code(t, key, step+2), true)
	// A token that is a step ahead shows this one next, and no step between
	// may be used any more.
	k.Clock.Advance(4 * aStep)
	accepted(t, k, "1", testkit.Code(t, key, step+6), true)
	accepted(t, k, "1", testkit.Code(t, key, step+5), false)
	recorded(t, k, token.Replayed)
}

// The clock of the server going back brings no used code to life again.
func TestTOTPClockGoesBack(t *testing.T) {
	t.Parallel()
	key := testkit.TOTP("1")
	k := kit(t, key)
	step := now(t, k, key)
	accepted(t, k, "1", testkit.Code(t, key, step), true)
	k.Clock.Advance(-aStep)
	accepted(t, k, "1", testkit.Code(t, key, step), false)
	accepted(t, k, "1", testkit.Code(t, key, step-1), false)
	k.Clock.Advance(-time.Hour)
	accepted(t, k, "1", testkit.Code(t, key, step-121), false)
}

func TestCodesOfEveryForm(t *testing.T) {
	t.Parallel()
	for _, hash := range []string{"SHA1", "SHA256", "SHA512"} {
		for digits := 6; digits <= 10; digits++ {
			for _, period := range []uint64{30, 60, 3600} {
				t.Run(fmt.Sprintf("TOTP %s %d digits %d s", hash, digits, period), func(t *testing.T) {
					key := testkit.Digits(testkit.Period(testkit.TOTP("1"), period), digits)
					key.Hash = hash
					k := kit(t, key)
					step := now(t, k, key)
					code := testkit.Code(t, key, step)
					if digits <= 8 {
						if tool := testkit.OathtoolTOTP(t, key, 0, k.Clock.Now()); tool != code {
							t.Fatalf("oathtool shows %s, package oath %s", tool, code)
						}
					}
					accepted(t, k, "1", code, true)
					accepted(t, k, "1", code, false)
					next(t, k, "1", step+1)
				})
			}
			t.Run(fmt.Sprintf("HOTP %s %d digits", hash, digits), func(t *testing.T) {
				key := testkit.Digits(testkit.HOTP("1"), digits)
				key.Hash = hash
				k := kit(t, key)
				code := testkit.Code(t, key, 3)
				if hash == "SHA1" && digits <= 8 {
					tool := testkit.Oathtool(t, key.Secret, "--hotp", "--digits", strconv.Itoa(digits), "--counter",
						"3")
					if tool[0] != code {
						t.Fatalf("oathtool shows %s, package oath %s", tool[0], code)
					}
				}
				accepted(t, k, "1", code, true)
				accepted(t, k, "1", code, false)
			})
		}
	}
}

// Time steps may begin to count elsewhere than in 1970.
func TestTOTPBeginningOfTime(t *testing.T) {
	t.Parallel()
	key := testkit.TOTP("1")
	k := kit(t)
	t0 := testkit.Start.Add(-1000 * time.Second).Unix()
	k.Stage(t, token.Token{Kind: token.Hardware, Identity: token.Identity{Type: "totp", Serial: "1"},
		Spec: token.Spec{Algorithm: token.TOTP, Hash: "SHA1", Digits: 6, Period: 30, T0: t0}}, key.Secret)
	code := testkit.OathtoolTOTP(t, key, t0, k.Clock.Now())
	accepted(t, k, "1", testkit.Code(t, key, now(t, k, key)), false)
	accepted(t, k, "1", code, true)
	step, err := oath.Step(k.Clock.Now().Unix(), 30, t0)
	if err != nil {
		t.Fatal(err)
	}
	next(t, k, "1", step+1)
}
