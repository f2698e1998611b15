package codes_test

import (
	"context"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// A refusal is explained as the log has it, with the distance of a code that was
// recognised in another place.
func TestExplain(t *testing.T) {
	t.Parallel()
	counted, timed := testkit.HOTP("1"), testkit.TOTP("2")
	k := kit(t, counted, timed)
	accepted(t, k, "1", testkit.Code(t, counted, 4), true)
	step := uint64(testkit.Start.Unix() / 30)
	accepted(t, k, "2", testkit.Code(t, timed, step), true)
	for _, c := range []struct {
		serial, otp string
		reason      token.Reason
		ahead       int64
	}{
		{"1", testkit.Code(t, counted, 19), token.OutOfWindow, 14},
		{"1", testkit.Code(t, counted, 4), token.Replayed, -1},
		{"1", testkit.Wrong(t, counted, 5, 1)[0], token.Wrong, 0},
		{"2", testkit.Code(t, timed, step+9), token.OutOfWindow, 9},
		{"2", testkit.Code(t, timed, step), token.Replayed, 0},
		{"3", "123456", token.Unknown, 0},
	} {
		v, err := k.Engine.Explain(context.Background(), codes.Request{Lookup: store.Lookup{Serial: c.serial}, OTP: c.otp,
			MayList: true})
		if want := (codes.Verdict{Reason: c.reason, Ahead: c.ahead}); err != nil || v != want {
			t.Errorf("%s: %+v, %v; want %+v", c.serial, v, err, want)
		}
		recorded(t, k, c.reason)
	}
	k.Clock.Advance(time.Minute)
	v, err := k.Engine.Explain(context.Background(), codes.Request{Lookup: store.Lookup{Serial: "1"},
		OTP: testkit.Code(t, counted, 5), MayList: true})
	if want := (codes.Verdict{Valid: true}); err != nil || v != want {
		t.Errorf("a right code: %+v, %v", v, err)
	}
}
