package lifecycle_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

func background() context.Context { return context.Background() }

// holder is whoever opens a link.
var holder = audit.Origin{Actor: "enrolment", Source: "198.51.100.7:1"}

// confirmation is a first code of a token.
func confirmation(id token.Identity, code string) codes.ConfirmRequest {
	return codes.ConfirmRequest{Lookup: store.Lookup{Serial: id.Serial, Type: id.Type}, OTP: code, Origin: holder}
}

// show opens a link.
func show(k *testkit.Kit, link string) (lifecycle.Shown, error) {
	return k.Lifecycle.ShowSecret(background(), link, holder)
}

// dead checks that a link shows nothing and changes nothing.
func dead(t *testing.T, k *testkit.Kit, what, link string) {
	t.Helper()
	k.Unchanged(t, func() {
		shown, err := show(k, link)
		if shown.URI.Len() != 0 || shown.Ticket.Len() != 0 || shown.Token.ID != 0 {
			t.Errorf("%s: shown %+v", what, shown.Token)
		}
		testkit.IsFault(t, err, fault.NotFound, "link_invalid")
	})
}

func TestEnrolment(t *testing.T) {
	t.Parallel()
	k := kit(t)
	made := create(t, k, "app-totp", forUser("anna"))[0]
	link := string(made.Link.Bytes())
	k.Clock.Advance(29 * time.Minute)
	_, err := k.Lifecycle.TicketToken(t.Context(), link)
	testkit.IsFault(t, err, fault.NotFound, "link_invalid")
	size := k.LogSize(t)
	shown, err := show(k, link)
	if err != nil {
		t.Fatal(err)
	}
	if e := k.LastEntry(t); k.LogSize(t) != size+1 || e.Action != string(audit.EnrolmentShown) ||
		e.Actor != "enrolment" || e.Source != holder.Source ||
		e.Subject["serial"] != made.Token.Identity.Serial || e.Subject["user"] != "anna" {
		t.Errorf("the log says %s", e.Raw)
	}
	if shown.Account != "anna" || shown.Token != made.Token || !shown.Expires.Equal(k.Clock.Now().Add(30*time.Minute)) {
		t.Errorf("shown %+v", shown)
	}
	dead(t, k, "a link that was used", link)
	dead(t, k, "the ticket as a link", string(shown.Ticket.Bytes()))
	dead(t, k, "no link", "")
	id, err := k.Lifecycle.TicketToken(t.Context(), string(shown.Ticket.Bytes()))
	if err != nil || id != made.Token.Identity {
		t.Errorf("the ticket is for %v, %v", id, err)
	}
	// What was shown makes the codes that are taken.
	key := testkit.KeyOf(t, id.Serial, string(shown.URI.Bytes()))
	code := testkit.Code(t, key, testkit.Step(t, key, k.Clock.Now()))
	if valid, err := k.Engine.Confirm(t.Context(), confirmation(id, code)); !valid || err != nil {
		t.Errorf("confirm: %v, %v", valid, err)
	}
	readable(t, k, link, string(shown.Ticket.Bytes()), string(shown.URI.Bytes()), string(key.Secret))
	k.Clock.Advance(30 * time.Minute)
	_, err = k.Lifecycle.TicketToken(t.Context(), string(shown.Ticket.Bytes()))
	testkit.IsFault(t, err, fault.NotFound, "link_invalid")
}

func TestLinkEnds(t *testing.T) {
	t.Parallel()
	k := kit(t)
	made := create(t, k, "app-totp", count(4))
	link := func(i int) string { return string(made[i].Link.Bytes()) }
	revealed := create(t, k, "app-totp", reveal)[0]
	k.SetState(t, made[0].Token.Identity.Serial, token.RevokedLost)
	dead(t, k, "of a revoked token", link(0))
	if _, err := k.Lifecycle.Delete(t.Context(), testkit.Serial(made[1].Token.Identity.Serial),
		testkit.Origin); err != nil {
		t.Fatal(err)
	}
	dead(t, k, "of a deleted token", link(1))
	k.Clock.Advance(30 * time.Minute)
	dead(t, k, "that expired", link(2))

	// A new link for what was not shown; the one before is dead.
	serial := made[2].Token.Identity.Serial
	size := k.LogSize(t)
	renewed, expires, err := k.Lifecycle.RenewLink(t.Context(), testkit.Serial(serial), testkit.Origin)
	if err != nil || !expires.Equal(k.Clock.Now().Add(30*time.Minute)) {
		t.Fatalf("renewed until %s, %v", expires, err)
	}
	if e := k.LastEntry(t); k.LogSize(t) != size+1 || e.Action != string(audit.EnrolmentRenewed) ||
		e.Subject["serial"] != serial {
		t.Errorf("the log says %s", e.Raw)
	}
	dead(t, k, "before the new one", link(2))
	if _, err := show(k, string(renewed.Bytes())); err != nil {
		t.Errorf("the new link: %v", err)
	}
	k.Unchanged(t, func() {
		for serial, code := range map[string]string{serial: "secret_shown",
			revealed.Token.Identity.Serial: "secret_shown", made[0].Token.Identity.Serial: "not_pending"} {
			link, _, err := k.Lifecycle.RenewLink(t.Context(), testkit.Serial(serial), testkit.Origin)
			testkit.IsFault(t, err, fault.Conflict, code)
			if link.Len() != 0 {
				t.Errorf("a link for %s", serial)
			}
		}
	})
}

// One link used 64 times at once shows the secret once.
func TestLinkUsedInParallel(t *testing.T) {
	t.Parallel()
	k := kit(t)
	for _, made := range create(t, k, "app-hotp", count(5)) {
		var shown atomic.Int64
		var wg sync.WaitGroup
		for range 64 {
			wg.Go(func() {
				got, err := show(k, string(made.Link.Bytes()))
				if err == nil && got.URI.Len() > 0 {
					shown.Add(1)
				} else if fault.Of(err).Code != "link_invalid" || got.URI.Len() > 0 {
					t.Errorf("show: %v", err)
				}
			})
		}
		wg.Wait()
		if shown.Load() != 1 {
			t.Errorf("one link showed the secret %d times", shown.Load())
		}
	}
}

// No secret leaves before its showing is committed; the link is then still good.
func TestShowThatFails(t *testing.T) {
	t.Parallel()
	k := kit(t)
	made := create(t, k, "app-hotp")[0]
	broken, err := lifecycle.New(
		lifecycle.Config{Keys: k.Keys, Marks: k.Marks, Links: k.Hasher(seal.Link), Now: k.Clock.Now,
			DB: testkit.Failing{DB: k.DB, Fail: func() error { return fmt.Errorf("of the test's own") }}})
	if err != nil {
		t.Fatal(err)
	}
	k.Unchanged(t, func() {
		shown, err := broken.ShowSecret(t.Context(), string(made.Link.Bytes()), holder)
		if err == nil || shown.URI.Len() > 0 {
			t.Error("shown without a write")
		}
	})
	if _, err := show(k, string(made.Link.Bytes())); err != nil {
		t.Error(err)
	}
}
