package authenticator_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ostiary/activation"
	"ostiary/authenticator"
	"ostiary/internal/test/activationtest"
)

// begin begins an online activation that must begin.
func (d *device) begin(t testing.TB, code activation.RegistrationCode) *authenticator.Online {
	t.Helper()
	o, err := d.Begin(t.Context(), offer(code))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// online activates the serial online.
func online(t testing.TB, s *activationtest.Server, d *device) authenticator.Account {
	t.Helper()
	code, password := s.Offer(t, serial, false)
	a, err := d.begin(t, code).Finish(t.Context(), password, choice(pin))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// used checks that the server takes the device's next code.
func used(t testing.TB, s *activationtest.Server, d *device, id, pin string) {
	t.Helper()
	later(s, d, 30*time.Second)
	if !s.Use(t, serial, 1, d.code(t, id, pin, 1), "") {
		t.Error("the server refuses the next code")
	}
}

// later moves both clocks.
func later(s *activationtest.Server, d *device, by time.Duration) {
	now := s.Now().Add(by)
	s.Now = func() time.Time { return now }
	d.now = d.now.Add(by)
}

func TestActivateOnline(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]func(*activation.Profile){
		"plain":                     nil,
		"password":                  {password},
		"checked password":          {checked},
		"bound":                     {bound, password},
		"events":                    {events},
		"events, same key":          {events, sameKey},
		"time, same key, bound":     {sameKey, bound},
		"level none, events, bound": {levelNone, events, bound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, change...)
			code, password := s.Offer(t, serial, false)
			o := d.begin(t, code)
			if o.Server != "https://bank.example" || o.Serial != serial || o.Label != "ann" || o.Replaces != nil ||
				o.Vector.Hash() != s.Vector.Hash() {
				t.Errorf("%+v", o)
			}
			a, err := o.Finish(t.Context(), password,
				authenticator.Choice{Name: "My bank", PIN: authenticator.Secret(pin)})
			if err != nil {
				t.Fatal(err)
			}
			if a.Unconfirmed || a.Name != "My bank" || a.ID != d.only(t).ID {
				t.Errorf("%+v", a)
			}
			if names := must(d.storage.List()); len(names) != 1 {
				t.Errorf("%q is left", names)
			}
			used(t, s, d, a.ID, pin)

			// Once more: a reactivation. A time step that was used counts no more.
			later(s, d, 30*time.Second)
			code, password = s.Offer(t, serial, false)
			if o = d.begin(t, code); o.Replaces == nil || o.Replaces.ID != a.ID {
				t.Error("not told to be a reactivation")
			}
			b, err := o.Finish(t.Context(), password, choice(other))
			if err != nil || b.ID != a.ID || b.Name != "My bank" {
				t.Fatalf("%+v %v", b, err)
			}
			used(t, s, d, b.ID, other)
		})
	}
}

// A clock that is ten minutes off at activation: online the device learns it.
func TestClockOff(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{10 * time.Minute, -10 * time.Minute, -56 * 365 * 24 * time.Hour} {
		s, d := pair(t)
		d.now = d.now.Add(off)
		a := online(t, s, d)
		if a.Shift != -off {
			t.Errorf("off by %v: the shift is %v", off, a.Shift)
		}
		used(t, s, d, a.ID, pin)
		c := must(d.Code(a.ID, authenticator.Secret(pin), 1))
		if left := c.Until.Sub(d.now); left <= 0 || left > 30*time.Second {
			t.Errorf("the code is good for %v", left)
		}
	}
	// Offline nothing is learned, and the server's time can be set.
	s, d := pair(t)
	a := activate(t, s, d)
	d.now = d.now.Add(10 * time.Minute)
	if s.Use(t, serial, 1, d.code(t, a.Account.ID, pin, 1), "") {
		t.Fatal("a code of ten minutes later is accepted")
	}
	if err := d.SetServerTime(a.Account.ID, s.Now()); err != nil {
		t.Fatal(err)
	}
	if shift := d.only(t).Shift; shift != -10*time.Minute {
		t.Errorf("the shift is %v", shift)
	}
	used(t, s, d, a.Account.ID, pin)
	for _, bad := range []time.Time{time.Unix(0, 0), {}, start.AddDate(101, 0, 0)} {
		d.refused(t, authenticator.ErrServerTime, func() error { return d.SetServerTime(a.Account.ID, bad) })
	}
}

// wrong gives wrong passwords. The same one would give the same proof, which the
// server answers the same without counting it.
func wrong(n int) activation.Secret { return activation.Secret(fmt.Sprintf("000000000%d", n)) }

// With a wrong password nothing has changed, and the next try may be right; after the
// last one the offer has ended.
func TestOnlineRefused(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]bool{"first activation": false, "reactivation": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, password, events)
			id := ""
			if again {
				id = activate(t, s, d).Account.ID
			}
			code, right := s.Offer(t, serial, false)
			o := d.begin(t, code)
			before, list := len(must(d.storage.List())), must(d.List())
			for left := 4; left > 1; left-- {
				_, err := o.Finish(t.Context(), wrong(left), choice(other))
				if refused, ok := errors.AsType[*authenticator.RefusedError](err); !ok || refused.TriesLeft != left ||
					!errors.Is(err, authenticator.ErrRefused) {
					t.Errorf("%v, want %d left", err, left)
				}
				if n := len(must(d.storage.List())); n != before {
					t.Errorf("%d records, and %d before", n, before)
				}
				if diff := cmp.Diff(list, must(d.List()),
					cmpopts.IgnoreFields(authenticator.Account{}, "Vector")); diff != "" {
					t.Error(diff)
				}
			}
			// In between the app was ended: the same offer is taken up again.
			d.Vault = must(authenticator.Open(d.config))
			o = d.begin(t, code)
			a, err := o.Finish(t.Context(), right, choice(other))
			if err != nil || again && a.ID != id {
				t.Fatal(err)
			}
			used(t, s, d, a.ID, other)

			code, _ = s.Offer(t, serial, false)
			o = d.begin(t, code)
			for i := range 5 {
				_, err = o.Finish(t.Context(), wrong(i), choice(pin))
			}
			if refused, ok := errors.AsType[*authenticator.RefusedError](err); !ok || refused.TriesLeft != 0 {
				t.Errorf("%v", err)
			}
			if names := must(d.storage.List()); len(names) != 1 {
				t.Errorf("%q is left", names)
			}
			used(t, s, d, a.ID, other) // the old keys are back
			if _, err := d.Begin(t.Context(), offer(code)); !errors.Is(err, authenticator.ErrOffer) {
				t.Errorf("the offer that ended: %v", err)
			}
		})
	}
}

// Each way in which a server does not answer is told apart, and keeps what a second
// try needs.
func TestOnlineUnanswered(t *testing.T) {
	t.Parallel()
	dead := func(string, int, []byte) (int, []byte, error) { return 0, nil, errLine }
	status := func(code int) func(string, int, []byte) (int, []byte, error) {
		return func(string, int, []byte) (int, []byte, error) { return code, nil, nil }
	}
	for name, c := range map[string]struct {
		after func(string, int, []byte) (int, []byte, error)
		want  error
	}{
		"line":          {dead, authenticator.ErrUnreachable},
		"busy":          {status(503), authenticator.ErrBusy},
		"throttled":     {status(429), authenticator.ErrBusy},
		"somebody else": {status(404), authenticator.ErrOffer},
		"a redirect":    {status(302), authenticator.ErrOffer},
		"broken":        {status(500), authenticator.ErrBusy},
		"rubbish": {func(string, int, []byte) (int, []byte, error) { return 200, []byte("hello"), nil },
			activation.ErrMessage},
		"endless": {func(string, int, []byte) (int, []byte, error) {
			return 200, make([]byte, authenticator.MaxAnswer+1), nil
		}, activation.ErrMessage},
		"forged": {func(_ string, _ int, answer []byte) (int, []byte, error) {
			b := slices.Clone(answer)
			b[len(b)-1]++
			return 200, b, nil
		}, activation.ErrAuth},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, bound)
			code, _ := s.Offer(t, serial, false)
			d.line.after = c.after
			if _, err := d.Begin(t.Context(), offer(code)); !errors.Is(err, c.want) {
				t.Errorf("request: %v, want %v", err, c.want)
			}
			d.line.after = nil
			o := d.begin(t, code) // the same request, as the server insists
			d.line.after = c.after
			a, err := o.Finish(t.Context(), nil, choice(pin))
			if !errors.Is(err, authenticator.ErrUnconfirmed) || !errors.Is(err, c.want) || !a.Unconfirmed ||
				a.Server != "https://bank.example" {
				t.Errorf("proof: %+v %v, want %v", a, err, c.want)
			}
			if got := d.only(t); !got.Unconfirmed {
				t.Errorf("%+v", got)
			}
			if err := d.Confirm(t.Context(), a.ID, nil); !errors.Is(err, authenticator.ErrUnconfirmed) ||
				!errors.Is(err, c.want) {
				t.Errorf("again: %v, want %v", err, c.want)
			}
			_, err = d.Begin(t.Context(), offer(code))
			account, ok := errors.AsType[*authenticator.AccountError](err)
			if !ok || account.ID != a.ID || !errors.Is(err, authenticator.ErrUnconfirmed) {
				t.Errorf("the offer once more: %v", err)
			}
			d.line.after = nil
			if err := d.Confirm(t.Context(), a.ID, nil); err != nil {
				t.Fatal(err)
			}
			if n := len(s.Requests); !slices.Equal(s.Requests[n-1], s.Requests[n-2]) {
				t.Error("the proof is another one")
			}
			if got := d.only(t); got.Unconfirmed {
				t.Errorf("%+v", got)
			}
			used(t, s, d, a.ID, pin)
			d.refused(t, authenticator.ErrSettled, func() error { return d.Confirm(t.Context(), a.ID, nil) })
			d.refused(t, authenticator.ErrSettled, func() error { return d.Settle(a.ID, true) })
		})
	}
}

// unconfirmed makes an account of which the server has not heard the proof.
func unconfirmed(t *testing.T, s *activationtest.Server, d *device) authenticator.Account {
	t.Helper()
	code, password := s.Offer(t, serial, false)
	o := d.begin(t, code)
	d.line.before = func(string, []byte) error { return errLine }
	a, err := o.Finish(t.Context(), password, choice(other))
	if !errors.Is(err, authenticator.ErrUnconfirmed) {
		t.Fatal(err)
	}
	d.line.before = nil
	return a
}

// A proof of a time that has passed is made anew, for which the PIN is needed; one by
// event keeps.
func TestConfirmLate(t *testing.T) {
	t.Parallel()
	s, d := pair(t, bound)
	a := unconfirmed(t, s, d)
	later(s, d, 11*time.Minute)
	if err := d.Confirm(t.Context(), a.ID, nil); !errors.Is(err, authenticator.ErrPINEmpty) {
		t.Errorf("without a PIN: %v", err)
	}
	if err := d.Confirm(t.Context(), a.ID, authenticator.Secret(pin)); !errors.Is(err, authenticator.ErrPIN) {
		t.Errorf("with a wrong PIN: %v", err)
	}
	if err := d.Confirm(t.Context(), a.ID, authenticator.Secret(other)); err != nil {
		t.Fatal(err)
	}
	used(t, s, d, a.ID, other)

	s, d = pair(t, events)
	a = unconfirmed(t, s, d)
	later(s, d, 24*time.Hour)
	if err := d.Confirm(t.Context(), a.ID, nil); err != nil {
		t.Fatal(err)
	}
	used(t, s, d, a.ID, other)
}

// A refusal that comes late takes the new keys away.
func TestConfirmRefused(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events, password)
	first := activate(t, s, d)
	code, _ := s.Offer(t, serial, false)
	o := d.begin(t, code)
	d.line.after = func(string, int, []byte) (int, []byte, error) { return 0, nil, errLine }
	a, err := o.Finish(t.Context(), activation.Secret("0000000000"), choice(other))
	if !errors.Is(err, authenticator.ErrUnreachable) {
		t.Fatal(err)
	}
	d.line.after = nil
	err = d.Confirm(t.Context(), a.ID, authenticator.Secret(other))
	if refused, ok := errors.AsType[*authenticator.RefusedError](err); !ok || refused.TriesLeft != 4 {
		t.Fatalf("%v", err)
	}
	used(t, s, d, first.Account.ID, pin)
}

// Without the server the user decides.
func TestSettle(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]bool{"first activation": false, "reactivation": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, events)
			if again {
				activate(t, s, d)
			}
			a := unconfirmed(t, s, d)
			c := must(d.Confirmation(a.ID, authenticator.Secret(other)))
			if err := s.Confirm(serial, c); err != nil {
				t.Fatal(err)
			}
			if err := d.Settle(a.ID, true); err != nil {
				t.Fatal(err)
			}
			used(t, s, d, a.ID, other)
			if names := must(d.storage.List()); len(names) != 1 {
				t.Errorf("%q is left", names)
			}
		})
		t.Run(name+" undone", func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, events)
			if again {
				activate(t, s, d)
			}
			a := unconfirmed(t, s, d)
			if err := d.Settle(a.ID, false); err != nil {
				t.Fatal(err)
			}
			if again {
				used(t, s, d, a.ID, pin)
			} else if names := must(d.storage.List()); len(names) != 0 {
				t.Errorf("%q is left", names)
			}
		})
	}
}

// A letter takes the place of an online activation that is unconfirmed.
func TestLetterOnTopOfUnconfirmed(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	a := unconfirmed(t, s, d)
	done := must(d.Activate(letter(s, s.Letter(t, serial, false)), choice(pin)))
	if err := s.Confirm(serial, done.Confirmation); err != nil {
		t.Fatal(err)
	}
	if done.Account.ID != a.ID || done.Account.Server != "" || len(must(d.storage.List())) != 1 {
		t.Errorf("%+v", done.Account)
	}
	d.kept(t)
	used(t, s, d, a.ID, pin)
}

// An activation on top of one that is unconfirmed: what comes back is what was last
// confirmed.
func TestActivateOnTopOfUnconfirmed(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events, password)
	activate(t, s, d)
	unconfirmed(t, s, d)
	code, _ := s.Offer(t, serial, false)
	if _, err := d.begin(t, code).Finish(t.Context(), activation.Secret("0000000000"), choice("564738")); !errors.Is(
		err, authenticator.ErrRefused) {
		t.Fatal(err)
	}
	used(t, s, d, d.only(t).ID, pin)
}

func TestBeginRefusesWhatIsNoOffer(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	code, _ := s.Offer(t, serial, false)
	d.refused(t, activation.ErrServer, func() error {
		_, err := d.Begin(t.Context(), activation.Offer{Server: "http://bank.example", Code: code})
		return err
	})
	d.refused(t, activation.ErrRegistrationEmpty,
		func() error { _, err := d.Begin(t.Context(), offer(activation.RegistrationCode{})); return err })
	unknown := must(activation.NewRegistrationCode(activationtest.Stream("unknown")))
	if _, err := d.Begin(t.Context(), offer(unknown)); !errors.Is(err, authenticator.ErrOffer) {
		t.Errorf("%v", err)
	}
	if len(s.Requests) != 1 {
		t.Errorf("the server was asked %d times", len(s.Requests))
	}
}

// The user may say no after having seen what the server sent.
func TestAbandon(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	code, _ := s.Offer(t, serial, false)
	o := d.begin(t, code)
	if err := o.Abandon(); err != nil {
		t.Fatal(err)
	}
	if names := must(d.storage.List()); len(names) != 0 {
		t.Errorf("%q is left", names)
	}
}

// Exchanges that came to nothing are forgotten after a week.
func TestOldExchangesAreForgotten(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	d.line.before = func(string, []byte) error { return errLine }
	for range 3 {
		code, _ := s.Offer(t, serial, false)
		_, _ = d.Begin(t.Context(), offer(code))
	}
	if n := len(must(d.storage.List())); n != 3 {
		t.Fatalf("%d are kept", n)
	}
	later(s, d, 8*24*time.Hour)
	d.line.before = nil
	online(t, s, d)
	if names := must(d.storage.List()); len(names) != 1 || !strings.HasSuffix(names[0], ".account") {
		t.Errorf("%q is left", names)
	}
}

func TestOnlineForbidden(t *testing.T) {
	t.Parallel()
	s, d := pair(t, once)
	activate(t, s, d)
	code, _ := s.Offer(t, serial, false)
	if _, err := d.Begin(t.Context(), offer(code)); !errors.Is(err, authenticator.ErrNotAgain) {
		t.Errorf("%v", err)
	}
}
