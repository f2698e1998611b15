package authenticator_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/authenticator"
)

func TestCheckPIN(t *testing.T) {
	t.Parallel()
	rules := activation.PINRules{Min: 4, Max: 12, RefuseWeak: true}
	for pin, want := range map[string]error{
		"":              authenticator.ErrPINEmpty,
		"123":           authenticator.ErrPINShort,
		"1234567890123": authenticator.ErrPINLong,
		"12a4":          authenticator.ErrPINCharacter,
		"１２３４":          authenticator.ErrPINCharacter, // digits, and no ASCII
		"1234":          authenticator.ErrPINWeak,
		"4321":          authenticator.ErrPINWeak,
		"0000":          authenticator.ErrPINWeak,
		"8901":          authenticator.ErrPINWeak, // 9 is followed by 0
		"2109":          authenticator.ErrPINWeak,
		"3692":          authenticator.ErrPINWeak, // by threes
		"5050":          authenticator.ErrPINWeak, // fewer than three different
		"5557":          authenticator.ErrPINWeak,
		"5150":          authenticator.ErrPINWeak, // on the list
		"456852":        authenticator.ErrPINWeak,
		"1123581321":    authenticator.ErrPINWeak,
		"5151":          authenticator.ErrPINWeak,
		"5155":          authenticator.ErrPINWeak,
		"5152":          nil,
		"1235":          nil,
		"283947":        nil,
		"012346":        nil,
		"998877665541":  nil,
	} {
		if err := authenticator.CheckPIN(rules, authenticator.Secret(pin)); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", pin, err, want)
		}
	}
	rules.RefuseWeak = false
	if err := authenticator.CheckPIN(rules, authenticator.Secret("1234")); err != nil {
		t.Errorf("weak, and allowed: %v", err)
	}
}

// guesses are wrong PINs.
func guess(i int) authenticator.Secret { return authenticator.Secret(fmt.Sprintf("%06d", 100000+i)) }

// First abuse: guessing. After the tries the secrets are erased, and the event
// counters stay; a reactivation brings the account back.
func TestPenaltyErase(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3, 99} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, events, tries(n))
			a := activate(t, s, d)
			id := a.Account.ID
			for range 2 { // the right PIN gives all tries back
				for i := range n - 1 {
					_, err := d.Code(id, guess(i), 0)
					if wrong, ok := errors.AsType[*authenticator.PINError](err); !ok || wrong.TriesLeft != n-1-i ||
						!errors.Is(err, authenticator.ErrPIN) {
						t.Fatalf("try %d: %v", i, err)
					}
					if got := d.only(t); got.TriesLeft != n-1-i || got.State != authenticator.Active {
						t.Fatalf("try %d: %+v", i, got)
					}
				}
				d.code(t, id, pin, 0)
				if got := d.only(t); got.TriesLeft != n {
					t.Errorf("%d tries after the right PIN", got.TriesLeft)
				}
			}
			counter := d.only(t).Counters[1]
			size := len(d.storage.records[id+".account"])
			for i := range n {
				_, err := d.Code(id, guess(i), 0)
				if last := i == n-1; last != errors.Is(err, authenticator.ErrErased) {
					t.Fatalf("try %d: %v", i, err)
				}
			}
			got := d.only(t)
			if got.State != authenticator.Erased || got.TriesLeft != 0 || got.Counters[1] != counter {
				t.Errorf("%+v, the counter was %d", got, counter)
			}
			if now := len(d.storage.records[id+".account"]); now > size-40 {
				t.Errorf("the record has %d bytes, and had %d", now, size)
			}
			p := authenticator.Secret(pin)
			for _, call := range []func() error{
				func() error { _, err := d.Code(id, p, 0); return err },
				func() error { _, err := d.Answer(id, p, 0, "12345678"); return err },
				func() error { _, err := d.Sign(id, p, 0, []authenticator.Field{{"1", "x"}}); return err },
				func() error { return d.ChangePIN(id, p, authenticator.Secret(other)) },
				func() error { _, err := d.Confirmation(id, p); return err },
			} {
				d.refused(t, authenticator.ErrErased, call)
			}
			again := activate(t, s, d)
			if again.Account.ID != id || again.Account.State != authenticator.Active || again.Account.TriesLeft != n {
				t.Errorf("%+v", again.Account)
			}
			used(t, s, d, id, pin)
		})
	}
}

// The penalty of wrong answers: codes that nobody can tell from right ones, on a
// counter of their own, until the right PIN comes.
func TestPenaltyWrongAnswers(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events, decoys, tries(3), bound)
	id := activate(t, s, d).Account.ID
	before := d.only(t)
	for i := range 2 {
		if _, err := d.Code(id, guess(i), 0); !errors.Is(err, authenticator.ErrPIN) {
			t.Fatal(err)
		}
	}
	// The third wrong PIN already gives a code.
	key := s.Key(t, serial, 1)
	var shown []string
	for i := range 4 {
		c := d.code(t, id, string(guess(i)), 0)
		if len(c) != 6 || slices.Contains(hotp(key, before.Counters[1], 100), string(c)) {
			t.Errorf("wrong PIN %d: the code is right", i)
		}
		if s.Use(t, serial, 1, c, "") {
			t.Error("the server accepts a wrong answer")
		}
		shown = append(shown, string(c))
	}
	if len(slices.Compact(slices.Sorted(slices.Values(shown)))) != 4 {
		t.Errorf("the wrong answers repeat: %q", shown)
	}
	// One PIN gives one series: the next answer to the same PIN is another one.
	first, second := d.code(t, id, string(guess(7)), 0), d.code(t, id, string(guess(7)), 0)
	if string(first) == string(second) {
		t.Error("the counter of wrong answers stands still")
	}
	// So with the other kinds of applications.
	time1 := d.code(t, id, string(guess(1)), 2)
	if len(time1) != 8 || string(time1) == string(d.code(t, id, string(guess(2)), 2)) ||
		s.Use(t, serial, 2, time1, "") {
		t.Error("time")
	}
	if string(time1) != string(d.code(t, id, string(guess(1)), 2)) {
		t.Error("one PIN gives two codes in one time step")
	}
	answer := must(d.Answer(id, guess(1), 0, "12345678"))
	if s.Use(t, serial, 4, answer.Text, "12345678") {
		t.Error("challenge")
	}
	signature := must(d.Sign(id, guess(1), 0, []authenticator.Field{{"1", "x"}}))
	if len(signature.Text) != 8 {
		t.Error("signature")
	}
	if got := d.only(t); got.State != authenticator.WrongAnswers || got.TriesLeft != 0 {
		t.Errorf("%+v", got)
	}
	// What would tell whether a PIN is right is refused whatever the PIN.
	for _, p := range []string{pin, other} {
		d.refused(t, authenticator.ErrPenalty, func() error {
			return d.ChangePIN(id, authenticator.Secret(p), authenticator.Secret("564738"))
		})
		d.refused(t, authenticator.ErrPenalty,
			func() error { _, err := d.Confirmation(id, authenticator.Secret(p)); return err })
	}
	// The right PIN: the right codes, where they had stopped.
	c := d.code(t, id, pin, 0)
	if want := hotp(key, before.Counters[1], 1)[0]; string(c) != want {
		t.Error("the right PIN does not go on where the account had stopped")
	}
	if !s.Use(t, serial, 1, c, "") {
		t.Error("the server refuses the right code")
	}
	if got := d.only(t); got.State != authenticator.Active || got.TriesLeft != 3 ||
		got.Counters[1] != before.Counters[1]+1 {
		t.Errorf("%+v", got)
	}
	d.refusedPIN(t, id, string(guess(1)))
}

// The third wrong PIN may also come with a change of the PIN.
func TestPenaltyByChange(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change []func(*activation.Profile)
		want   error
		state  authenticator.State
	}{
		"erase":         {nil, authenticator.ErrErased, authenticator.Erased},
		"wrong answers": {[]func(*activation.Profile){decoys}, authenticator.ErrPenalty, authenticator.WrongAnswers},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, append(c.change, tries(3))...)
			id := activate(t, s, d).Account.ID
			for i := range 3 {
				err := d.ChangePIN(id, guess(i), authenticator.Secret(other))
				if want := []error{authenticator.ErrPIN, authenticator.ErrPIN, c.want}[i]; !errors.Is(err, want) {
					t.Errorf("%d: %v, want %v", i, err, want)
				}
			}
			if got := d.only(t); got.State != c.state {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Level none: nobody can tell a wrong PIN, which gives codes that the server refuses.
func TestLevelNone(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events, levelNone, tries(1))
	id := activate(t, s, d).Account.ID
	key := s.Key(t, serial, 1)
	counter := d.only(t).Counters[1]
	for i := range 20 {
		c := d.code(t, id, string(guess(i)), 0)
		if s.Use(t, serial, 1, c, "") || string(c) == hotp(key, counter+uint64(i), 1)[0] {
			t.Error("a wrong PIN gives a right code")
		}
	}
	got := d.only(t)
	if got.State != authenticator.Active || got.TriesLeft != 0 || got.Counters[1] != counter+20 {
		t.Errorf("%+v", got)
	}
	if c := d.code(t, id, pin, 0); string(c) != hotp(key, counter+20, 1)[0] {
		t.Error("the right PIN gives a wrong code")
	}
	// The same wrong PIN gives the same wrong keys, on the one counter.
	a := d.code(t, id, string(guess(3)), 2)
	if b := d.code(t, id, string(guess(3)), 2); string(a) != string(b) {
		t.Error("a wrong PIN gives two codes in one time step")
	}
}

func TestChangePIN(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]func(*activation.Profile){"hash": nil, "none": {levelNone}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, append(change, events)...)
			id := activate(t, s, d).Account.ID
			d.refused(t, authenticator.ErrPINWeak, func() error {
				return d.ChangePIN(id, authenticator.Secret(pin), authenticator.Secret("123123"))
			})
			d.refused(t, authenticator.ErrPINShort, func() error {
				return d.ChangePIN(id, authenticator.Secret("1"), authenticator.Secret(other))
			})
			if err := d.ChangePIN(id, authenticator.Secret(pin), authenticator.Secret(other)); err != nil {
				t.Fatal(err)
			}
			used(t, s, d, id, other)
			if name == "hash" {
				d.refusedPIN(t, id, pin)
			} else if s.Use(t, serial, 1, d.code(t, id, pin, 0), "") {
				t.Error("the old PIN works")
			}
		})
	}
	// A wrong old PIN at level none is not noticed.
	s, d := pair(t, levelNone)
	id := activate(t, s, d).Account.ID
	if err := d.ChangePIN(id, authenticator.Secret("564738"), authenticator.Secret(other)); err != nil {
		t.Fatal(err)
	}
	later(s, d, 30*time.Second)
	for _, p := range []string{pin, other} {
		if s.Use(t, serial, 1, d.code(t, id, p, 0), "") {
			t.Errorf("the PIN %s works", p)
		}
	}
}

// Second abuse: stopping the device when a PIN is wrong. The try is stored as spent
// before the PIN is looked at, so a storage that takes nothing gives no code either.
func TestTryIsSpentBeforehand(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]func(*activation.Profile){"erase": nil, "wrong answers": {decoys}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, append(change, events, tries(3))...)
			id := activate(t, s, d).Account.ID
			type killed struct{}
			for n := 3; n > 0; n-- {
				if got := d.only(t); got.TriesLeft != n || got.State != authenticator.Active {
					t.Fatalf("%d tries left: %+v", n, got)
				}
				d.storage.wrote = func(string) { panic(killed{}) } // the first write is done, and the power gone
				func() {
					defer func() {
						if r := recover(); r != (killed{}) {
							t.Errorf("%v", r)
						}
					}()
					_, err := d.Code(id, guess(n), 0)
					t.Errorf("answered before anything was stored: %v", err)
				}()
				d.storage.wrote = nil
			}
			// The fourth try meets the penalty, whatever the PIN.
			_, err := d.Code(id, guess(0), 0)
			if name == "erase" != errors.Is(err, authenticator.ErrErased) {
				t.Errorf("%v", err)
			}
			if got := d.only(t); got.TriesLeft != 0 || got.State == authenticator.Active {
				t.Errorf("%+v", got)
			}
		})
	}
	s, d := pair(t, events)
	id := activate(t, s, d).Account.ID
	d.storage.fail = errors.New("disk full")
	for _, p := range []string{pin, other} {
		d.refused(t, d.storage.fail, func() error { _, err := d.Code(id, authenticator.Secret(p), 0); return err })
	}
}

// Third abuse: what cannot be a PIN is no try, and costs none; nor do other slips.
func TestSlipsCostNoTry(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events, tries(1))
	id := activate(t, s, d).Account.ID
	for text, want := range map[string]error{
		"":                       authenticator.ErrPINEmpty,
		"12345":                  authenticator.ErrPINShort,
		"1234567890123":          authenticator.ErrPINLong,
		"28394x":                 authenticator.ErrPINCharacter,
		pin + "\n":               authenticator.ErrPINCharacter,
		strings.Repeat("1", 1e6): authenticator.ErrPINLong,
	} {
		d.refused(t, want, func() error { _, err := d.Code(id, authenticator.Secret(text), 0); return err })
	}
	p := authenticator.Secret(other) // wrong
	d.refused(t, activation.ErrApplication, func() error { _, err := d.Code(id, p, 3); return err })
	d.refused(t, authenticator.ErrMode, func() error { _, err := d.Code(id, p, 4); return err })
	d.refused(t, authenticator.ErrChallengeEmpty, func() error { _, err := d.Answer(id, p, 4, ""); return err })
	d.refused(t, authenticator.ErrFieldCount, func() error { _, err := d.Sign(id, p, 5, nil); return err })
	d.code(t, id, pin, 0)
}
