package authenticator_test

import (
	"errors"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/authenticator"
)

// A letter that is typed, or an image that is scanned, destroys no working keys: until
// the server's page has accepted the code, undoing brings them back.
func TestTypedReactivationKeepsOldKeysUntilConfirmed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]func(*activation.Profile){
		"new keys": {bound, password}, "events": {events, password}, "same key": {events, sameKey, password},
		"level none": {levelNone, password}, "time, same key": {sameKey, bound, password},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, change...)
			first := activate(t, s, d)
			id := first.Account.ID
			in := letter(s, s.Letter(t, serial, false))
			right := in.Password
			in.Password = activation.Secret("0000000000")
			a := must(d.Activate(in, choice(other)))
			if !a.Again || a.Account.ID != id || !a.Account.Unconfirmed || a.Account.Server != "" {
				t.Errorf("%+v", a)
			}
			if err := s.Confirm(serial, a.Confirmation); err == nil {
				t.Fatal("the server takes a wrong password")
			}
			// Nothing but the user's word settles it.
			if err := d.Confirm(t.Context(), id, authenticator.Secret(other)); !errors.Is(err,
				authenticator.ErrUnconfirmed) {
				t.Errorf("confirmed: %v", err)
			}
			in.Password = right
			d.refused(t, authenticator.ErrUnsettled, func() error {
				_, err := d.Activate(in, choice(other))
				if account, ok := errors.AsType[*authenticator.AccountError](err); !ok || account.ID != id {
					t.Errorf("%v", err)
				}
				return err
			})
			code, _ := s.Offer(t, serial, false)
			if _, err := d.Begin(t.Context(), offer(code)); !errors.Is(err, authenticator.ErrUnsettled) {
				t.Errorf("an offer: %v", err)
			}
			if err := d.Settle(id, false); err != nil {
				t.Fatal(err)
			}
			if back := d.only(t); back.Unconfirmed || back.Device != first.Account.Device {
				t.Errorf("%+v", back)
			}
			used(t, s, d, id, pin)

			later(s, d, 30*time.Second)
			in = letter(s, s.Letter(t, serial, false))
			a = must(d.Activate(in, choice(other)))
			if err := s.Confirm(serial, a.Confirmation); err != nil {
				t.Fatal(err)
			}
			d.kept(t)
			d.refused(t, authenticator.ErrSettled, func() error { return d.Settle(id, false) })
			used(t, s, d, id, other)
		})
	}
}

// A letter on top of an online activation that is unconfirmed goes back to what was
// confirmed last.
func TestTypedOnTopOfUnconfirmedGoesBackToWhatWasConfirmed(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	id := activate(t, s, d).Account.ID
	unconfirmed(t, s, d)
	must(d.Activate(letter(s, s.Letter(t, serial, false)), choice("564738")))
	if err := d.Settle(id, false); err != nil {
		t.Fatal(err)
	}
	used(t, s, d, id, pin)
}

// An exchange that an account waits for is not forgotten, however old it is.
func TestAwaitedExchangeStays(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events)
	a := unconfirmed(t, s, d)
	later(s, d, 8*24*time.Hour)
	code, _ := s.Offer(t, "FDM10000002", false)
	if _, err := d.Begin(t.Context(), offer(code)); err != nil {
		t.Fatal(err)
	}
	if err := d.Confirm(t.Context(), a.ID, nil); err != nil {
		t.Error(err)
	}
}

// A vector proves nothing: one that names another issuer's key makes an account of its
// own, by letter and online, and reaches neither keys nor counters of that issuer's.
func TestForeignVectorDisplacesNoAccount(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events)
	mine := activate(t, s, d).Account
	forged := sheet(events, func(p *activation.Profile) { p.ID[0]++; p.Issuer = "Mallory" })
	if forged.IssuerKey != s.Vector.Profile().IssuerKey {
		t.Fatal("the issuer's key is not the same")
	}
	vector := must(forged.Vector())
	in := authenticator.Offline{Vector: vector, Serial: serial, Code: must(vector.MakeCode(
		activation.Secret("0123456789abcdef"), activation.CodeInput{Serial: serial}))}
	replaced, beside, err := d.Replaces(in)
	if err != nil || replaced != nil || len(beside) != 1 || beside[0].ID != mine.ID ||
		beside[0].Vector.Profile().Issuer != "Bank of Examples" {
		t.Errorf("%+v %+v %v", replaced, beside, err)
	}
	a, err := d.Activate(in, authenticator.Choice{Name: "Forged", PIN: authenticator.Secret(other)})
	if err != nil || a.Again || a.Account.ID == mine.ID {
		t.Fatalf("%+v %v", a, err)
	}
	used(t, s, d, mine.ID, pin)
	// Without a vector the serial names neither of the two.
	in.Vector = nil
	d.refused(t, authenticator.ErrVectorMissing, func() error { _, err := d.Activate(in, choice(pin)); return err })
}

// An activation that replaces an account says so before, with the issuers of both.
func TestReplacingIsTold(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	l := letter(s, s.Letter(t, serial, false))
	if replaced, beside, err := d.Replaces(l); replaced != nil || beside != nil || err != nil {
		t.Errorf("%+v %+v %v", replaced, beside, err)
	}
	mine := activate(t, s, d).Account
	replaced, beside, err := d.Replaces(l)
	if err != nil || replaced == nil || replaced.ID != mine.ID || beside != nil {
		t.Errorf("%+v %+v %v", replaced, beside, err)
	}
	code, _ := s.Offer(t, serial, false)
	if o := d.begin(t, code); o.Replaces == nil || o.Replaces.ID != mine.ID || o.Beside != nil {
		t.Errorf("%+v", o)
	}
}
