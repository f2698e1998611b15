package activations_test

import (
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/activations"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

type limits = token.ActivationLimits

// limit sets the limits of the scene's profile; zero gives one back to the server.
func (s *scene) limit(l limits) activations.Limits {
	s.Helper()
	return must[activations.Limits](s)(s.k.Activations.SetLimits(s.Context(), "phones",
		func(own *limits) { *own = l }, testkit.Origin))
}

func (s *scene) wrong(n int) {
	s.Helper()
	for range n {
		if r, err := s.confirm(s.wrongOTP()); err != nil || r.Accepted {
			s.Fatalf("%+v, %v", r, err)
		}
	}
}

func (s *scene) overview() activations.Overview {
	s.Helper()
	return must[activations.Overview](s)(s.k.Activations.Show(s.Context(), s.request("").Token))
}

// A limit that the profile has binds every route from its commit on, as the server's do:
// the same people are refused, and what happened before counts.
func TestLimitsOfAProfileBindEveryRoute(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lower limits
		words string
	}{
		"successes": {limits{Successes: 1}, "it was activated again 1 time within 30 days"},
		"failures":  {limits{Failures: 2}, "2 wrong confirmations within 30 days"},
		"interval":  {limits{Interval: 36 * time.Hour}, "the last activation was less than 36 hours ago"},
		"window":    {limits{Successes: 1, Window: 48 * time.Hour}, "it was activated again 1 time within 2 days"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setUp(t)
			s.activate()
			s.k.Clock.Advance(time.Hour)
			s.start(s.request(activations.Offline))
			s.wrong(2)
			s.activate()
			s.k.Clock.Advance(time.Hour)
			if s.limited() {
				t.Fatal("a limit of the server is reached")
			}
			s.limit(c.lower)
			s.boundOnEveryRoute(c.words)
			s.limit(limits{})
			if s.limited() {
				t.Error("given back to the server, it binds")
			}
		})
	}
}

// What the profile sets counts, be it more or less than the server's; what it does not
// set is the server's; and other profiles have nothing of it.
func TestLimitsOfAProfileWinByField(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	server := activations.DefaultPolicy().ActivationLimits
	show := func(own limits) {
		t.Helper()
		l := must[activations.Limits](t)(s.k.Activations.Limits(t.Context(), "phones"))
		if l.Own != own || l.Server != server || l.InForce() != own.Or(server) || s.overview().Limits != own.Or(server) {
			t.Errorf("%+v, and the token's %+v; want %+v", l, s.overview().Limits, own)
		}
	}
	show(limits{})
	own := limits{Successes: 7, Interval: time.Minute}
	if l := s.limit(own); l.Own != own || l.InForce() != own.Or(server) {
		t.Errorf("set: %+v", l)
	}
	show(own)
	s.activate()
	for range 7 { // the server allows five, ten minutes apart
		s.k.Clock.Advance(time.Minute)
		if s.limited() {
			t.Fatalf("limited: %+v", s.standing())
		}
		s.activate()
	}
	s.k.Clock.Advance(time.Hour)
	if !s.limited() {
		t.Error("an eighth")
	}
	s.limit(limits{Interval: time.Minute})
	if !s.limited() {
		t.Error("the server's number does not count again")
	}
	s.limit(limits{Window: 24 * time.Hour})
	s.k.Clock.Advance(24 * time.Hour)
	if s.limited() || s.standing().Successes != 0 {
		t.Errorf("after the profile's window: %+v", s.standing())
	}
	other := s.vector.Profile()
	if _, _, err := s.k.Profiles.Create(t.Context(), "others", other, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if l := must[activations.Limits](t)(s.k.Activations.Limits(t.Context(), "others")); l.Own != (limits{}) {
		t.Errorf("another profile has %+v", l.Own)
	}
}

// An activation that is open has ended once its wrong confirmations are as many as the
// limit now is: no code counts, the right one neither, and a higher limit does not bring
// it back.
func TestLowerTriesEndWhatIsOpen(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*activation.Profile){"events": nil, "time, bound": {timed, bound},
		"same key": {sameKey}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setUp(t, edits...)
			old := s.activate()
			s.k.Clock.Advance(time.Hour)
			st := s.start(s.request(activations.Offline))
			d := s.typed(st, st.Password, old)
			right := d.confirmation()
			wrong := right
			wrong.OTP = s.wrongOTP().OTP
			for range 2 {
				if r, err := s.confirm(wrong); err != nil || r.Accepted {
					t.Fatalf("%+v, %v", r, err)
				}
			}
			was := s.token().Condition
			s.limit(limits{Tries: 2})
			if p := s.overview().Activations[0]; p.Status != store.ActivationTriesUsed || p.TriesLeft != 0 {
				t.Errorf("shown as %+v", p)
			}
			from := s.k.LogSize(t)
			if r, err := s.confirm(right); err != nil || r.Accepted || r.TriesLeft != 0 {
				t.Errorf("the right code: %+v, %v", r, err)
			}
			s.k.Recorded(t, from, audit.ActivationConfirmed,
				`refused "tries_used" `+phoneOfAlice+` map[] map[activation:2 tries_left:0]`)
			if now := s.token().Condition; now != was {
				t.Errorf("the token is %+v, it was %+v", now, was)
			}
			s.limit(limits{Tries: 9})
			_, err := s.confirm(right)
			refused(t, "the right code under a higher limit", err, "no_open_activation")
			again := s.start(s.request(activations.Offline))
			s.typed(again, again.Password, d).accepted()
		})
	}
}

// A higher limit gives what is open more tries.
func TestHigherTriesHoldForWhatIsOpen(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	st := s.start(s.request(activations.Offline))
	s.wrong(4)
	s.limit(limits{Tries: 7})
	if p := s.overview().Activations[0]; p.TriesLeft != 3 {
		t.Errorf("%d tries are left", p.TriesLeft)
	}
	s.wrong(2)
	s.typed(st, st.Password, nil).accepted()
}

// The device learns that its offer has ended, and a device that comes for one is refused.
func TestLowerTriesEndAnOffer(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	p := s.phone(s.offer())
	d := p.activated(nil)
	s.wrong(1)
	s.limit(limits{Tries: 1})
	_, err := p.take(p.exchange.Request())
	refused(t, "the request again", err, "offer_ended")
	if r, err := p.confirm(d.confirmation()); err != nil || r.Accepted || r.TriesLeft != 0 {
		t.Errorf("the device's own code: %+v, %v", r, err)
	}
	_, err = p.take(p.exchange.Request())
	refused(t, "the request after it has ended", err, "offer_ended")
	s.limit(limits{Tries: 2})
	late := s.phone(s.offer())
	s.wrong(1)
	s.limit(limits{Tries: 1})
	_, err = late.take(late.exchange.Request())
	refused(t, "another device", err, "offer_ended")
	s.limit(limits{})
	late.activated(nil)
}

// An activation is open for as long as its profile says at its beginning. One that is
// open keeps the end that its user was told, and days that are asked for count.
func TestExpiryOfAProfile(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	day := 24 * time.Hour
	ends := func(what string, r activations.Request, want time.Duration) {
		t.Helper()
		st := s.start(r)
		if at := s.k.Clock.Now().Add(want); !st.Expires.Equal(at) || !s.overview().Activations[0].Expires.Equal(at) {
			t.Errorf("%s: told %v, stored %v, want %v", what, st.Expires, s.overview().Activations[0].Expires, at)
		}
	}
	ends("the server's", s.request(activations.Offline), 7*day)
	s.limit(limits{Expiry: time.Hour})
	if got := s.overview().Activations[0].Expires.Sub(s.k.Clock.Now()); got != 7*day {
		t.Errorf("what is open ends in %v", got)
	}
	ends("the profile's", s.request(activations.QR), time.Hour)
	asked := s.request(activations.Online)
	asked.Expiry = 2 * day
	ends("asked for", asked, 2*day)
	s.limit(limits{})
	ends("the server's again", s.request(activations.Online), 7*day)
}

// Limits that change between the first look and the write are those that count, and
// what is told is what is stored.
func TestLimitsAreReadInTheWrite(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	s.activate()
	s.k.Clock.Advance(time.Hour)
	draw := func(then limits) {
		once := sync.OnceFunc(func() { s.limit(then) })
		s.k.Activations.DrawCodes(func() (activation.RegistrationCode, error) {
			once()
			return activation.NewRegistrationCode(rand.Reader)
		})
	}
	draw(limits{Expiry: 2 * time.Hour})
	st := s.offer()
	if want := s.k.Clock.Now().Add(2 * time.Hour); !st.Expires.Equal(want) ||
		!s.overview().Activations[0].Expires.Equal(want) {
		t.Errorf("told %v, want %v", st.Expires, want)
	}
	draw(limits{Interval: 2 * time.Hour})
	if !s.limited() {
		t.Error("the write goes by what was read before")
	}
}

// While a limit is set lower, right codes and wrong ones come in: none is accepted, and
// none counted, that would not be by the limits at its place in the log.
func TestLowerLimitBindsParallelConfirmations(t *testing.T) {
	t.Parallel()
	accepted := 0
	for round := range 8 {
		s := setUp(t)
		st := s.start(s.request(activations.Offline))
		d := s.typed(st, st.Password, nil)
		right := d.confirmation()
		s.wrong(2)
		from := s.k.LogSize(t)
		var wg sync.WaitGroup
		begin := make(chan struct{})
		for i := range 12 {
			wg.Go(func() {
				c := right
				if (i+round)%3 != 0 {
					c = s.wrongOTP()
				}
				<-begin
				if _, err := s.confirm(c); err != nil && !strings.Contains(err.Error(), "no open activation") {
					t.Error(err)
				}
			})
			if i == round {
				wg.Go(func() {
					<-begin
					if _, err := s.k.Activations.SetLimits(t.Context(), "phones", func(l *limits) { l.Tries = 2 },
						testkit.Origin); err != nil {
						t.Error(err)
					}
				})
			}
		}
		close(begin)
		wg.Wait()
		lower, refusals := false, 0
		for _, e := range s.k.Log(t, from) {
			switch {
			case e.Action == string(audit.ProfileLimited):
				lower = true
			case e.Action != string(audit.ActivationConfirmed):
			case e.Outcome == string(audit.Accepted):
				if accepted++; lower {
					t.Error("a code is accepted behind the lower limit")
				}
			case lower && e.Reason != "tries_used":
				t.Errorf("behind the lower limit a code is refused as %q", e.Reason)
			default:
				refusals++
			}
		}
		if refusals > 3 { // three wrong ones, or fewer and the one that ended it
			t.Errorf("%d refusals counted", refusals)
		}
	}
	t.Logf("%d of 8 were accepted before the lower limit", accepted)
}

// Two administrators who set different limits at once both have theirs.
func TestLimitsSetAtOnceAreAllKept(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	var wg sync.WaitGroup
	for _, edit := range []func(*limits){func(l *limits) { l.Tries = 2 }, func(l *limits) { l.Failures = 3 },
		func(l *limits) { l.Successes = 4 }, func(l *limits) { l.Expiry = time.Hour },
		func(l *limits) { l.Window = 48 * time.Hour }, func(l *limits) { l.Interval = time.Hour }} {
		wg.Go(func() {
			if _, err := s.k.Activations.SetLimits(t.Context(), "phones", edit, testkit.Origin); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want := limits{Expiry: time.Hour, Tries: 2, Window: 48 * time.Hour, Successes: 4, Failures: 3, Interval: time.Hour}
	if l := must[activations.Limits](t)(s.k.Activations.Limits(t.Context(), "phones")); l.Own != want {
		t.Errorf("%+v, want %+v", l.Own, want)
	}
}

// The log tells what was set, before and after, and nothing of what was refused.
func TestLimitsOfAProfileAreRecorded(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	from := s.k.LogSize(t)
	s.limit(limits{Tries: 3, Window: 48 * time.Hour})
	s.k.Recorded(t, from, audit.ProfileLimited, `done "" map[other:phones] `+
		`map[reactivation_window_seconds:0 tries:0] map[reactivation_window_seconds:172800 tries:3]`)
	from = s.k.LogSize(t)
	s.limit(limits{Tries: 3})
	s.k.Recorded(t, from, audit.ProfileLimited, `done "" map[other:phones] `+
		`map[reactivation_window_seconds:172800] map[reactivation_window_seconds:0]`)
	from = s.k.LogSize(t)
	for name, c := range map[string]struct {
		profile string
		edit    func(*limits)
		code    string
		words   string
	}{
		"no profile":     {"none", func(l *limits) { l.Tries = 1 }, "profile_not_found", "no profile none"},
		"nothing":        {"phones", func(*limits) {}, "limits_unchanged", "already has"},
		"too many tries": {"phones", func(l *limits) { l.Tries = 100 }, "limit_bounds", "1 to 99"},
		"negative":       {"phones", func(l *limits) { l.Failures = -1 }, "limit_bounds", "At least 1"},
		"short":          {"phones", func(l *limits) { l.Expiry = time.Second }, "limit_bounds", "1 minute to 365 days"},
		"long":           {"phones", func(l *limits) { l.Window = 366 * 24 * time.Hour }, "limit_bounds", "365 days"},
		"half a second":  {"phones", func(l *limits) { l.Expiry = 90*time.Minute + 1 }, "limit_bounds", "whole seconds"},
		"above the window": {"phones", func(l *limits) { l.Interval = 31 * 24 * time.Hour }, "limit_bounds",
			"at most the time over"},
	} {
		_, err := s.k.Activations.SetLimits(t.Context(), c.profile, c.edit, testkit.Origin)
		refused(t, name, err, c.code)
		if err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v, want %q", name, err, c.words)
		}
	}
	_, err := s.k.Activations.Limits(t.Context(), "none")
	refused(t, "limits of what is not there", err, "profile_not_found")
	if n := s.k.LogSize(t); n != from {
		t.Errorf("%d entries of refusals", n-from)
	}
}

// Limits are of a server. A token that moves is bound by those of the server where it
// is, be the profile new there or known, and a retired profile keeps its own.
func TestLimitsOfAProfileDoNotMove(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	d := s.activate()
	s.limit(limits{Interval: 48 * time.Hour, Successes: 9})
	if _, err := s.k.Profiles.Retire(t.Context(), "phones", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	s.k.Clock.Advance(time.Hour)
	if !s.limited() {
		t.Error("a retired profile has no limits")
	}
	moved, _ := d.move()
	if now := moved.token(); now.Profile != "phones-2" {
		t.Fatalf("the profile is %s", now.Profile)
	}
	l := must[activations.Limits](t)(moved.k.Activations.Limits(t.Context(), "phones-2"))
	if l.Own != (limits{}) || moved.limited() {
		t.Errorf("at the target it has %+v", l)
	}
	// It comes back to the profile that is known here, and to its limits.
	take(t, s.k, moved.leave(testkit.Move))
	if now := s.token(); now.Profile != "phones" {
		t.Fatalf("the profile is %s", now.Profile)
	}
	if !s.limited() {
		t.Error("back at the source it is not bound by the limits there")
	}
}
