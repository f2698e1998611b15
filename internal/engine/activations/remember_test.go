package activations_test

import (
	"bytes"
	"crypto/rand"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/engine/activations"
)

// The server remembers how a confirmation was answered as long as the epoch lives:
// after every clean-up, the restart of a server and a year, the same message is
// answered the same. With the next epoch it is forgotten.
func TestConfirmationIsAnsweredAsLongAsTheEpochLives(t *testing.T) {
	t.Parallel()
	s := setUp(t, bound)
	p := s.phone(s.offer())
	right := p.activated(nil).confirmation()
	for i, wait := range []time.Duration{0, time.Hour, 8 * 24 * time.Hour, 365 * 24 * time.Hour} {
		s.k.Clock.Advance(wait)
		if _, err := s.k.Activations.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r, err := p.confirm(right); err != nil || !r.Accepted {
			t.Fatalf("time %d: %+v, %v", i, r, err)
		}
	}
	if c := s.token().Condition; c.Epoch != 1 {
		t.Errorf("%+v", c)
	}
	// Only the message that confirmed it, and the offer is not given away again.
	_, err := p.confirm(activation.Confirmation{OTP: right.OTP, Derivation: activation.Secret("00000000000000000000")})
	refused(t, "another message", err, "offer_ended")
	_, err = p.take(p.exchange.Request())
	refused(t, "the request", err, "offer_ended")
	q := s.phone(s.offer())
	q.activated(nil).accepted()
	s.k.Clock.Advance(time.Hour)
	if _, err := s.k.Activations.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = p.confirm(right)
	refused(t, "of the epoch before", err, "registration_code")
}

// A right MAC is never throttled, whatever comes from the same source: neither the
// request nor the confirmation.
func TestRightMACIsNeverThrottled(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	p := s.phone(s.offer())
	wrong := bytes.Clone(p.exchange.Request())
	wrong[len(wrong)-1] ^= 1
	flood := func() {
		t.Helper()
		var err error
		for range 30 {
			_, err = s.take(wrong)
		}
		refused(t, "a flood", err, "too_many_wrong")
	}
	flood()
	d := p.activated(nil)
	flood()
	if r, err := p.confirm(d.confirmation()); err != nil || !r.Accepted {
		t.Errorf("%+v, %v", r, err)
	}
}

// A locator that another offer has is drawn again, also one of an offer that ended long
// ago: the codes of both keep their offers.
func TestLocatorIsDrawnAgain(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	first := s.offer()
	drawn := 0
	s.k.Activations.DrawCodes(func() (activation.RegistrationCode, error) {
		if drawn++; drawn < 4 {
			return first.Registration, nil
		}
		return activation.NewRegistrationCode(rand.Reader)
	})
	s.serial = s.create("alice")
	second := s.offer()
	if drawn != 4 || second.Registration.Locator() == first.Registration.Locator() {
		t.Errorf("drawn %d times", drawn)
	}
	s.phone(second).activated(nil)
	s.k.Activations.DrawCodes(func() (activation.RegistrationCode, error) { return first.Registration, nil })
	_, err := s.k.Activations.Start(t.Context(), s.request(activations.Online))
	refused(t, "never another", err, "unavailable")
}

// A device whose offer was confirmed by a code that was typed elsewhere learns it when it
// confirms itself: by the code that was typed, by one that it made before, and by one
// that it makes later. Nothing is used up by that.
func TestDeviceLearnsThatItWasConfirmedElsewhere(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*activation.Profile){
		"events": nil, "time, bound": {timed, bound}, "bound": {bound}, "same key": {sameKey, bound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setUp(t, edits...)
			var old *device
			if name == "same key" {
				old = s.activate()
				s.k.Clock.Advance(time.Hour)
			}
			p := s.phone(s.offer())
			d := p.activated(old)
			unsent, typed := d.confirmation(), d.confirmation()
			if r, err := s.confirm(typed); err != nil || !r.Accepted {
				t.Fatalf("%+v, %v", r, err)
			}
			before := s.k.Dump(t)
			s.k.Clock.Advance(3 * time.Minute)
			for what, c := range map[string]activation.Confirmation{"unsent": unsent, "typed": typed,
				"later": d.confirmation()} {
				if r, err := p.confirm(c); err != nil || !r.Accepted {
					t.Errorf("%s: %+v, %v", what, r, err)
				}
			}
			wrong := s.wrongOTP()
			wrong.Next, wrong.Derivation = typed.Next, typed.Derivation
			_, err := p.confirm(wrong)
			refused(t, "a wrong code", err, "offer_ended")
			if d.Device != nil {
				stranger := typed
				stranger.Derivation = must[activation.Secret](t)(activation.DerivationCode(d.Secret, s.serial,
					activation.Secret("0123456789")))
				_, err := p.confirm(stranger)
				refused(t, "another device", err, "offer_ended")
			}
			if s.k.Dump(t) != before {
				t.Error("something was used up")
			}
			if !d.logsIn() {
				t.Error("the device does not work")
			}
		})
	}
}
