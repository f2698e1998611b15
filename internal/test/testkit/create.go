package testkit

import (
	"context"
	"testing"

	"ostiary/internal/engine/lifecycle"
	"ostiary/oath"
	"ostiary/pskc"
)

// Create makes a PENDING software token and gives its key as an app has it.
func (k *Kit) Create(t testing.TB, typeName string) *pskc.Key {
	t.Helper()
	made, err := k.Lifecycle.Create(context.Background(),
		lifecycle.CreateRequest{Type: typeName, Count: 1, Reveal: true, Origin: Origin})
	if err != nil {
		t.Fatal(err)
	}
	return KeyOf(t, made.Tokens[0].Token.Identity.Serial, string(made.Tokens[0].URI.Bytes()))
}

// DefaultProfiles gives the built-in types with one-step activation their
// profiles, as a server does when it starts.
func (k *Kit) DefaultProfiles(t testing.TB) {
	t.Helper()
	if err := k.Profiles.EnsureDefaults(context.Background(), k.Lifecycle.Issuer(), Origin); err != nil {
		t.Fatal(err)
	}
}

// KeyOf reads the key URI of a token.
func KeyOf(t testing.TB, serial, uri string) *pskc.Key {
	t.Helper()
	u, err := oath.ParseURI(uri)
	if err != nil {
		t.Fatal(err)
	}
	key := &pskc.Key{Serial: serial, Kind: pskc.HOTP, Hash: u.Hash.String(),
		Secret: append(pskc.Secret(nil), u.Secret.Bytes()...), Counter: u.Counter}
	if u.Type == oath.TypeTOTP {
		key.Kind = pskc.TOTP
		Period(key, uint64(u.Period))
	}
	return Digits(key, u.Digits)
}
