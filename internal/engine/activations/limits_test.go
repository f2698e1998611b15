package activations_test

import (
	"crypto/hpke"
	"strings"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/test/testkit"
)

func (s *scene) reset(which activations.Counts) {
	s.Helper()
	if _, err := s.k.Activations.Reset(s.Context(), s.request("").Token, which, testkit.Origin); err != nil {
		s.Fatal(err)
	}
	s.k.Clock.Advance(time.Millisecond) // what happened in the same one counts no more
}

func (s *scene) standing() activations.Standing {
	s.Helper()
	o, err := s.k.Activations.Show(s.Context(), s.request("").Token)
	if err != nil {
		s.Fatal(err)
	}
	return o.Standing
}

// limited tells whether an offer is refused because of a limit.
func (s *scene) limited() bool {
	s.Helper()
	_, err := s.k.Activations.Start(s.Context(), s.request(activations.Online))
	if err == nil {
		return false
	}
	refused(s, "an offer", err, "activation_limit")
	return true
}

// Item 9: limits count what they say; Reset clears what it says and nothing else.
func TestItem9Limits(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.activate()
	if !s.limited() || s.standing().NextAt.IsZero() {
		t.Error("an offer right after a success")
	}
	warned := s.start(s.request(activations.Offline)) // the administrator's own command
	if len(warned.Warnings) != 1 || !strings.Contains(warned.Warnings[0], "10 minutes") {
		t.Errorf("warnings: %q", warned.Warnings)
	}
	s.k.Clock.Advance(10*time.Minute - time.Millisecond)
	if !s.limited() {
		t.Error("a millisecond before the end of the interval")
	}
	s.k.Clock.Advance(time.Millisecond)
	for i := range 5 {
		if s.limited() {
			t.Fatalf("after %d", i)
		}
		s.activate()
		if got := s.standing(); got.Successes != i+1 || got.Failures != 0 {
			t.Fatalf("after %d: %+v", i, got)
		}
		s.k.Clock.Advance(10 * time.Minute)
	}
	if !s.limited() {
		t.Error("a sixth reactivation in 30 days")
	}
	s.reset(activations.Counts{Failures: true, Interval: true})
	if !s.limited() || s.standing().Successes != 5 {
		t.Error("a reset of failures and interval clears the successes")
	}
	s.reset(activations.Counts{Successes: true})
	if s.limited() || s.standing().Successes != 0 {
		t.Error("after the reset of successes")
	}
	// Wrong confirmations never use up successes.
	for range 3 {
		s.start(s.request(activations.Offline))
		for range 5 {
			if r, err := s.confirm(activation.Confirmation{OTP: activation.Secret("000000")}); err != nil ||
				r.Accepted {
				t.Fatalf("%+v, %v", r, err)
			}
		}
	}
	if got := s.standing(); got.Successes != 0 || got.Failures != 15 || !s.limited() {
		t.Errorf("after 15 wrong ones: %+v", got)
	}
	s.reset(activations.Counts{Successes: true, Interval: true})
	if got := s.standing(); got.Failures != 15 || !s.limited() {
		t.Errorf("a reset of successes clears failures: %+v", got)
	}
	s.reset(activations.Counts{Failures: true})
	if got := s.standing(); got.Failures != 0 || s.limited() {
		t.Errorf("after the reset of failures: %+v", got)
	}
	s.activate()
	s.reset(activations.Counts{Interval: true})
	if got := s.standing(); !got.NextAt.IsZero() || got.Successes != 1 || s.limited() {
		t.Errorf("after the reset of the interval: %+v", got)
	}
	_, err := s.k.Activations.Reset(t.Context(), s.request("").Token, activations.Counts{}, testkit.Origin)
	refused(t, "a reset of nothing", err, "nothing_to_reset")
}

// A limit refuses every route. Only an administrator passes it, with codes to hand over;
// the help desk, whatever it begins, does not, nor a server that pushes.
func TestLimitsBindEveryRoute(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.activate()
	key := must[hpke.PrivateKey](t)(hpke.MLKEM768X25519().GenerateKey())
	passes := map[string]bool{testkit.Admin: true, testkit.SuperAdmin: true, testkit.Root: true}
	for name, by := range testkit.Principals() {
		for _, route := range []activations.Route{activations.Offline, activations.QR, activations.Online,
			activations.Pushed} {
			for _, reason := range []activations.Reason{"", activations.DeviceReplaced, activations.DeviceLost} {
				r := s.request(route)
				r.By, r.Reason = by, reason
				r.To = activations.Device{Key: key.PublicKey().Bytes(), Request: []byte("a request")}
				if passes[name] && (route == activations.Offline || route == activations.QR) {
					if reason == "" { // else the token would be lost to those after it
						if st := s.start(r); len(st.Warnings) != 1 {
							t.Errorf("%s by %s: warnings %q", route, name, st.Warnings)
						}
					}
					continue
				}
				_, err := s.k.Activations.Start(t.Context(), r)
				refused(t, string(route)+" by "+name, err, "activation_limit")
			}
		}
	}
	r := s.request(activations.Offline)
	r.By = authz.Principal{} // whoever forgets to say who asks
	_, err := s.k.Activations.Start(t.Context(), r)
	refused(t, "by nobody", err, "activation_limit")
}

// Each limit binds alike: whichever is reached, the same routes are refused to the same
// people.
func TestEachLimitBindsEveryRoute(t *testing.T) {
	t.Parallel()
	for limit, reach := range map[string]func(s *scene){
		"it was activated again": func(s *scene) {
			for range 5 {
				s.k.Clock.Advance(10 * time.Minute)
				s.activate()
			}
			s.k.Clock.Advance(10 * time.Minute)
		},
		"wrong confirmations within": func(s *scene) {
			s.k.Clock.Advance(10 * time.Minute)
			for range 3 {
				s.start(s.request(activations.Offline))
				for range 5 {
					if _, err := s.confirm(s.wrongOTP()); err != nil {
						s.Fatal(err)
					}
				}
			}
		},
		"the last activation was less than 10 minutes ago": func(*scene) {},
	} {
		t.Run(limit, func(t *testing.T) {
			t.Parallel()
			s := setUp(t)
			s.activate()
			reach(s)
			s.boundOnEveryRoute(limit)
		})
	}
}

// boundOnEveryRoute demands that a limit is reached, and whom it refuses.
func (s *scene) boundOnEveryRoute(limit string) {
	s.Helper()
	key := must[hpke.PrivateKey](s)(hpke.MLKEM768X25519().GenerateKey())
	passes := map[string]bool{testkit.Admin: true, testkit.SuperAdmin: true, testkit.Root: true}
	for name, by := range testkit.Principals() {
		for _, route := range []activations.Route{activations.Offline, activations.QR, activations.Online,
			activations.Pushed} {
			r := s.request(route)
			r.By = by
			r.To = activations.Device{Key: key.PublicKey().Bytes(), Request: []byte("a request")}
			if !passes[name] || route == activations.Online || route == activations.Pushed {
				_, err := s.k.Activations.Start(s.Context(), r)
				refused(s, string(route)+" by "+name, err, "activation_limit")
				continue
			}
			if st := s.start(r); len(st.Warnings) != 1 || !strings.Contains(st.Warnings[0], limit) {
				s.Errorf("%s by %s: warnings %q", route, name, st.Warnings)
			}
			r.Self, r.User = true, s.token().Condition.Owner // what a user begins is bound, whoever passes it on
			_, err := s.k.Activations.Start(s.Context(), r)
			refused(s, string(route)+" for the user, by "+name, err, "activation_limit")
		}
	}
}

// What is older than 30 days counts no more.
func TestWindow(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.activate()
	for range 5 {
		s.k.Clock.Advance(time.Hour)
		s.activate()
	}
	s.k.Clock.Advance(30*24*time.Hour - 4*time.Hour)
	if !s.limited() {
		t.Error("five within 30 days")
	}
	s.k.Clock.Advance(time.Millisecond)
	if s.limited() || s.standing().Successes != 4 {
		t.Errorf("the first is 30 days ago: %+v", s.standing())
	}
}

// The limits bind users; a user starts with a code of another token alone.
func TestSelfService(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	d := s.activate()
	s.k.Clock.Advance(time.Hour)
	other := testkit.HOTP("H1")
	s.k.Import(t, other)
	s.k.Assign(t, "H1", "alice")
	own := func(code string) activations.OwnRequest {
		return activations.OwnRequest{User: "Alice", Serial: s.serial, Reason: activations.DeviceReplaced, Code: code,
			Origin: testkit.Origin}
	}
	for name, code := range map[string]string{"of the same token": d.code(1), "of nobody": "000000"} {
		_, err := s.k.Activations.StartOwn(t.Context(), own(code))
		refused(t, "a code "+name, err, "code_refused")
	}
	codes, err := s.k.Temporary.Issue(
		t.Context(), tempcodes.Request{User: "alice", Count: 1, Hours: 1, Origin: testkit.Origin})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.k.Activations.StartOwn(t.Context(), own(string(codes.Codes[0].Bytes())))
	refused(t, "a temporary code", err, "code_refused")
	st, err := s.k.Activations.StartOwn(t.Context(), own(testkit.Code(t, other, 0)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.k.Activations.StartOwn(t.Context(), own(testkit.Code(t, other, 0)))
	refused(t, "the code again", err, "code_refused")
	next := s.phone(st).activated(nil)
	c := next.confirmation()
	typed := activations.Typed{Token: tokens.Selector{Serial: s.serial}, OTP: string(c.OTP), Origin: testkit.Origin}
	s.k.User(t, "bob")
	_, err = s.k.Activations.ConfirmOwn(t.Context(), "bob", typed)
	refused(t, "confirmed by another user", err, "token_not_found")
	if r, err := s.k.Activations.ConfirmOwn(t.Context(), "alice", typed); err != nil || !r.Accepted {
		t.Fatalf("%+v, %v", r, err)
	}
	_, err = s.k.Activations.StartOwn(t.Context(), own(testkit.Code(t, other, 1)))
	refused(t, "right after it", err, "activation_limit")
	if !s.k.Verify(t, "H1", testkit.Code(t, other, 1)) {
		t.Error("the code of a request that was refused is used up")
	}
	bobs := own(testkit.Code(t, other, 2))
	bobs.User = "bob"
	_, err = s.k.Activations.StartOwn(t.Context(), bobs)
	refused(t, "another user's token", err, "token_not_found")
	o, err := s.k.Activations.Show(t.Context(), s.request("").Token)
	if err != nil || !o.Activations[0].Self || o.Activations[1].Self {
		t.Errorf("%+v, %v", o.Activations, err)
	}
	// "I lost my phone": its codes are refused at once.
	s.k.Clock.Advance(time.Hour)
	lost := own(testkit.Code(t, other, 3))
	lost.Reason = activations.DeviceLost
	if _, err := s.k.Activations.StartOwn(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	if s.token().Condition.State != token.RevokedLost || next.logsIn() {
		t.Error("the lost phone works")
	}
}

func TestPolicy(t *testing.T) {
	t.Parallel()
	if err := (activations.Policy{}).Check(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	for words, p := range map[string]token.ActivationLimits{
		"1 minute to 365 days":     {Expiry: 366 * 24 * time.Hour},
		"1 to 99":                  {Tries: 100},
		"24 hours to 365 days":     {Window: 23 * time.Hour},
		"1 activation and":         {Successes: -1},
		"1 wrong confirmation":     {Failures: -1},
		"at least 1 minute":        {Interval: 59 * time.Second},
		"at most the time over wh": {Interval: 31 * 24 * time.Hour},
	} {
		if err := (activations.Policy{ActivationLimits: p}).Check(); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%+v: %v, want %q", p, err, words)
		}
	}
}
