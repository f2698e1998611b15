package activations_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/activations"
	"ostiary/internal/test/testkit"
)

func TestFirstActivation(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*activation.Profile){
		"events":                  nil,
		"time":                    {timed},
		"password":                {timed, password},
		"checked password, bound": {timed, checked, bound},
		"same key, bound":         {sameKey, bound},
		"eight applications":      {many, password},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setUp(t, edits...)
			st := s.start(s.request(activations.Offline))
			if want := s.vector.Profile().Rules.Password; want != (st.Password != nil) || st.Pair || st.ERC != "" ||
				st.Code == nil || len(st.Warnings) > 0 {
				t.Errorf("begun: %+v", st)
			}
			if body := string(st.QRBody); body != "<QRCode><SN>"+s.serial+"</SN><AC>"+string(st.Code)+"</AC></QRCode>" {
				t.Errorf("code image of %q", body)
			}
			d := s.typed(st, st.Password, nil)
			if s.token().Condition.State != token.Pending || s.k.Verify(t, s.serial, d.code(1)) {
				t.Error("it counts before it is confirmed")
			}
			d.accepted()
			for i := range 20 {
				if !d.logsIn() {
					t.Fatalf("login %d is refused", i)
				}
			}
			if c := s.token().Condition; c.Epoch != 1 || c.State != token.Valid {
				t.Errorf("%+v", c)
			}
			if _, err := s.confirm(s.wrongOTP()); err == nil {
				t.Error("confirmed, and still open")
			}
		})
	}
}

// The code that confirms is used up by the write that swaps the epochs.
func TestConfirmationIsUsedUp(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*activation.Profile){"events": func(*activation.Profile) {},
		"time": timed} {
		s := setUp(t, edit)
		st := s.start(s.request(activations.Offline))
		d := s.typed(st, nil, nil)
		c := d.confirmation()
		if r, err := s.confirm(c); err != nil || !r.Accepted {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		if s.k.Verify(t, s.serial, string(c.OTP)) || s.k.VerifyUser(t, "alice", string(c.OTP)) {
			t.Errorf("%s: the code that confirmed logs in", name)
		}
	}
}

// Protocol, item 4: after a confirmed reactivation every code of the old epoch is
// refused; before it the old one works, unless reported lost.
func TestItem4OldEpoch(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*activation.Profile){
		"events": nil, "time": {timed}, "bound": {bound, timed}, "same key, bound": {sameKey, bound},
		"eight applications": {many},
	} {
		for _, reason := range []activations.Reason{"", activations.PINForgotten, activations.DeviceReplaced,
			activations.DeviceLost} {
			t.Run(name+" "+string(reason), func(t *testing.T) {
				t.Parallel()
				s := setUp(t, edits...)
				old := s.activate()
				s.k.Clock.Advance(time.Hour)
				if !old.logsIn() {
					t.Fatal("the first device does not log in")
				}
				r := s.request(activations.Offline)
				r.Reason = reason
				st := s.start(r)
				lost := reason == activations.DeviceLost
				if works := old.logsIn(); works == lost {
					t.Errorf("before the confirmation the old device works: %t", works)
				}
				if st.ERC == "" && len(s.vector.EventApplications()) > 0 {
					t.Error("no event counters")
				}
				next := s.typed(st, nil, old)
				same := s.vector.Profile().Rules.NewKey == false && !lost
				if same != (string(next.Secret) == string(old.Secret)) {
					t.Errorf("the secret was sent again: %t", !same)
				}
				next.accepted()
				if !next.logsIn() {
					t.Error("the new device does not log in")
				}
				if !same {
					for i := range 30 {
						if old.logsIn() {
							t.Fatalf("code %d of the old device is accepted", i)
						}
					}
				}
				if c := s.token().Condition; c.Epoch != 2 || c.State != token.Valid {
					t.Errorf("%+v", c)
				}
			})
		}
	}
}

// Item 5: whatever the two devices do, no event counter falls, nor does the epoch.
func TestItem5CountersNeverFall(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	old := s.activate()
	for round := range 4 {
		s.k.Clock.Advance(time.Hour)
		st := s.start(s.request(activations.Offline))
		for range 5 { // the old device goes on after the letter was printed
			if !old.logsIn() {
				t.Fatal("the old device is refused")
			}
		}
		before := s.token().Condition
		next := s.typed(st, nil, old).accepted()
		after := s.token().Condition
		if after.Next < before.Next || after.Epoch != before.Epoch+1 {
			t.Fatalf("round %d: %+v, before %+v", round, after, before)
		}
		for next.Next[1] < after.Next { // what the old one used up is nobody's any more
			if next.logsIn() {
				t.Errorf("round %d: an old event counter is accepted", round)
			}
			s.k.Unlock(t, s.serial)
		}
		if !next.logsIn() {
			t.Fatalf("round %d: the new device is refused", round)
		}
		old = next
	}
}

// A re-push confirms by two codes in a row alone, above the last one used.
func TestSameSecret(t *testing.T) {
	t.Parallel()
	s := setUp(t, sameKey)
	old := s.activate()
	used := *old
	used.Next = maps.Clone(old.Next)
	for range 5 {
		old.logsIn()
	}
	s.k.Clock.Advance(time.Hour)
	st := s.start(s.request(activations.Offline))
	if !st.Pair || len(st.Warnings) == 0 || !strings.Contains(st.Warnings[0], "old device") {
		t.Errorf("warnings: %q", st.Warnings)
	}
	d := s.typed(st, nil, old)
	c := d.confirmation()
	one := activation.Confirmation{OTP: c.OTP}
	_, err := s.confirm(one)
	refused(t, "one code", err, "next_otp_missing")
	for name, c := range map[string]activation.Confirmation{
		"not in a row": {OTP: c.OTP, Next: c.OTP},
		"used before":  {OTP: activation.Secret(used.code(1)), Next: activation.Secret(used.code(1))},
	} {
		if r, err := s.confirm(c); err != nil || r.Accepted {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	if r, err := s.confirm(c); err != nil || !r.Accepted {
		t.Fatalf("%+v, %v", r, err)
	}
	if !d.logsIn() {
		t.Error("refused after it")
	}
}

// Ten events are searched; of a re-push a thousand, from the last code that the old
// epoch took.
func TestEventWindows(t *testing.T) {
	t.Parallel()
	for ahead, want := range map[uint64]bool{9: true, 10: false} {
		s := setUp(t)
		d := s.typed(s.start(s.request(activations.Offline)), nil, nil)
		d.Next[1] = ahead
		if r, err := s.confirm(d.confirmation()); err != nil || r.Accepted != want {
			t.Errorf("%d ahead: %+v, %v", ahead, r, err)
		}
	}
	for ahead, want := range map[uint64]bool{0: true, 998: true, 1001: false} {
		s := setUp(t, sameKey)
		old := s.activate()
		s.k.Clock.Advance(time.Hour)
		d := s.typed(s.start(s.request(activations.Offline)), nil, old)
		for range 2 { // after the letter was printed
			if !old.logsIn() {
				t.Fatal("the old epoch is refused")
			}
		}
		used := d.confirmation()
		if r, err := s.confirm(used); err != nil || r.Accepted {
			t.Errorf("two codes that were used: %+v, %v", r, err)
		}
		d.Next[1] = old.Next[1] + ahead
		if r, err := s.confirm(d.confirmation()); err != nil || r.Accepted != want {
			t.Errorf("re-push, %d ahead: %+v, %v", ahead, r, err)
		}
	}
}

// Lost after a re-push was begun: whoever has the secret must not confirm it.
func TestLostMeanwhile(t *testing.T) {
	t.Parallel()
	s := setUp(t, sameKey)
	old := s.activate()
	s.k.Clock.Advance(time.Hour)
	d := s.typed(s.start(s.request(activations.Offline)), nil, old)
	c := d.confirmation()
	s.k.SetState(t, s.serial, token.RevokedLost)
	_, err := s.confirm(c)
	refused(t, "the old secret", err, "secret_lost")
	st := s.start(s.request(activations.Offline))
	next := s.typed(st, nil, old)
	if string(next.Secret) == string(old.Secret) {
		t.Fatal("a lost secret is sent again")
	}
	next.accepted()
	if !next.logsIn() || old.logsIn() {
		t.Error("the new device is to log in, and the old one not")
	}
}

// Ten minutes off, a device is confirmed and logs in; one time step more, it is not.
func TestClockOff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		off  time.Duration
		want bool
	}{{10 * time.Minute, true}, {-10 * time.Minute, true}, {10*time.Minute + 30*time.Second, false},
		{-10*time.Minute - 30*time.Second, false}} {
		s := setUp(t, timed)
		d := s.typed(s.start(s.request(activations.Offline)), nil, nil)
		d.Off = c.off
		if r, err := s.confirm(d.confirmation()); err != nil || r.Accepted != c.want {
			t.Errorf("%s off: %+v, %v", c.off, r, err)
		}
		if c.want && !d.logsIn() {
			t.Errorf("%s off: refused after it", c.off)
		}
	}
}

// Item 1: an activation code without its password is worth nothing, and the password
// without the code neither.
func TestItem1CodeWithoutPassword(t *testing.T) {
	t.Parallel()
	s := setUp(t, timed, password)
	st := s.start(s.request(activations.Offline))
	for _, guess := range []string{"0000000000", "AAAAAAAAAA", strings.ToLower(string(st.Code[:10]))} {
		d := s.typed(st, activation.Secret(guess), nil)
		if r, err := s.confirm(d.confirmation()); err != nil || r.Accepted {
			t.Errorf("with a guess: %+v, %v", r, err)
		}
	}
	if !strings.Contains(s.k.LastEntry(t).Reason, "wrong") || s.token().Condition.State != token.Pending {
		t.Errorf("%+v", s.k.LastEntry(t))
	}
	s.typed(st, st.Password, nil).accepted()

	// Where the device checks, it says so, and no try is spent.
	s = setUp(t, timed, checked)
	st = s.start(s.request(activations.Offline))
	in := activation.CodeInput{Serial: s.serial, Password: activation.Secret("0000000000")}
	if _, err := s.vector.OpenCode(string(st.Code), in); err == nil {
		t.Error("a wrong password opens the code")
	}
	s.typed(st, st.Password, nil).accepted()
}

func TestGivenPassword(t *testing.T) {
	t.Parallel()
	s := setUp(t, timed, password)
	r := s.request(activations.Offline)
	r.Password = "correct horse battery staple"
	st := s.start(r)
	if st.Password != nil {
		t.Error("a password that was given is shown")
	}
	s.typed(st, activation.Secret(r.Password), nil).accepted()
	for text, code := range map[string]string{"short": "activation_password",
		strings.Repeat("x", 65): "activation_password", "Änne hat zehn": "activation_password"} {
		r.Password = text
		_, err := s.k.Activations.Start(t.Context(), r)
		refused(t, "a password of "+text, err, code)
	}
	s = setUp(t)
	r = s.request(activations.Offline)
	r.Password = "correct horse battery staple"
	_, err := s.k.Activations.Start(t.Context(), r)
	refused(t, "where there is none", err, "activation_password_unexpected")
}

// Five wrong confirmations end it, and the epoch before goes on.
func TestTries(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	old := s.activate()
	s.k.Clock.Advance(time.Hour)
	d := s.typed(s.start(s.request(activations.Offline)), nil, old)
	for _, c := range []activation.Confirmation{{OTP: activation.Secret("12345")}, {OTP: activation.Secret("12345a")},
		{OTP: activation.Secret("123456"), Derivation: activation.Secret("00000-00000-00000-00000")}} {
		if _, err := s.confirm(c); err == nil {
			t.Errorf("%s is a confirmation", string(c.OTP))
		}
	}
	for left := 4; left >= 0; left-- {
		if r, err := s.confirm(s.wrongOTP()); err != nil || r.Accepted || r.TriesLeft != left {
			t.Fatalf("%+v, %v, want %d left", r, err, left)
		}
	}
	_, err := s.confirm(d.confirmation())
	refused(t, "after the last try", err, "no_open_activation")
	if c := s.token().Condition; c.Failures != 0 || c.Epoch != 1 {
		t.Errorf("the old epoch: %+v", c)
	}
	if !old.logsIn() {
		t.Error("the old device is refused")
	}
}

func TestBinding(t *testing.T) {
	t.Parallel()
	s := setUp(t, bound, timed)
	st := s.start(s.request(activations.Offline))
	copied := s.typed(st, nil, nil) // somebody typed the same letter
	d := s.typed(st, nil, nil).accepted()
	for range 3 {
		if copied.logsIn() {
			t.Error("an unbound copy of the secret logs in")
		}
	}
	s.k.Unlock(t, s.serial)
	s.k.Clock.Advance(time.Hour)
	if !d.logsIn() {
		t.Fatal("the bound device is refused")
	}
	next := s.typed(s.start(s.request(activations.Offline)), nil, nil)
	c := next.confirmation()
	_, err := s.confirm(activation.Confirmation{OTP: c.OTP})
	refused(t, "without the derivation code", err, "derivation_code_missing")
	if hint := fault.Of(err).Hint; !strings.Contains(hint, "--derivation-code CODE") ||
		!strings.Contains(hint, "shows it below") {
		t.Errorf("the hint is %q", hint)
	}
	spoilt := c
	spoilt.Derivation = append(activation.Secret(nil), c.Derivation...)
	spoilt.Derivation[3] ^= 'A' ^ 'B'
	if r, err := s.confirm(spoilt); err != nil || r.Accepted {
		t.Errorf("a mistyped derivation code: %+v, %v", r, err)
	}
	if r, err := s.confirm(c); err != nil || !r.Accepted {
		t.Fatalf("%+v, %v", r, err)
	}
	if d.logsIn() || !next.logsIn() {
		t.Error("binding a new device ends the first")
	}
	// The first device again, with the device secret that was unbound.
	s.k.Clock.Advance(time.Hour)
	back := s.typed(s.start(s.request(activations.Offline)), nil, nil)
	back.Device = d.Device
	if r, err := s.confirm(back.confirmation()); err != nil || r.Accepted {
		t.Errorf("a device that was unbound: %+v, %v", r, err)
	}
	if got := s.k.LastEntry(t).Reason; got != "unbound_device" {
		t.Errorf("reason %q", got)
	}
}

// A re-push confirms the device that is bound, and no other.
func TestSameSecretOtherDevice(t *testing.T) {
	t.Parallel()
	s := setUp(t, bound, timed, sameKey)
	old := s.activate()
	s.k.Clock.Advance(time.Hour)
	st := s.start(s.request(activations.Offline))
	other := s.typed(st, nil, nil)
	if r, err := s.confirm(other.confirmation()); err != nil || r.Accepted {
		t.Errorf("another device: %+v, %v", r, err)
	}
	if got := s.k.LastEntry(t).Reason; got != "other_device" {
		t.Errorf("reason %q", got)
	}
	s.typed(st, nil, old).accepted()
}

func TestUnbind(t *testing.T) {
	t.Parallel()
	for name, edits := range map[string][]func(*activation.Profile){"bound": {bound}, "not bound": nil,
		"same key": {sameKey}, "eight applications": {many, bound}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setUp(t, edits...)
			old := s.activate()
			tok, err := s.k.Activations.Unbind(t.Context(), s.request("").Token, testkit.Origin)
			if err != nil || tok.Condition.State != token.Pending {
				t.Fatalf("%+v, %v", tok, err)
			}
			_, err = s.k.Activations.Unbind(t.Context(), s.request("").Token, testkit.Origin)
			refused(t, "unbound twice", err, "not_activated")
			_, err = s.k.Activations.Cancel(t.Context(), s.request("").Token, testkit.Origin)
			refused(t, "cancelled where nothing is open", err, "no_open_activation")
			if old.logsIn() {
				t.Error("it logs in")
			}
			// No command makes it VALID without a secret.
			for _, to := range []token.State{token.RevokedLost, token.Valid} {
				if _, err = s.k.Lifecycle.SetState(t.Context(), s.request("").Token, to, "",
					testkit.Origin); to == token.Valid {
					refused(t, "VALID by command", err, "awaits_activation")
				} else if err != nil {
					t.Fatal(err)
				}
			}
			s.k.Clock.Advance(time.Hour)
			st := s.start(s.request(activations.Offline))
			next := s.typed(st, nil, nil)
			if string(next.Secret) == string(old.Secret) {
				t.Fatal("the discarded secret is back")
			}
			if old.Device != nil {
				revived := *next
				revived.Next, revived.Device = maps.Clone(next.Next), old.Device
				if r, err := s.confirm(revived.confirmation()); err != nil || r.Accepted ||
					s.k.LastEntry(t).Reason != "unbound_device" {
					t.Errorf("the device that was unbound: %+v, %v", r, err)
				}
			}
			next.accepted()
			if !next.logsIn() || old.logsIn() {
				t.Error("the new device is to log in, and the old one not")
			}
		})
	}
}

func TestEightApplications(t *testing.T) {
	t.Parallel()
	s := setUp(t, many)
	d := s.activate()
	for round := range 3 {
		for _, index := range []int{1, 2, 3} {
			s.k.Clock.Advance(time.Minute)
			code := d.code(index)
			if !s.k.Verify(t, s.serial, code) {
				t.Fatalf("round %d: a code of application %d is refused", round, index)
			}
			if s.k.Verify(t, s.serial, code) {
				t.Fatalf("round %d: a code of application %d is accepted twice", round, index)
			}
		}
	}
	s.k.Clock.Advance(time.Hour)
	st := s.start(s.request(activations.Offline))
	next := s.typed(st, nil, nil)
	if next.Next[2] != d.Next[2] || len(s.vector.EventApplications()) != 4 {
		t.Errorf("the counter of application 2 is sent as %d, want %d", next.Next[2], d.Next[2])
	}
	next.accepted()
	for _, index := range []int{1, 2, 3} {
		s.k.Clock.Advance(time.Minute)
		s.k.Unlock(t, s.serial)
		if s.k.Verify(t, s.serial, d.code(index)) || !s.k.Verify(t, s.serial, next.code(index)) {
			t.Errorf("application %d after a reactivation", index)
		}
	}
	if n := len(s.k.Dump(t)); n == 0 {
		t.Error("nothing is kept")
	}
}

// What is begun, ended and refused is in the log, and no secret is.
func TestAudit(t *testing.T) {
	t.Parallel()
	s := setUp(t, timed, password, bound)
	from := s.k.LogSize(t)
	st := s.start(s.request(activations.Offline))
	d := s.typed(st, st.Password, nil)
	c := d.confirmation()
	wrong := c
	wrong.OTP = s.wrongOTP().OTP
	if _, err := s.confirm(wrong); err != nil {
		t.Fatal(err)
	}
	if _, err := s.confirm(c); err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, e := range s.k.Log(t, from) {
		actions = append(actions, string(e.Action)+" "+string(e.Outcome))
		if e.Subject["serial"] != s.serial || e.Subject["user"] != "alice" {
			t.Errorf("%s: about %+v", e.Action, e.Subject)
		}
	}
	want := []string{string(audit.ActivationStarted) + " done", string(audit.ActivationConfirmed) + " refused",
		string(audit.ActivationConfirmed) + " accepted"}
	if strings.Join(actions, ", ") != strings.Join(want, ", ") {
		t.Errorf("log: %q, want %q", actions, want)
	}
	dump := s.k.Dump(t)
	for name, secret := range map[string]activation.Secret{"code": st.Code, "password": st.Password, "S": d.Secret,
		"D": d.Device, "derivation code": c.Derivation, "OTP": c.OTP} {
		if strings.Contains(dump, string(secret)) {
			t.Errorf("the %s is in the database", name)
		}
	}
}

// On request a first activation has an event counter code as well, by every route: the
// device takes its counters from it. A profile that counts no events has none.
func TestFirstActivationCarriesERCOnRequest(t *testing.T) {
	t.Parallel()
	s := setUp(t)
	r := s.request(activations.Offline)
	if st := s.start(r); st.ERC != "" {
		t.Errorf("an ERC without request: %q", st.ERC)
	}
	r.ERC = true
	st := s.start(r)
	if counters, err := s.vector.ReadERC(s.serial, st.ERC); err != nil || len(counters) != 1 || counters[0] != 0 {
		t.Fatalf("%q: %d, %v", st.ERC, counters, err)
	}
	if _, err := s.vector.OpenCode(string(st.Code), activation.CodeInput{Serial: s.serial}); err == nil {
		t.Error("the code is not bound to the counters")
	}
	if d := s.typed(st, nil, nil).accepted(); !d.logsIn() {
		t.Error("the device does not work")
	}
	s.serial = s.create("alice")
	r = s.request(activations.Online)
	r.ERC = true
	p := s.phone(s.start(r))
	d := p.activated(nil)
	if len(d.Next) != 1 {
		t.Errorf("online no counters came: %v", d.Next)
	}
	if result, err := p.confirm(d.confirmation()); err != nil || !result.Accepted {
		t.Errorf("%+v, %v", result, err)
	}
	timely := setUp(t, timed)
	r = timely.request(activations.Offline)
	r.ERC = true
	_, err := timely.k.Activations.Start(t.Context(), r)
	refused(t, "by time", err, "no_events")
}
