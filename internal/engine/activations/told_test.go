package activations_test

import (
	"fmt"
	"testing"

	"ostiary/activation"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/test/testkit"
)

// Whatever a user is to know is told once, after it was committed: that an activation has
// begun, that a device took it, that it is confirmed by whichever way, that it is unbound.
// A wrong code, a second answer to the same message, and a refused beginning tell nothing.
func TestEachActivationIsTold(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	var told []string
	s.k.Activations.TellTo(func(e activations.Event) {
		if e.Serial != s.serial || e.User != "alice" || e.Type != "phone" || !e.Time.Equal(s.k.Clock.Now()) {
			t.Errorf("%+v", e)
		}
		told = append(told, fmt.Sprintf("%s %s %q again %t", e.Kind, e.Route, e.DeviceName, e.Again))
	})
	expect := func(what string, want ...string) {
		t.Helper()
		if fmt.Sprint(told) != fmt.Sprint(want) {
			t.Errorf("%s: %q, want %q", what, told, want)
		}
		told = nil
	}
	p := s.phone(s.offer())
	expect("begun", `activation.begun online "" again false`)
	d := p.activated(nil)
	expect("taken", `activation.taken online "Pixel of Ann" again false`)
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
	expect("confirmed", `activation.confirmed online "Pixel of Ann" again false`)
	if _, err := s.k.Activations.Start(t.Context(), s.request(activations.Online)); err == nil {
		t.Fatal("no interval")
	}
	expect("refused by a limit")
	st := s.start(s.request(activations.Offline))
	s.typed(st, nil, nil).accepted()
	expect("by letter", `activation.begun offline "" again true`, `activation.confirmed offline "" again true`)
	if _, err := s.k.Activations.Unbind(t.Context(), tokens.Selector{Serial: s.serial}, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	expect("unbound", `token.unbound offline "" again true`)
}
