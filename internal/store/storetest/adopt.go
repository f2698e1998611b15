package storetest

import (
	"errors"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// adoptTests hold what a token from another server brings of its activations.
var adoptTests = []test{
	{"AdoptedIsKept", func(r *rig) {
		r.activated(nil) // makes the profile
		c := r.hotp()
		c.Token.Kind, c.Token.Profile = token.Software, "bank"
		run := r.stage(&c)
		var live, past store.Activation
		adopted := store.Adoption{Since: store.CountedSince{Failures: start}, Unbound: [][]byte{[]byte("f2"), []byte("f1")}}
		r.update(func(tx store.Tx) (err error) {
			past = store.Activation{Token: c.Token.ID, Profile: "bank", Owner: -1, Route: "qr", Actor: "system", Opened: start,
				Expires: start, Status: store.ActivationTriesUsed, Ended: start, Tries: 3, LastTry: start.Add(time.Second)}
			live = store.Activation{Token: c.Token.ID, Profile: "bank", Owner: -1, Route: "online", Reason: "new-device",
				Actor: "key:desk", Self: true, Opened: start, Expires: start, Status: store.ActivationConfirmed,
				Ended: start.Add(time.Minute), Again: true, SameSecret: true, Counters: []uint64{4}, Secret: []byte("S"),
				Device: []byte("D"), DeviceMark: "mark", DeviceType: 2, DeviceName: "phone",
				Offer: store.Offer{Locator: "LOCATOR", Registration: []byte("R"), Request: []byte("request"), Taken: start,
					Confirm: []byte("confirm"), TriesLeft: 2}}
			if past.ID, err = tx.NextActivationID(); err != nil {
				return err
			}
			if live.ID, err = tx.NextActivationID(); err != nil {
				return err
			}
			adopted.Activations = []store.Activation{past, live}
			return tx.AdoptActivations(c.Token.ID, adopted)
		})
		r.same("the live one", r.activation(live), live)
		r.same("the past one", r.activation(past), past)
		r.view(func(rd store.Reader) error {
			unbound, err := rd.UnboundDevices(c.Token.ID, 10)
			r.same("unbound devices", unbound, [][]byte{[]byte("f1"), []byte("f2")})
			since, serr := rd.ActivationReset(c.Token.ID)
			r.same("resets", since, adopted.Since)
			return errors.Join(err, serr)
		})
		r.update(func(tx store.Tx) error { return tx.PublishRun(run, start) })
		err := r.db.Update(r.ctx(), func(tx store.Tx) error { return tx.AdoptActivations(c.Token.ID, adopted) })
		if !errors.Is(err, store.ErrConflict) {
			r.Errorf("a published token adopts: %v", err)
		}
	}},
	{"AnOfferWhoseLocatorIsTakenLosesIt", func(r *rig) {
		t := r.activated(nil)
		here := r.begin(t, offer)
		c := r.hotp()
		c.Token.Kind, c.Token.Profile = token.Software, "bank"
		r.stage(&c)
		a := store.Activation{Token: c.Token.ID, Profile: "bank", Status: store.ActivationConfirmed, Secret: []byte("S"),
			Offer: store.Offer{Locator: here.Offer.Locator, Registration: []byte("R")}}
		r.update(func(tx store.Tx) (err error) {
			if a.ID, err = tx.NextActivationID(); err != nil {
				return err
			}
			return tx.AdoptActivations(c.Token.ID, store.Adoption{Activations: []store.Activation{a}})
		})
		if got := r.activation(a).Offer; got.Locator != "" || got.Registration != nil {
			r.Errorf("the offer is %+v", got)
		}
	}},
	{"AccountsAreFound", func(r *rig) {
		t := r.activated(nil)
		c := r.hotp()
		c.Token.Kind, c.Token.Profile, c.Token.Identity.KeyID = token.Software, "bank", "GIVEN"
		run := r.stage(&c)
		r.view(func(rd store.Reader) error {
			for _, want := range []struct {
				profile, serial string
				run             int64
				id              token.ID
			}{{"bank", t.Identity.Serial, 0, t.ID}, {"bank", "GIVEN", run, c.Token.ID}, {"bank", "GIVEN", 0, 0},
				{"bank", c.Token.Identity.Serial, run, 0}, {"other", "GIVEN", run, 0}, {"", t.Identity.Serial, 0, 0}} {
				got, err := rd.Account(want.profile, want.serial, want.run)
				if want.id == 0 && !errors.Is(err, store.ErrNotFound) || want.id != 0 && (err != nil || got.ID != want.id) {
					r.Errorf("account %+v is token %d, %v", want, got.ID, err)
				}
			}
			return nil
		})
	}},
}
