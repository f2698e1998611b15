package authenticator

import (
	"crypto/hmac"
	"slices"

	"ostiary/activation"
)

// Offline is what a letter or a code image says.
type Offline struct {
	// Vector is the profile. It may be nil where the app is made for one, or where the
	// vault has one account of the serial.
	Vector *activation.Vector
	Serial string // as it was typed: the whole of it, or its number
	Code   Secret // the activation code as it was typed
	ERC    string // the event counter code as it was typed; empty without
	// Password is the activation password, exactly where the profile has one.
	Password Secret
}

// Choice is what the user chooses for an account.
type Choice struct {
	// Name is for display. Empty, it stays what it is, or becomes the serial.
	Name string
	PIN  Secret
}

// Activated is the outcome of an activation.
type Activated struct {
	Account Account
	// Again: the vault had an account of this profile and serial before. It is
	// unconfirmed then: its old keys are kept until [Vault.Settle].
	Again bool
	// Confirmation is what the user types into the server's page. Only then do the
	// new codes count there.
	Confirmation activation.Confirmation
}

// Activate makes an account of an activation code, or gives new keys to the one that
// has the profile and the serial (see [Vault.Replaces]). Nothing is stored unless all is
// right, as far as can be told: a wrong activation password that the profile does not
// let the device check shows only when the server refuses the confirmation. Activate
// again with the right one then.
//
// Of an account that was there before the old keys are kept. It is unconfirmed, until
// the user says by [Vault.Settle] whether the server's page has accepted the code. Only
// then may it be activated again: nobody else knows which keys count.
//
// The error is [ErrVectorMissing], [ErrOtherProfile], [ErrNotAgain], [ErrNoOther], an
// [AccountError] with [ErrUnsettled],
// [ErrName], [ErrNameTaken], one of [CheckPIN], one of activation.Vector.OpenCode,
// activation.Vector.ReadERC or activation.Vector.StartCounter, or one of the storage.
func (v *Vault) Activate(in Offline, choice Choice) (*Activated, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	all, _, err := v.accounts()
	defer wipeAll(all)
	if err != nil {
		return nil, err
	}
	vector, err := v.chooseVector(all, in)
	if err != nil {
		return nil, err
	}
	serial, err := vector.Serial(in.Serial)
	if err != nil {
		return nil, err
	}
	d := &activation.Delivery{FAD: &activation.FAD{Vector: vector, Serial: serial, Code: in.Code}}
	if in.ERC != "" {
		if d.Counters, err = vector.ReadERC(serial, in.ERC); err != nil {
			return nil, err
		}
	}
	shift := int64(0)
	old := find(all, serial, vector)
	if old != nil {
		shift = old.epoch.shift // nothing new is known of the clocks
	}
	a, o, err := v.newAccount(all, d, in.Password, choice, shift)
	if err != nil {
		return nil, err
	}
	defer a.wipe()
	defer o.wipe()
	if old != nil {
		a.pending = &pending{made: v.unix(), previous: old.settled()}
	}
	confirmation, err := v.confirmation(a, o)
	if err != nil {
		return nil, err
	}
	if err := v.store(a); err != nil {
		return nil, err
	}
	if old != nil { // this activation takes the place of what was under way
		if err := v.dropPending(old.pending); err != nil {
			return nil, err
		}
	}
	return &Activated{Account: a.describe(), Again: old != nil, Confirmation: confirmation}, nil
}

// chooseVector returns the profile of an activation code.
func (v *Vault) chooseVector(all []*account, in Offline) (*activation.Vector, error) {
	vector := in.Vector
	if vector == nil {
		vector = v.cfg.Vector
	}
	if vector == nil {
		for _, a := range all {
			if full, err := a.epoch.vector.Serial(in.Serial); err != nil || full != a.serial {
				continue
			}
			if vector != nil { // accounts of two issuers
				return nil, ErrVectorMissing
			}
			vector = a.epoch.vector
		}
	}
	if vector == nil {
		return nil, ErrVectorMissing
	}
	return vector, v.checkVector(vector)
}

// Replaces tells what an activation by an activation code would do to the accounts of
// the vault: the account of the same profile and serial gets the new keys; beside are
// accounts of the serial that other profiles have, which stay. The app shows the user
// the issuers of both, and asks. The account is nil if there is none to be replaced. The
// error is [ErrVectorMissing], [ErrOtherProfile], one of activation.Vector.Serial, or
// one of the storage.
func (v *Vault) Replaces(in Offline) (replaced *Account, beside []Account, err error) {
	err = v.locked(func() error {
		all, _, err := v.accounts()
		defer wipeAll(all)
		if err != nil {
			return err
		}
		vector, err := v.chooseVector(all, in)
		if err != nil {
			return err
		}
		serial, err := vector.Serial(in.Serial)
		if err != nil {
			return err
		}
		replaced, beside = describeOthers(all, find(all, serial, vector), serial)
		return nil
	})
	return replaced, beside, err
}

// describeOthers describes the account that an activation of a serial replaces, which
// may be nil, and those that have the serial beside it.
func describeOthers(all []*account, old *account, serial string) (replaced *Account, beside []Account) {
	for _, a := range all {
		switch {
		case a == old:
			d := a.describe()
			replaced = &d
		case a.serial == serial:
			beside = append(beside, a.describe())
		}
	}
	return replaced, beside
}

// checkVector compares a profile with the one that the app is made for.
func (v *Vault) checkVector(vector *activation.Vector) error {
	if v.cfg.Vector != nil && v.cfg.Vector.Hash() != vector.Hash() {
		return ErrOtherProfile
	}
	return nil
}

// newAccount makes the account of an activation, in memory: a new one, or the one of
// the serial with its new epoch. It returns its secret as well.
func (v *Vault) newAccount(all []*account, d *activation.Delivery, password Secret, choice Choice, shift int64) (
	*account, *opened, error) {
	vector, serial := d.FAD.Vector, d.FAD.Serial
	a := &account{name: choice.Name, serial: serial}
	old := find(all, serial, vector)
	if err := v.mayTake(all, old, d); err != nil {
		return nil, nil, err
	}
	if old != nil && a.name == "" {
		a.name = old.name
	}
	if a.name == "" {
		a.name = serial
	}
	if old == nil || a.name != old.name { // one that is there stays, by whatever rules it was chosen
		if err := checkName(
			a, slices.DeleteFunc(slices.Clone(all), func(other *account) bool { return other == old })); err != nil {
			return nil, nil, err
		}
	}
	if err := CheckPIN(vector.Profile().PIN, choice.PIN); err != nil {
		return nil, nil, err
	}
	secret, err := vector.OpenCode(string(d.FAD.Code), activation.CodeInput{Serial: serial, Password: password,
		Counters: d.Counters})
	if err != nil {
		return nil, nil, err
	}
	o := &opened{secret: secret}
	if err := v.fill(a, old, d, secret, choice.PIN, shift); err != nil {
		o.wipe()
		a.wipe()
		return nil, nil, err
	}
	return a, o, nil
}

// mayTake reports whether an activation may be taken, for a new account or, if it is
// not nil, for an old one.
func (v *Vault) mayTake(all []*account, old *account, d *activation.Delivery) error {
	vector := d.FAD.Vector
	switch {
	case old == nil && v.cfg.MaxAccounts > 0 && len(all) >= v.cfg.MaxAccounts:
		return ErrNoOther
	case old == nil:
		return nil
	case !vector.Profile().Rules.Reactivation: // that of the account, too
		return ErrNotAgain
	case old.pending != nil && old.pending.typed():
		return &AccountError{old.idText(), ErrUnsettled}
	case len(vector.EventApplications()) > 0 && len(d.Counters) == 0 && !old.epoch.first:
		return activation.ErrERCEmpty
	}
	return nil
}

// fill gives an account its box and its new epoch.
func (v *Vault) fill(a, old *account, d *activation.Delivery, secret, pin Secret, shift int64) (err error) {
	vector := d.FAD.Vector
	e := &epoch{vector: vector, since: v.unix(), shift: shift}
	var before *epoch
	if old == nil {
		a.box, err = v.newBox()
	} else {
		before = old.epoch
		a.box = old.box
		a.key = slices.Clone(old.key)
	}
	if err != nil {
		return err
	}
	e.mark = a.mark(e, secret)
	same := e.continues(before)
	if e.counters, err = startCounters(e, before, same, d.Counters); err != nil {
		return err
	}
	if e.bind, err = v.bindSecret(&a.box, e, before, same); err != nil {
		return err
	}
	confirming, _ := vector.Confirming() // a one-step profile has one
	e.repeated = !vector.Profile().Rules.NewKey && confirming.Suite.Event() && len(d.Counters) > 0 &&
		(before == nil || same)
	e.first = len(d.Counters) == 0 && (before == nil || before.first)
	a.epoch = e
	return v.protect(&a.box, e, secret, pin)
}

// continues reports whether an epoch has the secret of the one before. Where that is
// not known, it has if the profile sends the secret again.
func (e *epoch) continues(before *epoch) bool {
	switch {
	case before == nil:
		return false
	case e.mark != nil && before.mark != nil:
		return hmac.Equal(e.mark, before.mark)
	}
	return !e.vector.Profile().Rules.NewKey
}

// startCounters returns where the applications that count events go on.
func startCounters(e, before *epoch, same bool, sent []uint64) ([]uint64, error) {
	apps := e.vector.EventApplications()
	counters := make([]uint64, len(apps))
	copy(counters, sent)
	for i, app := range apps {
		own, known := before.counterOf(app.Index)
		start, err := e.vector.StartCounter(counters[i], own, known)
		if err != nil {
			return nil, err
		}
		// An activation code that is typed once more brings the keys that the account has
		// already: no code of theirs is shown again.
		if known && same {
			start = max(start, own)
		}
		counters[i] = start
	}
	return counters, nil
}

// counterOf returns the counter of an application of an epoch, which may be nil.
func (e *epoch) counterOf(index int) (counter uint64, known bool) {
	if e == nil {
		return 0, false
	}
	for i, app := range e.vector.EventApplications() {
		if app.Index == index {
			return e.counters[i], true
		}
	}
	return 0, false
}

// bindSecret returns the sealed device secret of an epoch, nil without binding. The
// secret of before is kept where S was sent again, as no other is confirmed then. With
// new keys a new one is drawn: the old one may have been unbound, and an old letter
// that is typed again, by whoever does not know the PIN, is worth nothing with it.
func (v *Vault) bindSecret(b *box, e, before *epoch, same bool) ([]byte, error) {
	if !e.vector.Profile().Rules.DeviceBinding {
		return nil, nil
	}
	if same && before.bind != nil && !e.vector.Profile().Rules.NewKey {
		return before.bind, nil
	}
	d, err := activation.NewDeviceSecret(v.cfg.Random)
	if err != nil {
		return nil, err
	}
	defer clear(d)
	return v.encrypt(b.bindKey(), d, b.aad())
}

// deviceSecret returns the device secret of an epoch, nil without binding.
func (b *box) deviceSecret(e *epoch) (Secret, error) {
	if e.bind == nil {
		return nil, nil
	}
	d, err := decrypt(b.bindKey(), e.bind, b.aad())
	if err != nil {
		return nil, ErrDamaged
	}
	return d, nil
}

// Confirmation returns once more what confirms the activation of an account when it
// is typed into the server's page. The error is as with [Vault.Code], or
// [ErrPenalty].
func (v *Vault) Confirmation(id string, pin Secret) (c activation.Confirmation, err error) {
	err = v.change(id, func(a *account) error {
		o, err := v.unlockSecret(a, pin)
		if err != nil {
			return err
		}
		defer o.wipe()
		c, err = v.confirmation(a, o)
		return err
	})
	if err != nil {
		return activation.Confirmation{}, err
	}
	return c, nil
}

// confirmation makes what proves an activation now.
func (v *Vault) confirmation(a *account, o *opened) (c activation.Confirmation, err error) {
	now, err := v.serverTime(a)
	if err != nil {
		return c, err
	}
	return a.confirmation(o, now)
}

// confirmation makes what proves an activation at a time of the server, and counts the
// events, in memory.
func (a *account) confirmation(o *opened, now int64) (c activation.Confirmation, err error) {
	app, _ := a.epoch.vector.Confirming() // a one-step profile has one
	otp, err := a.respond(o, app, "", now)
	if err != nil {
		return c, err
	}
	c.OTP = otp.Text
	if a.epoch.repeated {
		next, err := a.respond(o, app, "", now)
		if err != nil {
			return c, err
		}
		c.Next = next.Text
	}
	bind, err := a.deviceSecret(a.epoch)
	if err != nil || bind == nil {
		return c, err
	}
	defer clear(bind)
	c.Derivation, err = activation.DerivationCode(o.secret, a.serial, bind)
	return c, err
}
