package console_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/test/testkit"
)

// on gives the token of a serial.
func on(t testing.TB, s *testkit.Server, serial string) token.Token {
	t.Helper()
	is, err := s.Lifecycle.Show(t.Context(), testkit.Serial(serial))
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// A code is judged, and a refusal says why and what to do next. No code comes back.
func TestVerify(t *testing.T) {
	t.Parallel()
	fob := testkit.HOTP("1001")
	s, b := admin(t, fob)
	const where = "/tokens/1001/verify"
	has(t, b.get(t, where), 200, "Verify · ", "A right code is used up")
	code := testkit.Code(t, fob, 0)
	has(t, b.post(t, where, "otp", code[:3]+" "+code[3:]), 200, "<b>Valid</b>", "!"+code)
	has(t, b.post(t, where, "otp", code), 200, "used before", "!<b>Valid</b>", "!"+code)
	has(t, b.post(t, where, "otp", testkit.Code(t, fob, 15)), 200, "14 ahead of the window", ">Resynchronize</a>")
	has(t, b.post(t, where, "otp", testkit.Code(t, fob, 15), "further", "yes"), 200, "<b>Valid</b>")
	has(t, b.post(t, where, "otp", "12"), 422, "There is a problem", "!value=\"12\"")
	has(t, b.post(t, where, "otp", "12345678"), 422, "There is a problem")
	wrong := testkit.Wrong(t, fob, 16, 1)[0]
	has(t, b.post(t, where, "otp", wrong), 200, "wrong code", "!"+wrong)
	if got := on(t, s, "1001").Condition; !got.LastUsed.IsZero() || got.Next != 16 {
		t.Errorf("after checks the token is %+v", got)
	}
	if e := s.LastEntry(t); e.Actor != "account:anna" || e.Role != "admin" {
		t.Errorf("entry %s", e.Raw)
	}
	for range 10 {
		b.post(t, where, "otp", wrong)
		s.Clock.Advance(2 * time.Minute)
	}
	has(t, b.post(t, where, "otp", testkit.Code(t, fob, 16)), 200, "!<b>Valid</b>", "locked", ">Unlock</a>")
	has(t, b.get(t, "/tokens?locked=yes"), 200, "1 token<", "locked</span>")
	leads(t, b.post(t, "/tokens/1001/unlock"), "/tokens/1001?key_id=1001&manufacturer=Acme&type=hotp&did=unlock&of=1001")
	has(t, b.post(t, where, "otp", testkit.Code(t, fob, 16)), 200, "<b>Valid</b>")
}

// One code, sent by many at once, is valid once.
func TestVerifyTakesACodeOnce(t *testing.T) {
	t.Parallel()
	fob := testkit.HOTP("1001")
	_, b := admin(t, fob)
	var wait sync.WaitGroup
	var mu sync.Mutex
	valid := 0
	for range 16 {
		wait.Go(func() {
			a := (&browser{Server: b.Server, cookies: map[string]string{session: b.cookies[session]}, site: "same-origin"}).
				post(t, "/tokens/1001/verify", "otp", testkit.Code(t, fob, 3))
			mu.Lock()
			defer mu.Unlock()
			if strings.Contains(a.Body, "<b>Valid</b>") {
				valid++
			}
		})
	}
	wait.Wait()
	if valid != 1 {
		t.Errorf("the code was valid %d times", valid)
	}
}

// Two codes in a row bring a token back into step; both are used up.
func TestResynchronize(t *testing.T) {
	t.Parallel()
	fob := testkit.HOTP("1001")
	s, b := admin(t, fob)
	const where = "/tokens/1001/resync"
	has(t, b.get(t, where), 200, `name="counter" type="number" value="0"`)
	otp := func(n uint64) string { return testkit.Code(t, fob, n) }
	has(t, b.post(t, where, "otp1", otp(300), "otp2", otp(302), "counter", "0"), 200, "not in a row", "!"+otp(300),
		"!"+otp(302))
	has(t, b.post(t, where, "otp1", otp(300), "otp2", otp(301), "counter", "x"), 422, `value="x"`, "!"+otp(300))
	leads(t, b.post(t, where, "otp1", otp(300), "otp2", otp(301), "counter", "0"),
		"/tokens/1001?key_id=1001&manufacturer=Acme&type=hotp&did=resync&of=1001")
	if next := on(t, s, "1001").Condition.Next; next != 302 {
		t.Errorf("the token is at %d", next)
	}
	has(t, b.post(t, "/tokens/1001/verify", "otp", otp(301)), 200, "used before")
}

// The state is changed with a reason, and set back by a button for 15 seconds.
func TestStateAndUndo(t *testing.T) {
	t.Parallel()
	s, b := admin(t, testkit.HOTP("1001"), testkit.HOTP("1002"))
	has(t, b.get(t, "/tokens/1001/state"), 200, `value="VALID" checked`)
	has(t, b.post(t, "/tokens/1001/state", "state", "VALID", "reason", "typed <i>"), 409, "already VALID",
		"typed &lt;i&gt;")
	has(t, b.post(t, "/tokens/1001/state", "reason", "typed"), 422, "Choose a status", `value="typed"`)
	has(t, b.post(t, "/tokens/1001/state", "state", "PENDING"), 409)
	a := b.post(t, "/tokens/1001/state?back=sort%3Dserial", "state", "REVOKED_TOKEN_LOST", "reason", "in the river")
	where := a.Header.Get("Location")
	leads(t, a, fmt.Sprintf("/tokens?sort=serial&did=state&of=1001&until=%d&was=VALID", s.Clock.Now().Unix()+15))
	if got := on(t, s, "1001"); got.Condition.State != token.RevokedLost || got.StateReason != "in the river" {
		t.Errorf("the token is %v, %q", got.Condition.State, got.StateReason)
	}
	page := b.get(t, where)
	has(t, page, 200, "The state is changed", "Token 1001", "Revoked, token lost", `seconds="15"`, ">Undo<")
	s.Clock.Advance(16 * time.Second)
	has(t, b.get(t, where), 200, "!>Undo<")
	action := link(t, page, `method="post" action="(/tokens/1001/state[^"]*)"`)
	leads(t, b.post(t, action, "state", "VALID", "reason", "undone"), fmt.Sprintf(
		"/tokens?sort=serial&did=state&of=1001&until=%d&was=REVOKED_TOKEN_LOST", s.Clock.Now().Unix()+15))
	if got := on(t, s, "1001").Condition.State; got != token.Valid {
		t.Errorf("the token is %v", got)
	}
	// Nobody is led elsewhere.
	for _, back := range []string{"//evil.example", "https://evil.example/?", "sort=evil"} {
		a := b.post(t, "/tokens/1002/state?back="+back, "state", "REVOKED_TOKEN_LOST")
		if strings.Contains(a.Header.Get("Location"), "evil") {
			t.Errorf("%s leads to %s", back, a.Header.Get("Location"))
		}
		b.post(t, "/tokens/1002/state", "state", "VALID")
	}
}

// A token is assigned, taken away, and replaced by one of stock.
func TestAssignAndReplace(t *testing.T) {
	t.Parallel()
	s, b := admin(t, testkit.HOTP("1001"), testkit.HOTP("1002"))
	has(t, b.post(t, "/tokens/1001/assign", "user", "nobody <b>"), 404, "nobody &lt;b&gt;", "There is a problem")
	s.User(t, "bea")
	a := b.post(t, "/tokens/1001/assign", "user", "Bea")
	has(t, b.get(t, a.Header.Get("Location")), 200, "The token is assigned", ">bea</a></dd>", "/unassign?", "!/assign?")
	has(t, b.post(t, "/tokens/1002/assign", "user", "bea"), http.StatusSeeOther)
	has(t, b.post(t, "/tokens/1002/unassign"), http.StatusSeeOther)
	has(t, b.post(t, "/tokens/1001/replace", "by", " ", "state", "REVOKED_TOKEN_LOST"), 422, "Enter the serial number")
	has(t, b.post(t, "/tokens/1001/replace", "by", "9999", "state", "REVOKED_TOKEN_LOST"), 404, `value="9999"`)
	has(t, b.post(t, "/tokens/1001/replace", "by", "1002", "state", "REVOKED_TOKEN_BROKEN", "reason", "battery"), 303)
	old, is := on(t, s, "1001"), on(t, s, "1002")
	if old.OwnerName != "" || old.Condition.State != token.RevokedBroken || old.StateReason != "battery" ||
		is.OwnerName != "bea" {
		t.Errorf("the old token is %v of %q, the new one of %q", old.Condition.State, old.OwnerName, is.OwnerName)
	}
}

// Dates are those of the server's zone; what is not changed stays to the second.
func TestDates(t *testing.T) {
	t.Parallel()
	s, b := admin(t, testkit.HOTP("1001"))
	has(t, b.post(t, "/tokens/1001/dates"), 422, "as they were")
	has(t, b.post(t, "/tokens/1001/dates", "until", "tomorrow"), 422, `value="tomorrow"`)
	has(t, b.post(t, "/tokens/1001/dates", "until", "2031-05-06T07:08"), 303)
	want := time.Date(2031, 5, 6, 7, 8, 0, 0, time.Local)
	if got := on(t, s, "1001").Condition; !got.NotAfter.Equal(want) || !got.NotBefore.IsZero() {
		t.Errorf("the dates are %v and %v", got.NotBefore, got.NotAfter)
	}
	has(t, b.get(t, "/tokens/1001/dates"), 200, `value="2031-05-06T07:08"`)
	has(t, b.post(t, "/tokens/1001/dates", "until", ""), 303)
	if got := on(t, s, "1001").Condition.NotAfter; !got.IsZero() {
		t.Errorf("it ends on %v", got)
	}
}

// A token is deleted for good, and its history remains.
func TestDelete(t *testing.T) {
	t.Parallel()
	s, b := admin(t, testkit.HOTP("1001"), testkit.HOTP("1002"))
	has(t, b.get(t, "/tokens/1001/delete?back=-"), 200, "Delete · ", "gone for good", `href="/tokens" data-close autofocus`)
	a := b.post(t, "/tokens/1001/delete?back=-")
	leads(t, a, "/tokens?did=delete&of=1001")
	has(t, b.get(t, a.Header.Get("Location")), 200, "The token is deleted", "1 token<")
	has(t, b.get(t, "/tokens/1001"), 404)
	if e := s.LastEntry(t); e.Action != "token.deleted" {
		t.Errorf("entry %s", e.Raw)
	}
	for range 21 {
		b.post(t, "/tokens/1002/state", "state", "REVOKED_TOKEN_OTHER", "reason", "a")
		b.post(t, "/tokens/1002/state", "state", "VALID", "reason", "b")
	}
	page := b.get(t, "/tokens/1002/history")
	has(t, page, 200, "token.state_changed", "account:anna", "!token.imported")
	older := b.get(t, link(t, page, `href="([^"]*)" data-dialog>Older`))
	has(t, b.get(t, link(t, older, `href="([^"]*)" data-dialog>Older`)), 200, "!>Older<")
}

// A serial that several tokens have leads to the one of the row.
func TestSameSerial(t *testing.T) {
	t.Parallel()
	one, other := testkit.HOTP("1001"), testkit.HOTP("1001")
	one.Manufacturer, other.Manufacturer = "First", "Second"
	other.Secret = testkit.HOTP("other").Secret
	_, b := admin(t, one, other)
	has(t, b.get(t, "/tokens/1001"), 409)
	page := b.get(t, "/tokens?manufacturer=Second")
	has(t, b.get(t, link(t, page, `data-open href="([^"]*)"`)), 200, "<dd>Second")
	has(t, b.post(t, link(t, page, `href="(/tokens/1001/delete[^"]*)"`)), 303)
	has(t, b.get(t, "/tokens/1001"), 200, "<dd>First")
}
