package lifecycle_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// ends gives a key an end.
func ends(k *pskc.Key, at time.Time) *pskc.Key {
	k.NotAfter = at
	return k
}

func setDates(k *testkit.Kit, serial string, from, until *time.Time) error {
	_, err := k.Lifecycle.SetDates(background(), testkit.Serial(serial),
		lifecycle.DatesRequest{From: from, Until: until},
		testkit.Origin)
	return err
}

func setState(k *testkit.Kit, serial string, to token.State) error {
	_, err := k.Lifecycle.SetState(background(), testkit.Serial(serial), to, "", testkit.Origin)
	return err
}

func expire(t *testing.T, k *testkit.Kit, want int) {
	t.Helper()
	if n, err := k.Lifecycle.ExpireTokens(t.Context()); err != nil || n != want {
		t.Errorf("%d tokens are revoked, %v, want %d", n, err, want)
	}
}

// Tokens of both kinds that ended are revoked once; all others stay.
func TestExpireTokens(t *testing.T) {
	t.Parallel()
	now := testkit.Start
	key := ends(testkit.HOTP("ended"), now.Add(-time.Second))
	k := kit(t, key, ends(testkit.HOTP("ends now"), now), ends(testkit.HOTP("lost"), now),
		ends(testkit.HOTP("later"), now.Add(time.Hour)), testkit.HOTP("never"))
	k.Assign(t, "ended", "anna")
	k.SetState(t, "lost", token.RevokedLost)
	if err := changeType(k, "app-hotp", func(t *token.Type) { t.Lifetime = 1 }); err != nil {
		t.Fatal(err)
	}
	proven := k.Create(t, "app-hotp")
	if valid, err := k.Engine.Confirm(
		t.Context(), confirmation(token.Identity{Serial: proven.Serial}, testkit.Code(t, proven, 0))); !valid ||
		err != nil {
		t.Fatal(valid, err)
	}
	pending := serials(create(t, k, "app-hotp"))[0]

	size := k.LogSize(t)
	expire(t, k, 2)
	log := k.Log(t, size)
	if len(log) != 2 {
		t.Fatalf("%d entries", len(log))
	}
	e := log[0]
	if e.Action != string(audit.TokenStateChanged) || e.Actor != "system" || e.Reason != "expired" ||
		e.Subject["serial"] != "ended" || e.Subject["user"] != "anna" ||
		fmt.Sprint(e.Before, e.After) != "map[state:VALID] map[state:REVOKED_TOKEN_OTHER]" {
		t.Errorf("the log says %s", e.Raw)
	}
	if tok := k.Token(t, "ended"); tok.Condition.State != token.RevokedOther || tok.StateReason != "expired" ||
		tok.OwnerName != "anna" {
		t.Errorf("the token is %+v", tok)
	}
	k.Unchanged(t, func() { expire(t, k, 0) })
	k.Clock.Advance(24 * time.Hour)
	expire(t, k, 2) // later and the proven one
	for serial, want := range map[string]token.State{"never": token.Valid, "lost": token.RevokedLost,
		"later":       token.RevokedOther,
		proven.Serial: token.RevokedOther, pending: token.Pending} {
		if got := k.Token(t, serial).Condition.State; got != want {
			t.Errorf("%s is %s, want %s", serial, got, want)
		}
	}
}

// More than fit one transaction, by several servers at once: each once.
func TestExpireManyTogether(t *testing.T) {
	t.Parallel()
	const n = 520
	keys := make([]*pskc.Key, n)
	for i := range keys {
		keys[i] = ends(testkit.HOTP(fmt.Sprint(10000+i)), testkit.Start)
	}
	k := kit(t, keys...)
	size := k.LogSize(t)
	var wg sync.WaitGroup
	var done [4]int
	for i := range done {
		wg.Go(func() {
			var err error
			if done[i], err = k.Lifecycle.ExpireTokens(background()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if sum := done[0] + done[1] + done[2] + done[3]; sum != n || k.LogSize(t)-size != n {
		t.Errorf("%v revoked, %d entries, want %d", done, k.LogSize(t)-size, n)
	}
	other := token.RevokedOther
	if got := len(k.Serials(t, lifecycle.Filter{State: &other})); got != n {
		t.Errorf("%d are revoked", got)
	}
}

func TestSetDates(t *testing.T) {
	t.Parallel()
	key := ends(testkit.HOTP("1"), testkit.Start.Add(time.Hour))
	k := kit(t, key)
	begin, end, none := testkit.Start.Add(time.Minute), testkit.Start.Add(48*time.Hour), time.Time{}
	written(t, k, audit.TokenDatesSet, "map[valid_from:none valid_until:2026-03-01T13:00:15Z]",
		"map[valid_from:2026-03-01T12:01:15Z valid_until:2026-03-03T12:00:15Z]",
		func() error { return setDates(k, "1", &begin, &end) })
	if c := k.Token(t, "1").Condition; !c.NotBefore.Equal(begin) || !c.NotAfter.Equal(end) {
		t.Errorf("the token is %+v", c)
	}
	if k.Verify(t, "1", testkit.Code(t, key, 0)) {
		t.Error("a code is accepted before the begin")
	}
	written(t, k, audit.TokenDatesSet, "map[valid_from:2026-03-01T12:01:15Z valid_until:2026-03-03T12:00:15Z]",
		"map[valid_from:none valid_until:2026-03-03T12:00:15Z]",
		func() error { return setDates(k, "1", &none, nil) })
	if !k.Verify(t, "1", testkit.Code(t, key, 0)) {
		t.Error("a code is refused without a begin")
	}
	past, old := testkit.Start.Add(-time.Hour), time.Unix(-5, 0)
	written(t, k, audit.TokenDatesSet, "map[valid_from:none valid_until:2026-03-03T12:00:15Z]",
		"map[valid_from:none valid_until:2026-03-01T11:00:15Z]",
		func() error { return setDates(k, "1", nil, &past) })
	k.Unchanged(t, func() {
		testkit.IsFault(t, setDates(k, "1", nil, nil), fault.Invalid, "dates")
		testkit.IsFault(t, setDates(k, "1", &end, nil), fault.Invalid, "dates")
		testkit.IsFault(t, setDates(k, "1", &past, nil), fault.Invalid, "dates")
		testkit.IsFault(t, setDates(k, "1", nil, &old), fault.Invalid, "dates")
		testkit.IsFault(t, setDates(k, "nonesuch", nil, &end), fault.NotFound, "token_not_found")
	})
}

// A token that ended comes back with a later date, and not without.
func TestExpiredTokenComesBack(t *testing.T) {
	t.Parallel()
	key := ends(testkit.HOTP("1"), testkit.Start)
	k := kit(t)
	k.Import(t, key)
	expire(t, k, 1)
	k.Unchanged(t, func() {
		err := setState(k, "1", token.Valid)
		testkit.IsFault(t, err, fault.Conflict, "token_expired")
		if want := "Token 1 ended on 2026-03-01T12:00:15Z. Give it a later date first: ostiary token dates 1 " +
			"--until DATE"; err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	})
	later := testkit.Start.Add(time.Hour)
	if err := setDates(k, "1", nil, &later); err != nil {
		t.Fatal(err)
	}
	if k.Verify(t, "1", testkit.Code(t, key, 0)) {
		t.Error("a revoked token is back by its date")
	}
	if err := setState(k, "1", token.Valid); err != nil {
		t.Fatal(err)
	}
	expire(t, k, 0)
	if !k.Verify(t, "1", testkit.Code(t, key, 0)) {
		t.Error("the token is not back")
	}
}

func TestListExpiring(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	k := kit(t, ends(testkit.HOTP("now"), testkit.Start), ends(testkit.HOTP("day"), testkit.Start.Add(day)),
		ends(testkit.HOTP("week"), testkit.Start.Add(7*day)), testkit.HOTP("never"))
	for days, want := range map[time.Duration][]string{1: {"day"}, 7: {"day", "week"}, 6: {"day"},
		0: {"now", "day", "week", "never"}} {
		if got := k.Serials(t, lifecycle.Filter{Expiring: days * day}); !slices.Equal(got, want) {
			t.Errorf("within %d days: %v, want %v", days, got, want)
		}
	}
}
