package activations_test

import (
	"flag"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/activations"
	"ostiary/internal/test/testkit"
)

// Tests are to fail every time or never: what rapid draws is the same each time.
// make soak draws anew, by -rapid.seed=0.
func init() { _ = flag.Set("rapid.seed", "1") }

// Item 5, any history: devices that were activated one after the other present codes,
// activations are begun, confirmed rightly and wrongly, cancelled, the token is lost,
// found and unbound. No event counter falls, nor the epoch; each code is accepted once;
// and nothing but the last confirmed device is, while nothing keeps it from it.
func TestItem5AnyHistory(t *testing.T) {
	t.Parallel()
	profiles := [][]func(*activation.Profile){nil, {bound}, {many, bound}, {sameKey, bound}}
	var logins, epochs int64
	rapid.Check(t, func(rt *rapid.T) {
		edits := profiles[rapid.IntRange(0, len(profiles)-1).Draw(rt, "profile")]
		w := &walk{scene: setUp(t, edits...), rt: rt}
		for range rapid.IntRange(5, 25).Draw(rt, "steps") {
			w.step()
			w.holds()
		}
		logins, epochs = logins+w.logins, epochs+w.highest.Epoch
	})
	if t.Logf("%d logins, %d epochs", logins, epochs); logins < 5 || epochs < 20 {
		t.Error("too little has come about")
	}
}

type walk struct {
	*scene
	rt      *rapid.T
	devices []*device // all that were ever made of an activation, confirmed or not
	live    *device   // the last confirmed one
	open    *device   // of the open activation
	highest token.Condition
	logins  int64
}

func (w *walk) step() {
	w.k.Clock.Advance(time.Minute)
	switch do := rapid.IntRange(0, 9).Draw(w.rt, "do"); {
	case do < 2:
		w.begin()
	case do < 4:
		w.confirmOpen()
	case do < 7:
		w.present()
	case do == 7:
		_, _ = w.scene.confirm(w.wrongOTP()) // spends a try of what is open
	case do == 8:
		w.change()
	default:
		if _, err := w.k.Activations.Cancel(w.Context(), w.request("").Token, testkit.Origin); err == nil {
			w.open = nil
		}
	}
}

func (w *walk) begin() {
	r := w.request(activations.Offline)
	r.Reason = rapid.SampledFrom([]activations.Reason{"", activations.PINForgotten, activations.DeviceLost}).Draw(
		w.rt, "reason")
	st, err := w.k.Activations.Start(w.Context(), r)
	if err != nil {
		w.rt.Fatal(err) // the states of this walk all allow it
	}
	old := w.live
	if rapid.Bool().Draw(w.rt, "on another device") && w.vector.Profile().Rules.NewKey {
		old = nil
	}
	w.open = w.typed(st, nil, old)
	w.devices = append(w.devices, w.open)
}

func (w *walk) confirmOpen() {
	if w.open == nil {
		return
	}
	before := w.token().Condition
	c := w.open.confirmation()
	r, err := w.scene.confirm(c)
	if err == nil && r.Accepted {
		if again, err := w.scene.confirm(c); err == nil || w.k.Verify(w, w.serial, string(c.OTP)) {
			w.rt.Fatalf("a confirmation is accepted twice: %+v", again)
		}
		w.k.Unlock(w, w.serial)
		if r.Token.Condition.Epoch != before.Epoch+1 {
			w.rt.Fatalf("epoch %d after %d", r.Token.Condition.Epoch, before.Epoch)
		}
		w.live, w.open = w.open, nil
	}
}

func (w *walk) present() {
	if len(w.devices) == 0 {
		return
	}
	d := w.devices[rapid.IntRange(0, len(w.devices)-1).Draw(w.rt, "device")]
	if w.live != nil && rapid.Bool().Draw(w.rt, "the live one") {
		d = w.live
	}
	w.k.Unlock(w, w.serial)
	before := w.token().Condition
	code := d.code(1)
	ok := w.k.Verify(w, w.serial, code)
	same := w.live != nil && string(d.Secret) == string(w.live.Secret) && string(d.Device) == string(w.live.Device)
	switch {
	case ok && (!same || before.State != token.Valid):
		w.rt.Fatalf("a device is accepted that is not the live one, or of a token that is %s", before.State)
	case ok && w.k.Verify(w, w.serial, code):
		w.rt.Fatal("a code is accepted twice")
	case ok:
		w.logins++
	}
}

// change lets the token be lost, found, or unbound.
func (w *walk) change() {
	switch sel := w.request("").Token; rapid.IntRange(0, 2).Draw(w.rt, "change") {
	case 0:
		_, _ = w.k.Lifecycle.SetState(w.Context(), sel, token.RevokedLost, "", testkit.Origin) // refused if it is
	case 1:
		_, _ = w.k.Lifecycle.SetState(w.Context(), sel, token.Valid, "", testkit.Origin)
	case 2:
		if _, err := w.k.Activations.Unbind(w.Context(), sel, testkit.Origin); err == nil {
			w.live = nil
		}
	}
}

func (w *walk) holds() {
	c := w.token().Condition
	if c.Epoch < w.highest.Epoch || w.vector.Profile().Applications[0].Suite.Event() && c.Next < w.highest.Next {
		w.rt.Fatalf("epoch and counter %d, %d after %d, %d", c.Epoch, c.Next, w.highest.Epoch, w.highest.Next)
	}
	if c.State == token.Valid && w.live == nil {
		w.rt.Fatal("VALID without a device")
	}
	w.highest = c
}
