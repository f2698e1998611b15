package authenticator_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ostiary/activation"
	"ostiary/authenticator"
)

// A letter, typed: each kind of profile activates, and the codes are the server's.
func TestActivateOffline(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]func(*activation.Profile){
		"plain":            nil,
		"password":         {password},
		"checked password": {checked},
		"decimal":          {func(p *activation.Profile) { p.Rules.Format = activation.Decimal }, password},
		"bound":            {bound, password},
		"events":           {events},
		"events, same key": {events, sameKey},
		"level none":       {levelNone, bound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, change...)
			l := s.Letter(t, serial, false)
			in := letter(s, l)
			in.Serial = " " + strings.ToLower(l.Serial[:5]) + "-" + l.Serial[5:]
			in.Code = activation.Secret(strings.ToLower(activation.Group(string(l.Code))))
			a, err := d.Activate(in, authenticator.Choice{Name: "My bank", PIN: authenticator.Secret(pin)})
			if err != nil {
				t.Fatal(err)
			}
			if a.Again || a.Account.Name != "My bank" || a.Account.Serial != serial || a.Account.Unconfirmed ||
				a.Account.State != authenticator.Active {
				t.Errorf("%+v", a)
			}
			if (a.Confirmation.Derivation != nil) != s.Vector.Profile().Rules.DeviceBinding ||
				a.Confirmation.Next != nil {
				t.Errorf("the confirmation has a derivation code: %t, and two codes: %t",
					a.Confirmation.Derivation != nil, a.Confirmation.Next != nil)
			}
			if err := s.Confirm(serial, a.Confirmation); err != nil {
				t.Fatal(err)
			}
			d.now = d.now.Add(30e9)
			s.Now = d.config.Now
			if !s.Use(t, serial, 1, d.code(t, a.Account.ID, pin, 0), "") {
				t.Error("the server refuses the next code")
			}
		})
	}
}

// The number of the serial alone is enough where the profile is known.
func TestActivateNumberAlone(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	in := letter(s, s.Letter(t, serial, false))
	in.Serial = strings.TrimPrefix(serial, "FDM")
	if a := must(d.Activate(in, choice(pin))); a.Account.Serial != serial || a.Account.Name != serial {
		t.Errorf("%+v", a.Account)
	}
}

// The body of a code image carries the same.
func TestActivateQRBody(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events)
	activate(t, s, d)
	second := newDevice(t, "second", s)
	l := s.Letter(t, serial, false)
	text := must(activation.QRBody{Serial: l.Serial, Code: l.Code, ERC: l.ERC, UserID: "ann",
		Challenge: "4711"}.Encode())
	body := must(activation.ReadQRBody(string(text)))
	a, err := second.Activate(authenticator.Offline{Vector: s.Vector, Serial: body.Serial, Code: body.Code,
		ERC: body.ERC}, choice(pin))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Confirm(serial, a.Confirmation); err != nil {
		t.Error(err)
	}
}

// Whatever is wrong with a letter is told apart, and nothing is stored.
func TestActivateRefused(t *testing.T) {
	t.Parallel()
	mistype := func(code activation.Secret) {
		if code[3]++; code[3] != '1' && code[3] != '8' {
			code[3] = '7'
		}
	}
	type letterChange func(in *authenticator.Offline)
	for name, c := range map[string]struct {
		profile []func(*activation.Profile)
		change  letterChange
		choice  authenticator.Choice
		want    error
	}{
		"no vector": {nil, func(in *authenticator.Offline) { in.Vector = nil }, choice(pin),
			authenticator.ErrVectorMissing},
		"no serial": {nil, func(in *authenticator.Offline) { in.Serial = "" }, choice(pin),
			activation.ErrSerialEmpty},
		"no serial number": {nil, func(in *authenticator.Offline) { in.Serial = "FDM" }, choice(pin),
			activation.ErrSerial},
		"other prefix": {nil, func(in *authenticator.Offline) { in.Serial = "FDL10000001" }, choice(pin),
			activation.ErrPrefix},
		"other serial": {nil, func(in *authenticator.Offline) { in.Serial = "FDM10000002" }, choice(pin),
			activation.ErrCodeInvalid},
		"no code": {nil, func(in *authenticator.Offline) { in.Code = nil }, choice(pin),
			activation.ErrCodeEmpty},
		"strange code": {nil, func(in *authenticator.Offline) { in.Code[0] = 'U' }, choice(pin),
			activation.ErrCodeCharacter},
		"short code": {nil, func(in *authenticator.Offline) { in.Code = in.Code[1:] }, choice(pin),
			activation.ErrCodeLength},
		"mistyped code": {nil, func(in *authenticator.Offline) { mistype(in.Code) }, choice(pin),
			activation.ErrCodeInvalid},
		"mistyped, checked": {[]func(*activation.Profile){checked},
			func(in *authenticator.Offline) { mistype(in.Code) }, choice(pin), activation.ErrCodeOrPassword},
		"password missing": {[]func(*activation.Profile){password},
			func(in *authenticator.Offline) { in.Password = nil }, choice(pin), activation.ErrPasswordEmpty},
		"password short": {[]func(*activation.Profile){password},
			func(in *authenticator.Offline) { in.Password = in.Password[:5] }, choice(pin), activation.ErrPassword},
		"password wrong": {[]func(*activation.Profile){checked},
			func(in *authenticator.Offline) { in.Password = []byte("0000000000") }, choice(pin),
			activation.ErrCodeOrPassword},
		"password unexpected": {nil, func(in *authenticator.Offline) { in.Password = []byte("0000000000") },
			choice(pin), activation.ErrPasswordUnexpected},
		"counters unexpected": {nil, func(in *authenticator.Offline) { in.ERC = "000000000102" }, choice(pin),
			activation.ErrERCUnexpected},
		"counters not digits": {[]func(*activation.Profile){events},
			func(in *authenticator.Offline) { in.ERC = "x" }, choice(pin), activation.ErrERCCharacter},
		"counters short": {[]func(*activation.Profile){events},
			func(in *authenticator.Offline) { in.ERC = "1" }, choice(pin), activation.ErrERCLength},
		"counters mistyped": {[]func(*activation.Profile){events},
			func(in *authenticator.Offline) { in.ERC = strings.Repeat("1", 22) }, choice(pin),
			activation.ErrERCInvalid},
		"counters not the codes": {[]func(*activation.Profile){events},
			func(in *authenticator.Offline) { in.ERC = must(in.Vector.MakeERC(serial, []uint64{3, 4})) }, choice(pin),
			activation.ErrCodeInvalid},
		"PIN empty":      {nil, nil, choice(""), authenticator.ErrPINEmpty},
		"PIN not digits": {nil, nil, choice("12345a"), authenticator.ErrPINCharacter},
		"PIN short":      {nil, nil, choice("28394"), authenticator.ErrPINShort},
		"PIN long":       {nil, nil, choice("2839472839472"), authenticator.ErrPINLong},
		"PIN weak":       {nil, nil, choice("123456"), authenticator.ErrPINWeak},
		"name": {nil, nil, authenticator.Choice{Name: "a\nb", PIN: authenticator.Secret(pin)},
			authenticator.ErrName},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, c.profile...)
			in := letter(s, s.Letter(t, serial, false))
			if c.change != nil {
				c.change(&in)
			}
			d.refused(t, c.want, func() error {
				a, err := d.Activate(in, c.choice)
				if a != nil {
					t.Error("something was returned")
				}
				return err
			})
		})
	}
}

func TestActivateTwoStepProfile(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	in := letter(s, s.Letter(t, serial, false))
	two := sheet(func(p *activation.Profile) { p.TwoStep = true })
	in.Vector = must(two.Vector())
	d.refused(t, activation.ErrTwoStep, func() error { _, err := d.Activate(in, choice(pin)); return err })
}

// An app that is made for a profile needs no vector, and takes no other.
func TestConfiguredVector(t *testing.T) {
	t.Parallel()
	s, _ := pair(t)
	l := s.Letter(t, serial, false)
	mine := newDevice(t, "mine", s, func(c *authenticator.Config) { c.Vector = s.Vector })
	in := letter(s, l)
	in.Vector = nil
	if _, err := mine.Activate(in, choice(pin)); err != nil {
		t.Error(err)
	}
	p := sheet(func(p *activation.Profile) { p.Name = "Another" })
	another := newDevice(t, "another", s, func(c *authenticator.Config) { c.Vector = must(p.Vector()) })
	another.refused(t, authenticator.ErrOtherProfile,
		func() error { _, err := another.Activate(letter(s, l), choice(pin)); return err })
	code, _ := s.Offer(t, serial, false)
	_, err := another.Begin(t.Context(), offer(code))
	if !errors.Is(err, authenticator.ErrOtherProfile) {
		t.Errorf("online: %v", err)
	}
}

// A wrong password that the device cannot check shows when the server refuses the
// confirmation; the same letter with the right one works then.
func TestWrongPasswordUnchecked(t *testing.T) {
	t.Parallel()
	s, d := pair(t, password, events)
	l := s.Letter(t, serial, false)
	in := letter(s, l)
	in.Password = activation.Secret("0000000000")
	a, err := d.Activate(in, choice(pin))
	if err != nil {
		t.Fatalf("a wrong password is told: %v", err)
	}
	if err := s.Confirm(serial, a.Confirmation); err == nil {
		t.Fatal("the server takes the confirmation")
	}
	if a, err = d.Activate(letter(s, l), choice(pin)); err != nil {
		t.Fatal(err)
	}
	if err := s.Confirm(serial, a.Confirmation); err != nil {
		t.Error(err)
	}
	d.kept(t)
}

// kept says that the server's page has accepted the code of the one account.
func (d *device) kept(t testing.TB) {
	t.Helper()
	a := d.only(t)
	if !a.Unconfirmed || a.Server != "" {
		t.Errorf("it does not wait for the user's word: %+v", a)
	}
	if err := d.Settle(a.ID, true); err != nil {
		t.Error(err)
	}
}

// Reactivation on the device that was in use, and on a second one: with new keys and
// with the same, by event and by time, with and without binding.
func TestReactivate(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"new key", "same key"} {
		for _, app := range []string{"events", "time"} {
			for _, bind := range []string{"bound", "unbound"} {
				for _, where := range []string{"same device", "second device"} {
					t.Run(strings.Join([]string{key, app, bind, where}, ", "), func(t *testing.T) {
						t.Parallel()
						var change []func(*activation.Profile)
						if key == "same key" {
							change = append(change, sameKey)
						}
						if app == "events" {
							change = append(change, events)
						}
						if bind == "bound" {
							change = append(change, bound)
						}
						testReactivate(t, where == "same device", change)
					})
				}
			}
		}
	}
}

func testReactivate(t *testing.T, sameDevice bool, change []func(*activation.Profile)) {
	s, d := pair(t, change...)
	first := activate(t, s, d)
	for range 4 {
		d.code(t, first.Account.ID, pin, 0) // shown, and never used
	}
	d.now = d.now.Add(30e9)
	s.Now = d.config.Now
	old := d.code(t, first.Account.ID, pin, 0)
	device := d
	if !sameDevice {
		device = newDevice(t, "second", s)
		device.now = d.now
	}
	p := s.Vector.Profile()
	repush := !p.Rules.NewKey
	// Another device's D needs a new S.
	l := s.Letter(t, serial, repush && p.Rules.DeviceBinding && !sameDevice)
	a, err := device.Activate(letter(s, l), choice(other))
	if err != nil {
		t.Fatal(err)
	}
	if a.Again != sameDevice || sameDevice &&
		(a.Account.ID != first.Account.ID || a.Account.Name != first.Account.Name) {
		t.Errorf("%+v after %+v", a, first)
	}
	if (a.Confirmation.Next != nil) != (repush && p.Applications[0].Suite.Event()) {
		t.Errorf("two codes: %t", a.Confirmation.Next != nil)
	}
	if err := s.Confirm(serial, a.Confirmation); err != nil {
		t.Fatal(err)
	}
	// D stays where the server takes no other, and changes where it may be unbound.
	if kept := a.Account.Device == first.Account.Device; p.Rules.DeviceBinding && kept != (repush && sameDevice) {
		t.Errorf("D is the same: %t", kept)
	}
	if p.Rules.NewKey && s.Use(t, serial, 1, old, "") {
		t.Error("a code of the old keys works")
	}
	device.now = device.now.Add(30e9)
	s.Now = device.config.Now
	if !s.Use(t, serial, 1, device.code(t, a.Account.ID, other, 0), "") {
		t.Error("the server refuses the code")
	}
	if sameDevice {
		device.kept(t)
		device.refusedPIN(t, a.Account.ID, pin)
	}
}

// refusedPIN checks that a PIN is wrong.
func (d *device) refusedPIN(t testing.TB, id, pin string) {
	t.Helper()
	if _, err := d.Code(id, authenticator.Secret(pin), 0); !errors.Is(err, authenticator.ErrPIN) {
		t.Errorf("the PIN %s: %v", pin, err)
	}
}

// A reactivation of a profile that counts events needs the server's counters, unless
// the activation before was a first one that may never have been confirmed. The vector
// may be that of the account.
func TestReactivateNeedsCounters(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events)
	first := letter(s, s.Letter(t, serial, false))
	for range 2 { // it was not confirmed, and is typed again
		if _, err := d.Activate(first, choice(pin)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Settle(d.only(t).ID, false); err != nil {
		t.Fatal(err)
	}
	// The server began again, as it has the right to.
	activate(t, s, d)
	d.kept(t)
	in := letter(s, s.Letter(t, serial, false))
	erc := in.ERC
	in.ERC, in.Vector = "", nil
	d.refused(t, activation.ErrERCEmpty, func() error { _, err := d.Activate(in, choice(pin)); return err })
	in.ERC = erc
	in.Serial = strings.TrimPrefix(serial, "FDM")
	if _, err := d.Activate(in, choice(pin)); err != nil {
		t.Errorf("the number with the account's vector: %v", err)
	}
	d.kept(t)
	in.ERC = ""
	d.refused(t, activation.ErrERCEmpty, func() error { _, err := d.Activate(in, choice(pin)); return err })
	d.refused(t, activation.ErrERCEmpty, func() error { _, err := d.Activate(first, choice(pin)); return err })

	s, d = pair(t, events)
	online(t, s, d)
	d.refused(t, activation.ErrERCEmpty, func() error { _, err := d.Activate(first, choice(pin)); return err })
	s.NoCounters = true
	code, _ := s.Offer(t, serial, false)
	if _, err := d.Begin(t.Context(), offer(code)); !errors.Is(err, activation.ErrCounter) {
		t.Errorf("online: %v", err)
	}
}

func TestReactivationForbidden(t *testing.T) {
	t.Parallel()
	s, d := pair(t, once, events)
	activate(t, s, d)
	in := letter(s, s.Letter(t, serial, false))
	d.refused(t, authenticator.ErrNotAgain, func() error { _, err := d.Activate(in, choice(pin)); return err })
	in.ERC = ""
	d.refused(t, authenticator.ErrNotAgain, func() error { _, err := d.Activate(in, choice(pin)); return err })
	second := newDevice(t, "second", s)
	if _, err := second.Activate(letter(s, s.Letter(t, serial, false)), choice(pin)); err != nil {
		t.Errorf("another device: %v", err)
	}
}

func TestReactivationCounterJump(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events, sameKey)
	activate(t, s, d)
	for _, c := range []struct {
		jump uint64
		want error
	}{{1_000_000, nil}, {1_000_001, activation.ErrCounterJump}} {
		counters := []uint64{1 + c.jump, 0}
		secret, _ := s.Secrets(serial)
		in := authenticator.Offline{Serial: serial, ERC: must(s.Vector.MakeERC(serial, counters)),
			Code: must(s.Vector.MakeCode(secret, activation.CodeInput{Serial: serial, Counters: counters}))}
		probe := newDevice(t, fmt.Sprint(c.jump), s)
		probe.storage.records = d.storage.clone().records
		if _, err := probe.Activate(in, choice(pin)); !errors.Is(err, c.want) {
			t.Errorf("%d above: %v, want %v", c.jump, err, c.want)
		}
	}
}

func TestSeveralAccounts(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	// Two issuers may give out one serial; a serial of one profile is one account.
	p := sheet(func(p *activation.Profile) { p.IssuerKey[0], p.ID[0], p.Issuer = 8, 8, "Works" })
	vector := must(p.Vector())
	secret := activation.Secret("0123456789abcdef")
	mine := activate(t, s, d)
	in := authenticator.Offline{Vector: vector, Serial: serial,
		Code: must(vector.MakeCode(secret, activation.CodeInput{Serial: serial}))}
	d.refused(t, authenticator.ErrNameTaken, func() error { _, err := d.Activate(in, choice(pin)); return err })
	second, err := d.Activate(in, authenticator.Choice{Name: "Works", PIN: authenticator.Secret(other)})
	if err != nil || second.Again {
		t.Fatalf("%+v %v", second, err)
	}
	list := must(d.List())
	if len(list) != 2 || list[0].Name != serial || list[1].Name != "Works" || list[0].ID == list[1].ID {
		t.Fatalf("%+v", list)
	}
	d.refused(t, authenticator.ErrNameTaken, func() error { return d.Rename(second.Account.ID, serial) })
	d.refused(t, authenticator.ErrName, func() error { return d.Rename(second.Account.ID, "") })
	d.refused(t, authenticator.ErrName, func() error { return d.Rename(second.Account.ID, strings.Repeat("x", 65)) })
	d.refused(t, authenticator.ErrName, func() error { return d.Rename(second.Account.ID, "a\u202eb") })
	if err := d.Rename(second.Account.ID, "Works 2"); err != nil {
		t.Error(err)
	}
	if err := d.Rename(second.Account.ID, "Works 2"); err != nil {
		t.Errorf("the name it has: %v", err)
	}
	if err := d.Delete(mine.Account.ID); err != nil {
		t.Error(err)
	}
	if a := d.only(t); a.Name != "Works 2" {
		t.Errorf("%+v", a)
	}
	d.code(t, second.Account.ID, other, 0)
	for _, id := range []string{mine.Account.ID, "", "../x", strings.ToUpper(second.Account.ID),
		strings.Repeat("0", 32)} {
		d.refused(t, authenticator.ErrAccount,
			func() error { _, err := d.Code(id, authenticator.Secret(pin), 0); return err })
		d.refused(t, authenticator.ErrAccount, func() error { return d.Delete(id) })
		d.refused(t, authenticator.ErrAccount, func() error { return d.Rename(id, "x") })
		d.refused(t, authenticator.ErrAccount, func() error { _, err := d.Account(id); return err })
	}
}

// Deleting an account that is unconfirmed takes its exchange along; one that a newer
// version wrote can be deleted, too, and keeps nobody from the others.
func TestDelete(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	a := unconfirmed(t, s, d)
	if n := len(must(d.storage.List())); n != 2 {
		t.Fatalf("%d records", n)
	}
	if err := d.Delete(a.ID); err != nil {
		t.Fatal(err)
	}
	if names := must(d.storage.List()); len(names) != 0 {
		t.Errorf("%q is left", names)
	}
	activate(t, s, d)
	newer := strings.Repeat("0", 32)
	record := must(d.storage.Read(d.only(t).ID + ".account"))
	record[1] = 3 // the version
	d.storage.records[newer+".account"] = record
	list, err := d.List()
	if unread, ok := errors.AsType[*authenticator.AccountError](err); len(list) != 1 || !ok || unread.ID != newer ||
		!errors.Is(err, authenticator.ErrNewer) {
		t.Errorf("%+v %v", list, err)
	}
	activate(t, s, d)
	if err := d.Settle(list[0].ID, false); err != nil {
		t.Error(err)
	}
	if err := d.Rename(list[0].ID, "x"); err != nil {
		t.Error(err)
	}
	if err := d.Delete(newer); err != nil {
		t.Error(err)
	}
	d.only(t)
}

func TestMaxAccounts(t *testing.T) {
	t.Parallel()
	s, _ := pair(t)
	d := newDevice(t, "one", s, func(c *authenticator.Config) { c.MaxAccounts = 1 })
	activate(t, s, d)
	l := s.Letter(t, "FDM10000002", false)
	d.refused(t, authenticator.ErrNoOther, func() error { _, err := d.Activate(letter(s, l), choice(pin)); return err })
	if _, err := d.Activate(letter(s, s.Letter(t, serial, false)), choice(pin)); err != nil {
		t.Errorf("the same account again: %v", err)
	}
}
