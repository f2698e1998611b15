package testkit

import (
	"bytes"
	"context"
	"crypto/rand"
	"maps"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/profiles"
	"ostiary/oath"
)

// PhoneType is the name of the token type of phones, and PhoneProfile that of its
// profile.
const (
	PhoneType    = "phone"
	PhoneProfile = "phones"
)

// Profile is a profile of phones with a new issuer's key: one application, Login, which
// counts events; no password, no device binding. Edits change it.
func Profile(t testing.TB, edits ...func(*activation.Profile)) activation.Profile {
	t.Helper()
	p, err := activation.NewProfile(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.Name, p.Issuer, p.Prefix = "Phones", "Example Works", "EX"
	p.Applications = []activation.Application{{Index: 1, Name: "Login", Mode: activation.ResponseOnly,
		Suite: Suite("HOTP-SHA1-6")}}
	p.Rules.Password = false
	p.Rules.Argon2id = activation.Argon2id{Time: 1, Memory: 64, Parallelism: 1}
	for _, edit := range edits {
		edit(p)
	}
	return *p
}

// Suite is the suite that a text names, which must be one.
func Suite(text string) activation.Suite {
	s, err := activation.ParseSuite(text)
	if err != nil {
		panic(err)
	}
	return s
}

// PhoneType gives the server a profile of phones, with another issuer's key than p has,
// and the token type that has it.
func (k *Kit) PhoneType(t testing.TB, p activation.Profile) *activation.Vector {
	t.Helper()
	made, _, err := k.Profiles.Create(context.Background(), PhoneProfile, p, Origin)
	if err != nil {
		t.Fatal(err)
	}
	confirming, _ := made.Vector.Confirming()
	typ := token.Type{Name: PhoneType, Kind: token.Software, Spec: profiles.SpecOf(confirming.Suite), Prefix: p.Prefix,
		Width: 8, Start: token.DefaultStart, Activation: token.OneStep, Profile: PhoneProfile}
	if _, _, err := k.Lifecycle.CreateType(context.Background(), typ, Origin); err != nil {
		t.Fatal(err)
	}
	return made.Vector
}

// CreatePhone makes a token for a phone of a user, or of nobody, and gives its serial.
func (k *Kit) CreatePhone(t testing.TB, user string) string {
	t.Helper()
	made, err := k.Lifecycle.Create(context.Background(), lifecycle.CreateRequest{Type: PhoneType, Count: 1, User: user,
		Origin: Origin})
	if err != nil {
		t.Fatal(err)
	}
	return made.Tokens[0].Token.Identity.Serial
}

// Phone is an app that has a token. It makes its keys with package activation alone.
type Phone struct {
	Vector *activation.Vector
	Serial string // as it knows it, which a server may have changed
	Secret activation.Secret
	Device activation.Secret // the device secret; nil without binding
	Next   map[int]uint64    // the next counters, by application
	Off    time.Duration     // of its clock
}

// NewPhone is a phone that was given a secret and counters in an activation, which may be
// nil. With old it is that phone, activated again.
func NewPhone(t testing.TB, v *activation.Vector, serial string, secret activation.Secret, counters []uint64,
	old *Phone) Phone {
	t.Helper()
	p := Phone{Vector: v, Serial: serial, Secret: secret, Next: map[int]uint64{}}
	same := old != nil && bytes.Equal(old.Secret, secret)
	var err error
	if same {
		p.Device = old.Device
		maps.Copy(p.Next, old.Next)
	} else if v.Profile().Rules.DeviceBinding {
		if p.Device, err = activation.NewDeviceSecret(rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	for i, app := range v.EventApplications() {
		if i >= len(counters) {
			break
		}
		if p.Next[app.Index], err = v.StartCounter(counters[i], p.Next[app.Index], same); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// Code is the next one-time password of an application.
func (p *Phone) Code(t testing.TB, index int, now time.Time) string {
	t.Helper()
	app, err := p.Vector.Application(index)
	if err != nil {
		t.Fatal(err)
	}
	key, err := p.Vector.AppKey(p.Secret, p.Serial, index, p.Device)
	if err != nil {
		t.Fatal(err)
	}
	scanner, err := oath.NewScanner(key, app.Suite.Hash, app.Suite.Digits)
	if err != nil {
		t.Fatal(err)
	}
	if app.Suite.Kind == activation.TOTP {
		return scanner.Code(uint64(now.Add(p.Off).Unix() / app.Suite.Period))
	}
	p.Next[index]++
	return scanner.Code(p.Next[index] - 1)
}

// Confirmation is what the phone shows at the end of an activation: of a token that was
// activated before, if again. A server that kept the secret then asks for two codes.
func (p *Phone) Confirmation(t testing.TB, now time.Time, again bool) activation.Confirmation {
	t.Helper()
	app, _ := p.Vector.Confirming()
	c := activation.Confirmation{OTP: activation.Secret(p.Code(t, app.Index, now))}
	if again && !p.Vector.Profile().Rules.NewKey && app.Suite.Event() {
		c.Next = activation.Secret(p.Code(t, app.Index, now))
	}
	if p.Device != nil {
		var err error
		if c.Derivation, err = activation.DerivationCode(p.Secret, p.Serial, p.Device); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// Activate activates a token by a letter, on a phone without a password, and demands that
// the server confirms it. With old it is that phone, activated again.
func (k *Kit) Activate(t testing.TB, v *activation.Vector, serial string, old *Phone) *Phone {
	t.Helper()
	ctx := context.Background()
	st, err := k.Activations.Start(ctx, activations.Request{Token: Serial(serial), Route: activations.Offline,
		By: authz.Principal{Role: authz.Admin}, Origin: Origin})
	if err != nil {
		t.Fatal(err)
	}
	tok := k.Token(t, serial)
	known := tok.DeviceSerial()
	var counters []uint64
	if st.ERC != "" {
		if counters, err = v.ReadERC(known, st.ERC); err != nil {
			t.Fatal(err)
		}
	}
	secret, err := v.OpenCode(string(st.Code), activation.CodeInput{Serial: known, Counters: counters})
	if err != nil {
		t.Fatal(err)
	}
	p := NewPhone(t, v, known, secret, counters, old)
	c := p.Confirmation(t, k.Clock.Now(), tok.Condition.Proven())
	if r, err := k.Activations.Confirm(ctx, Typed(serial, c)); err != nil || !r.Accepted {
		t.Fatalf("confirmation: %+v, %v", r, err)
	}
	return &p
}

// Typed is a confirmation as it is typed for a token.
func Typed(serial string, c activation.Confirmation) activations.Typed {
	return activations.Typed{Token: Serial(serial), OTP: string(c.OTP), NextOTP: string(c.Next),
		Derivation: string(c.Derivation), Origin: Origin}
}
