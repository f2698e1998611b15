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
	"ostiary/internal/device/vaultdir"
)

// The client's half of docs/protocol.md, Tests that must hold, by their numbers there.

// Item 4: after a confirmed reactivation with new keys the old device's codes are
// refused; before it they work.
func TestItem4OldDevice(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	id := activate(t, s, d).Account.ID
	second := newDevice(t, "second", s)
	a := must(second.Activate(letter(s, s.Letter(t, serial, false)), choice(pin)))
	used(t, s, d, id, pin)
	if err := s.Confirm(serial, a.Confirmation); err != nil {
		t.Fatal(err)
	}
	later(s, d, time.Minute)
	if s.Use(t, serial, 1, d.code(t, id, pin, 0), "") {
		t.Error("the old device works")
	}
}

// An old letter that is typed again makes no way around the PIN of a device that is
// bound: the server takes no other device secret without a new offer.
func TestItem4OldLetter(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]func(*activation.Profile){"time": {bound}, "events": {bound, events}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, change...)
			old := letter(s, s.Letter(t, serial, false))
			a := must(d.Activate(old, choice(pin)))
			if err := s.Confirm(serial, a.Confirmation); err != nil {
				t.Fatal(err)
			}
			thief := must(d.Activate(old, choice(other)))
			d.kept(t)
			later(s, d, time.Minute)
			if s.Use(t, serial, 1, d.code(t, thief.Account.ID, other, 0), "") {
				t.Error("the server accepts the code")
			}
			if err := s.Confirm(serial, thief.Confirmation); err == nil {
				t.Error("the server takes the device secret")
			}
		})
	}
}

// Item 5: no counter ever falls on a device, whatever is done to an account: no code is
// shown twice.
func TestItem5CountersNeverFall(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]func(*activation.Profile){
		"new keys": {events}, "same key": {events, sameKey}, "wrong answers": {events, decoys},
		"level none": {events, sameKey, levelNone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, append(change, tries(3))...)
			id := activate(t, s, d).Account.ID
			last := s.Letter(t, serial, false)
			shown := map[string]bool{}
			show := func(what, pin string) {
				t.Helper()
				c := string(d.code(t, id, pin, 1))
				if shown[c] {
					t.Errorf("%s: a code is shown again", what)
				}
				shown[c] = true
			}
			again := func(what string) {
				t.Helper()
				a, err := d.Activate(letter(s, last), choice(pin))
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				shown[string(a.Confirmation.OTP)] = true
				for range 3 {
					show(what, pin)
				}
				d.kept(t)
			}
			again("a letter")
			again("the same letter")
			again("the same letter again")
			if name != "level none" {
				for i := range 3 {
					_, _ = d.Code(id, guess(i), 1)
				}
				again("after the penalty")
			}
			if err := d.ChangePIN(id, authenticator.Secret(pin), authenticator.Secret(other)); err != nil {
				t.Fatal(err)
			}
			show("another PIN", other)
			if err := d.Rename(id, "Another"); err != nil {
				t.Fatal(err)
			}
			show("another name", other)
			unconfirmedAgain := unconfirmed(t, s, d)
			if sameS := !s.Vector.Profile().Rules.NewKey; sameS {
				for range 3 {
					show("unconfirmed", other)
				}
			}
			if err := d.Settle(unconfirmedAgain.ID, false); err != nil {
				t.Fatal(err)
			}
			for range 8 { // more than were shown meanwhile
				show("undone", other)
			}
		})
	}
}

// Item 7: flipping any bit of what reaches the device is refused, and changes nothing:
// the answers of a server, and the records of the vault.
func TestItem7FlippedBits(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events, bound)
	activate(t, s, d)
	// Of a long message one bit of each byte: package activation flips them all.
	flips := func(b []byte, f func(flipped []byte)) {
		step := 1
		if len(b) > 1000 {
			step = 9
		}
		for bit := 0; bit < 8*len(b); bit += step {
			c := slices.Clone(b)
			c[bit/8] ^= 1 << (bit % 8)
			f(c)
		}
	}
	code, password := s.Offer(t, serial, false)
	var status int
	var answer []byte
	d.line.after = func(_ string, st int, a []byte) (int, []byte, error) {
		status, answer = st, a
		return st, a, nil
	}
	o := d.begin(t, code)
	d.line.before = func(string, []byte) error { return nil }
	right := answer
	flips(right, func(flipped []byte) {
		d.line.after = func(string, int, []byte) (int, []byte, error) { return status, flipped, nil }
		before := d.storage.dump()
		if _, err := d.Begin(t.Context(), offer(code)); !errors.Is(err, activation.ErrMessage) &&
			!errors.Is(err, activation.ErrAuth) {
			t.Fatalf("taken: %v", err)
		}
		if d.storage.dump() != before {
			t.Fatal("the vault changed")
		}
	})
	d.line.after = func(_ string, _ int, a []byte) (int, []byte, error) {
		answer = a
		return 0, nil, errLine
	}
	a, err := o.Finish(t.Context(), password, choice(pin))
	if !errors.Is(err, authenticator.ErrUnconfirmed) {
		t.Fatal(err)
	}
	right = answer
	flips(right, func(flipped []byte) {
		d.line.after = func(string, int, []byte) (int, []byte, error) { return status, flipped, nil }
		before := d.storage.dump()
		if err := d.Confirm(t.Context(), a.ID, nil); !errors.Is(err, authenticator.ErrUnconfirmed) {
			t.Fatalf("taken: %v", err)
		}
		if d.storage.dump() != before {
			t.Fatal("the vault changed")
		}
	})
	d.line.after = nil
	if err := d.Confirm(t.Context(), a.ID, nil); err != nil {
		t.Error(err)
	}

	name := a.ID + ".account"
	record := d.storage.records[name]
	flips(record, func(flipped []byte) {
		d.storage.records[name] = flipped
		_, err := d.Code(a.ID, authenticator.Secret(pin), 0)
		if !errors.Is(err, authenticator.ErrDamaged) && !errors.Is(err, authenticator.ErrNewer) {
			t.Fatalf("taken: %v", err)
		}
	})
	// A record under another name, or of another device, is one that was damaged, too.
	delete(d.storage.records, name)
	swapped := strings.Repeat("0", 32)
	d.storage.records[swapped+".account"] = record
	_, err = d.Account(swapped)
	if !errors.Is(err, authenticator.ErrDamaged) {
		t.Errorf("under another name: %v", err)
	}
	d.storage.records = map[string][]byte{name: record}
	foreign := newDevice(t, "foreign", s, func(c *authenticator.Config) {
		c.Storage, c.Platform = d.storage, must(authenticator.KeyBytes(make([]byte, 32)))
	})
	list, err := foreign.List()
	damaged, ok := errors.AsType[*authenticator.AccountError](err)
	if !ok || damaged.ID != a.ID || !errors.Is(err, authenticator.ErrDamaged) || len(list) != 0 {
		t.Errorf("on another device: %+v %v", list, err)
	}
	if err := foreign.Delete(a.ID); err != nil || len(d.storage.records) != 0 {
		t.Errorf("it cannot be deleted: %v", err)
	}
}

// Item 8: killing the client at every step, at every byte that it writes and at every
// message that it sends, leaves nothing, or a whole account; and what was under way can
// be done again.
func TestItem8KilledAtEveryByte(t *testing.T) {
	t.Parallel()
	p, q := authenticator.Secret(pin), authenticator.Secret(other)
	online := func(k *killing, d *device) error {
		o, err := d.Begin(k.t.Context(), offer(k.code))
		if account, ok := errors.AsType[*authenticator.AccountError](err); ok &&
			errors.Is(err, authenticator.ErrUnconfirmed) {
			return d.Confirm(k.t.Context(), account.ID, q)
		}
		if errors.Is(err, authenticator.ErrOffer) && k.again {
			return nil // it was done
		}
		if err != nil {
			return err
		}
		_, err = o.Finish(k.t.Context(), k.password, choice(other))
		return err
	}
	offline := func(k *killing, d *device) error {
		_, err := d.Activate(k.letter, choice(other))
		if k.again && errors.Is(err, authenticator.ErrUnsettled) {
			return nil // it was done
		}
		return err
	}
	code := func(k *killing, d *device) error { _, err := d.Code(k.id, p, 1); return err }
	for name, c := range map[string]struct {
		change []func(*activation.Profile)
		kind   string // "fresh" where there is no account before, "online" where there is an offer instead of a letter
		act    func(k *killing, d *device) error
	}{
		"activate":            {[]func(*activation.Profile){events, bound}, "fresh", offline},
		"reactivate":          {[]func(*activation.Profile){events, bound}, "", offline},
		"reactivate same key": {[]func(*activation.Profile){events, sameKey}, "", offline},
		"online":              {[]func(*activation.Profile){events, bound}, "fresh online", online},
		"online again":        {[]func(*activation.Profile){events, bound, password}, "online", online},
		"online same key":     {[]func(*activation.Profile){events, bound, sameKey}, "online", online},
		"online level none":   {[]func(*activation.Profile){levelNone}, "online", online},
		"code by event":       {[]func(*activation.Profile){events}, "", code},
		"code by time":        {nil, "", code},
		"code at level none":  {[]func(*activation.Profile){events, levelNone}, "", code},
		"signature": {[]func(*activation.Profile){events}, "", func(k *killing, d *device) error {
			_, err := d.Sign(k.id, p, 0, []authenticator.Field{{Label: "1", Value: "x"}})
			return err
		}},
		"wrong PIN": {[]func(*activation.Profile){events}, "", func(k *killing, d *device) error {
			if _, err := d.Code(k.id, guess(1), 1); !errors.Is(err, authenticator.ErrPIN) {
				return fmt.Errorf("a wrong PIN: %w", err)
			}
			return nil
		}},
		"change PIN": {[]func(*activation.Profile){events}, "", func(k *killing, d *device) error {
			err := d.ChangePIN(k.id, p, q)
			if k.again && errors.Is(err, authenticator.ErrPIN) {
				return nil // it was done
			}
			return err
		}},
		"rename":      {nil, "", func(k *killing, d *device) error { return d.Rename(k.id, "Another") }},
		"server time": {nil, "", func(k *killing, d *device) error { return d.SetServerTime(k.id, d.now) }},
		"delete": {nil, "", func(k *killing, d *device) error {
			err := d.Delete(k.id)
			if k.again && errors.Is(err, authenticator.ErrAccount) {
				return nil // it was done
			}
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := &killing{t: t, act: c.act, fresh: strings.Contains(c.kind, "fresh"),
				online: strings.Contains(c.kind, "online")}
			k.run(c.change)
		})
	}
}

// killing is an act during which the client is killed at every step.
type killing struct {
	t             *testing.T
	act           func(k *killing, d *device) error
	fresh, online bool

	id       string // of the account before, if there is one
	counter  uint64
	letter   authenticator.Offline
	code     activation.RegistrationCode
	password activation.Secret

	steps int
	seen  map[string]bool // states that were looked at
	again bool            // the act was killed before
}

// run does the act once, and looks at every step at what a client would find if it
// had died there.
func (k *killing) run(change []func(*activation.Profile)) {
	s, d := pair(k.t, change...)
	if !k.fresh {
		k.id = activate(k.t, s, d).Account.ID
		later(s, d, time.Minute)
		k.counter = d.only(k.t).Counters[1]
	}
	if k.online {
		k.code, k.password = s.Offer(k.t, serial, false)
	} else {
		k.letter = letter(s, s.Letter(k.t, serial, false))
	}
	k.seen = map[string]bool{}
	disk := newDisk(d.storage.records)
	die := func() { k.die(d, disk) }
	disk.stepping = die
	d.line.before = func(string, []byte) error { die(); return nil }
	d.line.after = func(_ string, status int, answer []byte) (int, []byte, error) { die(); return status, answer, nil }
	k.mount(d, disk)
	if err := k.act(k, d); err != nil {
		k.t.Fatal(err)
	}
	die()
	if least := map[bool]int{false: 3, true: 1000}[k.online]; k.steps < least || len(k.seen) < 2 {
		k.t.Errorf("%d steps, %d states", k.steps, len(k.seen))
	}
}

// die looks at what would be left if the client died now.
func (k *killing) die(d *device, disk *disk) {
	k.steps++
	for name, files := range disk.left() {
		state := fmt.Sprint(fingerprint(files), len(d.line.server.Requests))
		if k.seen[state] {
			probe := *d
			k.mount(&probe, newDisk(files)) // what was left unfinished differs
			continue
		}
		k.seen[state] = true
		k.whole(name, k.start(d, files))
		// The act can be done again; then the device is as it should be.
		second := *k
		second.again = true
		revived := k.start(d, files)
		if err := k.act(&second, revived); err != nil {
			k.t.Errorf("step %d, %s, again: %v", k.steps, name, err)
		}
		k.whole(name+", again", revived)
	}
}

// start starts the client anew on what is left; the server goes on by itself.
func (k *killing) start(d *device, files map[string][]byte) *device {
	k.t.Helper()
	revived := *d
	revived.line = &line{server: d.line.server.Clone()}
	revived.config.Transport = revived.line
	k.mount(&revived, newDisk(files))
	return &revived
}

// mount gives a device a disk, as a program that starts does.
func (k *killing) mount(d *device, disk *disk) {
	k.t.Helper()
	dir, err := vaultdir.New(disk)
	if err != nil {
		k.t.Fatal(err)
	}
	if names := must(dir.List()); slices.ContainsFunc(
		names, func(name string) bool { return strings.HasSuffix(name, ".new") }) {
		k.t.Fatalf("step %d: unfinished files stay: %q", k.steps, names)
	}
	d.config.Storage = dir
	d.Vault = must(authenticator.Open(d.config))
}

// whole checks that a device has no account, or one whose codes are made with a
// secret that the server knows.
func (k *killing) whole(view string, d *device) {
	k.t.Helper()
	list, err := d.List()
	if err != nil || len(list) > 1 {
		k.t.Fatalf("step %d, %s: %d accounts, %v", k.steps, view, len(list), err)
	}
	if len(list) == 0 {
		return
	}
	a := list[0]
	if a.Counters[1] < k.counter {
		k.t.Errorf("step %d, %s: the counter fell from %d to %d", k.steps, view, k.counter, a.Counters[1])
	}
	for _, p := range []string{pin, other} {
		c, err := d.Confirmation(a.ID, authenticator.Secret(p))
		if err != nil && !errors.Is(err, authenticator.ErrPIN) {
			k.t.Fatalf("step %d, %s: %v", k.steps, view, err)
		}
		if err == nil && d.line.server.Knows(serial, c) {
			return
		}
	}
	k.t.Errorf("step %d, %s: no PIN gives a code that the server knows", k.steps, view)
}
