package testkit

import (
	"context"
	"testing"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/pskc"
)

// Apply gives a token these further applications for one-time passwords, by their
// indexes, in place of those that it had.
func (k *Kit) Apply(t testing.TB, serial string, keys map[int]*pskc.Key) {
	t.Helper()
	id := k.Token(t, serial).ID
	var all []store.Application
	for index, key := range keys {
		a := store.Application{Index: index, Mode: activation.ResponseOnly, Next: key.Counter,
			Spec: token.Spec{Algorithm: token.Algorithm(key.Kind), Hash: key.Hash, Digits: key.Digits()}}
		if key.Kind == pskc.TOTP {
			a.Spec.Period = int64(key.Period().Seconds())
		}
		var err error
		if a.Sealed, err = k.Keys.Seal(store.ApplicationBinding(id, index),
			seal.NewSecret(append([]byte(nil), key.Secret...))); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	k.SetApplications(t, serial, all)
}

// SetApplications gives a token these further applications.
func (k *Kit) SetApplications(t testing.TB, serial string, all []store.Application) {
	t.Helper()
	k.PastLog()
	id := k.Token(t, serial).ID
	if err := k.DB.Update(context.Background(),
		func(tx store.Tx) error { return tx.SetApplications(id, all) }); err != nil {
		t.Fatal(err)
	}
}

// Application gives a further application as the database has it.
func (k *Kit) Application(t testing.TB, serial string, index int) (a store.Application) {
	t.Helper()
	id := k.Token(t, serial).ID
	err := k.DB.View(context.Background(), func(r store.Reader) error {
		all, err := r.Applications(id)
		for _, one := range all {
			if one.Index == index {
				a = one
			}
		}
		return err
	})
	if err != nil || a.Index != index {
		t.Fatalf("application %d of token %s: %+v, %v", index, serial, a, err)
	}
	return a
}
