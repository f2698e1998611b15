package storetest

import (
	"errors"
	"fmt"
	"time"

	"ostiary/internal/core/token"
	"ostiary/internal/store"
)

// profile is a parameter sheet as far as the store is concerned.
func profile(name string) store.Profile {
	return store.Profile{Name: name, Vector: []byte("vector of " + name), Issuer: []byte{0, 255, 1, 254},
		Created: start}
}

var profileTests = []test{
	{"EverythingIsKept", func(r *rig) {
		r.absent("a profile nobody added", func(rd store.Reader) error {
			_, err := rd.Profile("bank")
			return err
		})
		bank, staff := profile("bank"), profile("staff")
		r.update(func(tx store.Tx) error { return errors.Join(tx.AddProfile(staff), tx.AddProfile(bank)) })
		r.view(func(rd store.Reader) error {
			got, err := rd.Profile("bank")
			r.same("profile", got, bank)
			return err
		})
		r.view(func(rd store.Reader) error {
			got, err := rd.Profiles()
			r.same("profiles", got, []store.Profile{bank, staff})
			return err
		})
	}},
	// A profile never changes, and the transaction that finds it there goes on.
	{"NameIsUnique", func(r *rig) {
		bank := profile("bank")
		r.update(func(tx store.Tx) error { return tx.AddProfile(bank) })
		other := bank
		other.Vector, other.Issuer = []byte("another"), []byte("another")
		r.update(func(tx store.Tx) error {
			if err := tx.AddProfile(other); !errors.Is(err, store.ErrConflict) {
				return fmt.Errorf("a taken name: %v, want ErrConflict", err)
			}
			return tx.AddProfile(profile("staff"))
		})
		r.view(func(rd store.Reader) error {
			got, err := rd.Profiles()
			r.same("profiles", got, []store.Profile{bank, profile("staff")})
			return err
		})
	}},
	{"RetiredAndRestored", func(r *rig) {
		bank, staff := profile("bank"), profile("staff")
		r.update(func(tx store.Tx) error { return errors.Join(tx.AddProfile(bank), tx.AddProfile(staff)) })
		at, never := start.Add(time.Hour), time.Time{}
		for _, step := range [][2]time.Time{{never, at}, {at, never}, {never, at}} {
			r.is(store.ErrConflict, "a profile that is not as before", func(tx store.Tx) error {
				return tx.SetProfileRetired("bank", start, step[1])
			})
			r.update(func(tx store.Tx) error { return tx.SetProfileRetired("bank", step[0], step[1]) })
			bank.Retired = step[1]
			r.view(func(rd store.Reader) error {
				got, err := rd.Profiles()
				r.same("profiles", got, []store.Profile{bank, staff})
				return err
			})
		}
		r.refuses("retire what is not there", func(tx store.Tx) error {
			return tx.SetProfileRetired("none", never, at)
		})
	}},
	{"LimitsAreSet", func(r *rig) {
		bank, staff := profile("bank"), profile("staff")
		// Whoever adds a profile sets no limits: that is a decision of its own.
		limited := bank
		limited.Limits.Tries = 3
		r.update(func(tx store.Tx) error { return errors.Join(tx.AddProfile(limited), tx.AddProfile(staff)) })
		full := token.ActivationLimits{Expiry: time.Hour, Tries: 2, Window: 48 * time.Hour, Successes: 3, Failures: 4,
			Interval: 90 * time.Second}
		none := token.ActivationLimits{}
		r.update(func(tx store.Tx) error { return tx.SetProfileLimits("bank", none, full) })
		for _, other := range []token.ActivationLimits{{Expiry: time.Minute}, {Tries: 9}, {Window: time.Hour}, {Successes: 9},
			{Failures: 9}, {Interval: time.Hour}} {
			r.is(store.ErrConflict, fmt.Sprintf("not as before: %+v", other), func(tx store.Tx) error {
				return tx.SetProfileLimits("bank", other.Or(full), none)
			})
		}
		bank.Limits = full
		r.view(func(rd store.Reader) error {
			got, err := rd.Profiles()
			r.same("profiles", got, []store.Profile{bank, staff})
			return err
		})
		r.view(func(rd store.Reader) error {
			got, err := rd.Profile("bank")
			r.same("profile", got, bank)
			return err
		})
		r.refuses("limits of what is not there", func(tx store.Tx) error {
			return tx.SetProfileLimits("none", none, full)
		})
	}},
	{"LimitsAreSetOnce", func(r *rig) {
		r.update(func(tx store.Tx) error { return tx.AddProfile(profile("bank")) })
		won := r.race(16, func(i int, tx store.Tx) error {
			return tx.SetProfileLimits("bank", token.ActivationLimits{}, token.ActivationLimits{Tries: i + 1})
		})
		r.same("winners", won, 1)
	}},
	{"AddIsDecidedOnce", func(r *rig) {
		won := r.race(16, func(i int, tx store.Tx) error {
			p := profile("bank")
			p.Vector = fmt.Append(nil, i)
			return tx.AddProfile(p)
		})
		r.same("winners", won, 1)
	}},
}
