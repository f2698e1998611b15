package activations_test

import (
	"testing"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/engine/activations"
	"ostiary/internal/test/testkit"
)

// The user of a token sees its open offer until a device has taken it, and its password once
// the log has that it was shown.
func TestOfferOf(t *testing.T) {
	t.Parallel()
	s := setUp(t, func(p *activation.Profile) { p.Rules.Password = true })
	ctx := t.Context()
	alice := s.k.FindUser(t, "alice")
	offer := func() activations.OwnOffer {
		o, err := s.k.Activations.OfferOf(ctx, alice, s.serial)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := offer(); o.Open || o.Registration.Text() != nil {
		t.Error("there is an offer before there is one")
	}
	s.start(s.request(activations.Offline))
	if o := offer(); o.Open {
		t.Error("a letter is an offer")
	}
	st := s.start(s.request(activations.Online))
	o := offer()
	if !o.Open || o.Self || !o.Password || string(o.Registration.Text()) != string(st.Registration.Text()) {
		t.Errorf("the offer is %+v", o)
	}
	password, err := s.k.Activations.ShowPassword(ctx, o, testkit.Origin)
	if err != nil || string(password.Bytes()) != string(st.Password) {
		t.Errorf("the password: %v", err)
	}
	if e := s.k.LastEntry(t); e.Action != string(audit.PasswordShown) {
		t.Errorf("the log has %s", e.Raw)
	}
	s.start(s.request(activations.Online)) // ends the one before
	_, err = s.k.Activations.ShowPassword(ctx, o, testkit.Origin)
	refused(t, "the password of an ended offer", err, "offer_ended")
	if _, err := s.k.Activations.Cancel(ctx, testkit.Serial(s.serial), testkit.Origin); err != nil {
		t.Fatal(err)
	}
	_, err = s.k.Activations.ShowPassword(ctx, o, testkit.Origin)
	refused(t, "the password without an open offer", err, "offer_ended")
	if o := offer(); o.Open || o.Registration.Text() != nil || !o.Done.IsZero() {
		t.Errorf("a cancelled offer is %+v", o)
	}
	_, err = s.k.Activations.OfferOf(ctx, alice, "nonesuch")
	refused(t, "another token", err, "token_not_found")
}
