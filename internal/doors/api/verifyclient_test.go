package api_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/test/testkit"
)

// bothWays are Accept headers: with the first a request takes the short way, with the
// second the framework's.
var bothWays = []string{"*/*", "application/json;q=0.9"}

// One client of a gateway uses up its share, whichever way its requests take, and is
// refused, on both ways. Meanwhile the user signs in from elsewhere, on both ways.
func TestOneClientCannotLockAUserOverREST(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	s := server(t, key)
	s.User(t, "anna")
	s.Assign(t, "1", "anna")
	post := func(way int, client any, otp string) testkit.Answer {
		return s.Do(t, testkit.Verifier, http.MethodPost, "/api/v1/verify",
			object{"user": "anna", "otp": otp, "client": client}, "Accept", bothWays[way%2])
	}
	why := func(want token.Reason, client string) {
		t.Helper()
		if e := s.LastEntry(t); e.Reason != string(want) || e.After["client"] != client {
			t.Errorf("the log says %s, want %q of %s", e.Raw, want, client)
		}
	}
	for i, guess := range testkit.Wrong(t, key, 0, 5) {
		valid(t, post(i, []string{"192.0.2.66", "::ffff:192.0.2.66", "192.0.2.66:4711"}[i%3], guess), false)
		why(token.Wrong, "192.0.2.66")
		s.Clock.Advance(4 * time.Second)
	}
	for way := range 2 {
		valid(t, post(way, "192.0.2.66", testkit.Code(t, key, 0)), false)
		why(token.ClientLocked, "192.0.2.66")
	}
	for way := range 2 {
		valid(t, post(way, "2001:db8::1", testkit.Code(t, key, uint64(way))), true)
		why(token.NoReason, "2001:db8::1")
	}
	status(t, s.Do(t, testkit.HelpDesk, http.MethodPost, "/api/v1/users/anna/unlock", nil), http.StatusOK, "")
	valid(t, post(0, "192.0.2.66", testkit.Code(t, key, 2)), true)
}

// Whoever may not check codes uses up nobody's share by naming a client, and neither does a
// request that is refused before a code is looked at.
func TestNobodyElseUsesUpTheShareOfAClient(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	s := server(t, key)
	for way := range 2 {
		for range 6 {
			a := s.Do(t, "", http.MethodPost, "/api/v1/verify", object{"serial": "1", "otp": "000000", "client": "192.0.2.66"},
				"Accept", bothWays[way])
			status(t, a, http.StatusUnauthorized, "unauthenticated")
			a = s.Do(t, testkit.Operator, http.MethodPost, "/api/v1/verify",
				object{"serial": "1", "otp": "000000", "client": "192.0.2.66"}, "Accept", bothWays[way])
			status(t, a, http.StatusForbidden, "forbidden")
			a = s.Do(t, testkit.Verifier, http.MethodPost, "/api/v1/verify",
				object{"serial": "1", "otp": "000000", "client": "192.0.2.66", "resynchronize": true}, "Accept", bothWays[way])
			status(t, a, http.StatusForbidden, "forbidden")
			a = s.Do(t, testkit.Verifier, http.MethodPost, "/api/v1/verify",
				object{"serial": "1", "otp": "12 34 56 78 90 1", "client": "192.0.2.66"}, "Accept", bothWays[way])
			status(t, a, http.StatusUnprocessableEntity, "otp_format")
		}
	}
	valid(t, s.Do(t, testkit.Verifier, http.MethodPost, "/api/v1/verify",
		object{"serial": "1", "otp": testkit.Code(t, key, 0), "client": "192.0.2.66"}), true)
}

// A gateway that names no client, or one that it makes up anew each time, is where it was:
// ten wrong codes lock the name for everybody.
func TestWithoutAClientNothingIsShared(t *testing.T) {
	t.Parallel()
	key := testkit.HOTP("1")
	s := server(t, key)
	for i, guess := range testkit.Wrong(t, key, 0, 10) {
		body := object{"serial": "1", "otp": guess}
		if i%2 == 1 {
			body["client"] = fmt.Sprint("request ", i)
		}
		valid(t, s.Do(t, testkit.Verifier, http.MethodPost, "/api/v1/verify", body), false)
		s.Clock.Advance(time.Minute + 4*time.Second)
	}
	if tok := show(t, s, "1"); !tok.Locked {
		t.Errorf("after ten wrong codes the token is %+v", tok)
	}
}
