package activations_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/test/testkit"
)

// scene is a server with one profile, one type of it, and a token of alice's.
type scene struct {
	*testing.T
	k      *testkit.Kit
	serial string
	vector *activation.Vector
}

// Changes of a profile. The plain one is of events, without password and binding.
func password(p *activation.Profile) { p.Rules.Password = true }
func checked(p *activation.Profile)  { p.Rules.Password, p.Rules.CheckPassword = true, true }
func bound(p *activation.Profile)    { p.Rules.DeviceBinding = true }
func sameKey(p *activation.Profile)  { p.Rules.NewKey = false }
func timed(p *activation.Profile)    { p.Applications[0].Suite = testkit.Suite("TOTP-SHA256-6/30") }
func once(p *activation.Profile)     { p.Rules.Reactivation = false }
func many(p *activation.Profile) {
	p.Applications = nil
	for i, s := range []string{"TOTP-SHA256-6/30", "HOTP-SHA256-8", "TOTP-SHA512-10/60", "OCRA-1:HOTP-SHA256-8:QN08",
		"OCRA-1:HOTP-SHA1-6:C-QA10",
		"OCRA-1:HOTP-SHA256-8:C-QH64", "OCRA-1:HOTP-SHA256-6:QH64-T1M", "OCRA-1:HOTP-SHA512-10:C-QH64"} {
		mode := activation.ResponseOnly
		if i > 2 {
			mode = activation.ChallengeResponse
		}
		if i > 4 {
			mode = activation.Signature
		}
		p.Applications = append(p.Applications, activation.Application{Index: i + 1, Name: "Application", Mode: mode,
			Suite: testkit.Suite(s)})
	}
}

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func setUp(t *testing.T, edits ...func(*activation.Profile)) *scene {
	t.Helper()
	s := &scene{T: t, k: testkit.New(t)}
	s.vector = s.k.PhoneType(t, testkit.Profile(t, edits...))
	s.k.User(t, "alice")
	s.serial = s.create("alice")
	return s
}

// create makes a token of a user, or of nobody.
func (s *scene) create(user string) string {
	s.Helper()
	return s.k.CreatePhone(s, user)
}

func (s *scene) request(route activations.Route) activations.Request {
	return activations.Request{Token: tokens.Selector{Serial: s.serial}, Route: route,
		By: authz.Principal{Role: authz.Admin}, Origin: testkit.Origin}
}

func (s *scene) start(r activations.Request) activations.Started {
	s.Helper()
	return must[activations.Started](s)(s.k.Activations.Start(context.Background(), r))
}

// refused demands a fault of that code.
func refused(t testing.TB, what string, err error, code string) {
	t.Helper()
	if f, ok := errors.AsType[*fault.Error](err); !ok || f.Code != code {
		t.Errorf("%s: %v, want the fault %s", what, err, code)
	}
}

func (s *scene) token() token.Token { return s.k.Token(s, s.serial) }

// device is an app that has the token.
type device struct {
	*scene
	testkit.Phone
}

// typed makes a device of what an offline activation shows. With old it is that
// device, activated again.
func (s *scene) typed(st activations.Started, pass activation.Secret, old *device) *device {
	s.Helper()
	known := s.token().DeviceSerial()
	var counters []uint64
	if st.ERC != "" {
		counters = must[[]uint64](s)(s.vector.ReadERC(known, st.ERC))
	}
	in := activation.CodeInput{Serial: known, Password: pass, Counters: counters}
	return s.device(must[activation.Secret](s)(s.vector.OpenCode(string(st.Code), in)), counters, old)
}

func (s *scene) device(secret activation.Secret, counters []uint64, old *device) *device {
	s.Helper()
	var before *testkit.Phone
	if old != nil {
		before = &old.Phone
	}
	return &device{s, testkit.NewPhone(s, s.vector, s.token().DeviceSerial(), secret, counters, before)}
}

// code is the next one-time password of an application.
func (d *device) code(index int) string {
	d.Helper()
	return d.Code(d, index, d.k.Clock.Now())
}

// confirmation is what the device shows at the end of an activation.
func (d *device) confirmation() activation.Confirmation {
	d.Helper()
	return d.Confirmation(d, d.k.Clock.Now(), d.token().Condition.Proven())
}

func (s *scene) confirm(c activation.Confirmation) (activations.Result, error) {
	return s.k.Activations.Confirm(context.Background(), testkit.Typed(s.serial, c))
}

// accepted confirms and demands that it counts.
func (d *device) accepted() *device {
	d.Helper()
	r, err := d.confirm(d.confirmation())
	if err != nil || !r.Accepted || r.Token.Condition.State != token.Valid {
		d.Fatalf("confirmation: %+v, %v", r, err)
	}
	return d
}

// logsIn tells whether the next code is accepted.
func (d *device) logsIn() bool {
	d.Helper()
	if d.vector.Profile().Applications[0].Suite.Period != 0 {
		d.k.Clock.Advance(30 * time.Second)
	}
	return d.k.Verify(d, d.serial, d.code(1))
}

// activate brings the token to a device.
func (s *scene) activate() *device {
	s.Helper()
	st := s.start(s.request(activations.Offline))
	return s.typed(st, st.Password, nil).accepted()
}

// wrongOTP is a code of nobody's, in the length of the profile.
func (s *scene) wrongOTP() activation.Confirmation {
	app, _ := s.vector.Confirming()
	return activation.Confirmation{OTP: activation.Secret("000000000000"[:app.Suite.Digits])}
}
