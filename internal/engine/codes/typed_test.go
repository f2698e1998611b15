package codes_test

import (
	"testing"

	"ostiary/internal/engine/codes"
	"ostiary/internal/test/testkit"
)

// Blanks between the digits of a code are passed over at every door of the engine.
func TestBlanksBetweenDigits(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	k := holder(t, key)
	code := func(counter uint64) string {
		c := testkit.Code(t, key, counter)
		return c[:3] + " " + c[3:5] + "  " + c[5:]
	}
	accepted(t, k, "1", code(0), true)
	accepted(t, k, "1", code(0), false) // the same code, however it is typed
	valid, err := k.Engine.Resync(t.Context(), codes.ResyncRequest{Lookup: lookup("1"), OTP1: code(5), OTP2: code(6),
		Origin: testkit.Origin})
	if err != nil || !valid {
		t.Errorf("resync: %v, %v", valid, err)
	}
	for typed, want := range map[string]string{"123 456": "123456", "12 34 56": "123456", " 123456": " 123456",
		"123456 ": "123456 ", "123\t456": "123\t456", "": "", " ": " ", "1-2": "1-2"} {
		if got := codes.Typed(typed); got != want {
			t.Errorf("%q is %q, want %q", typed, got, want)
		}
	}
}
