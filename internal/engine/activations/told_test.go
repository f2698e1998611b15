package activations_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/events"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/test/testkit"
)

// told gives what a receiver was told since the last time, when all that is due is sent.
func told(t *testing.T, k *testkit.Kit, r *testkit.Receiver) (all []testkit.Told) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { k.Events.Run(ctx); close(done) }()
	end := time.Now().Add(20 * time.Second)
	for k.Count(t, "SELECT count(*) FROM event") > 0 {
		time.Sleep(time.Millisecond)
		if time.Now().After(end) {
			t.Fatal("events are left")
		}
	}
	stop()
	<-done
	return r.Take()
}

// Whatever a user is to know is told once: that an activation has begun, that a device took
// it, that it is confirmed by whichever way, that it is unbound. A wrong code, a second answer
// to the same message, and a refused beginning tell nothing.
func TestEachActivationIsTold(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	r := testkit.NewReceiver(t)
	r.Tell(t, s.k)
	expect := func(what string, want ...string) {
		t.Helper()
		var got []string
		for _, e := range told(t, s.k, r) {
			if e.Serial != s.serial || e.User != "alice" || e.Type != "phone" || !e.Time.Equal(s.k.Clock.Now()) {
				t.Errorf("%+v", e)
			}
			got = append(got, fmt.Sprintf("%s %v %q again %v", e.Kind, e.Details["route"], e.Details["device_name"],
				e.Details["again"]))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	p := s.phone(s.offer())
	expect("begun", `activation.started online %!q(<nil>) again false`)
	d := p.activated(nil)
	expect("taken", `activation.taken <nil> "Pixel of Ann" again <nil>`)
	if _, err := p.take(p.exchange.Request()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.confirm(activation.Confirmation{OTP: activation.Secret("000000")}); err != nil {
		t.Fatal(err)
	}
	expect("asked again, and a wrong code")
	right := d.confirmation()
	for range 2 {
		if r, err := p.confirm(right); err != nil || !r.Accepted {
			t.Fatalf("%+v, %v", r, err)
		}
	}
	expect("confirmed", `activation.confirmed <nil> "Pixel of Ann" again false`)
	if _, err := s.k.Activations.Start(t.Context(), s.request(activations.Online)); err == nil {
		t.Fatal("no interval")
	}
	expect("refused by a limit")
	if _, err := s.k.Activations.Unbind(t.Context(), tokens.Selector{Serial: s.serial}, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	expect("unbound", `token.unbound <nil> %!q(<nil>) again <nil>`)
}

// The password of an activation that a user begins is told, and not answered; if it cannot be
// told, nothing is begun. One that an administrator begins is answered.
func TestThePasswordIsTold(t *testing.T) {
	t.Parallel()
	s := setUp(t, checked)
	s.activate()
	s.k.Clock.Advance(time.Hour)
	other := testkit.HOTP("H1")
	s.k.Import(t, other)
	s.k.Assign(t, "H1", "alice")
	own := func(n uint64) activations.OwnRequest {
		return activations.OwnRequest{User: "alice", Serial: s.serial, Reason: activations.DeviceReplaced,
			Code: testkit.Code(t, other, n), Origin: testkit.Origin}
	}
	r := testkit.NewReceiver(t)
	r.Tell(t, s.k)
	size := s.k.LogSize(t)
	st, err := s.k.Activations.StartOwn(t.Context(), own(0))
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Password) != 0 || !st.PasswordSent {
		t.Errorf("the answer has the password %q, sent %t", st.Password, st.PasswordSent)
	}
	got := told(t, s.k, r)
	if len(got) != 2 || got[0].Kind == got[1].Kind {
		t.Fatalf("%+v", got)
	}
	for _, e := range got {
		if (e.Kind == "activation.password") != (e.Password != "") || e.User != "alice" || e.Serial != s.serial ||
			e.Reason != "device-replaced" {
			t.Errorf("%+v", e)
		}
		st.Password = append(st.Password, e.Password...)
	}
	for _, e := range s.k.Log(t, size) {
		if text := fmt.Sprint(e); len(st.Password) > 0 && strings.Contains(text, string(st.Password)) {
			t.Errorf("the log has the password: %s", text)
		}
	}
	if c := s.phone(st).activated(nil).confirmation(); len(c.OTP) == 0 { // with the password that was told
		t.Error("it does not activate")
	}
	if begun, err := s.k.Activations.Start(t.Context(), s.request(activations.Online)); err == nil &&
		(len(begun.Password) == 0 || begun.PasswordSent) {
		t.Errorf("an administrator's: %q, sent %t", begun.Password, begun.PasswordSent)
	}

	// Nobody would know the password.
	full, err := events.New(events.Config{DB: s.k.DB, Keys: s.k.Keys, Ways: []events.Way{r.Way(t)}, Now: s.k.Clock.Now,
		MaxWaiting: 1})
	if err != nil {
		t.Fatal(err)
	}
	r.Answer(func(int) int { return http.StatusInternalServerError })
	service, err := activations.New(activations.Config{DB: s.k.DB, Keys: s.k.Keys, Marks: s.k.Marks, Codes: s.k.Engine,
		Tokens: s.k.Lifecycle, Passwords: full, Now: s.k.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.k.Unlock(t, "H1") // waits
	size = s.k.LogSize(t)
	_, err = service.StartOwn(t.Context(), own(1))
	if fault.Of(err).Code != "events_full" {
		t.Errorf("with a full outbox: %v", err)
	}
	for _, e := range s.k.Log(t, size) {
		if e.Action == string(audit.ActivationStarted) {
			t.Error("it has begun")
		}
	}
}
