package authenticator

import "ostiary/activation"

// CheckPIN checks a PIN that somebody chooses against the rules of a profile. The
// error is [ErrPINEmpty], [ErrPINCharacter], [ErrPINShort], [ErrPINLong] or
// [ErrPINWeak].
func CheckPIN(rules activation.PINRules, pin Secret) error {
	if err := checkForm(rules, pin); err != nil {
		return err
	}
	if rules.RefuseWeak && weakPIN(pin) {
		return ErrPINWeak
	}
	return nil
}

// checkForm reports whether a text can be a PIN at all.
func checkForm(rules activation.PINRules, pin Secret) error {
	for _, c := range pin {
		if c < '0' || '9' < c {
			return ErrPINCharacter
		}
	}
	switch {
	case len(pin) == 0:
		return ErrPINEmpty
	case len(pin) < rules.Min:
		return ErrPINShort
	case len(pin) > rules.Max:
		return ErrPINLong
	}
	return nil
}

// ChangePIN gives an account another PIN. The error is one of [CheckPIN] about the
// new PIN, [ErrPIN], [ErrErased], or [ErrPenalty], where a change would tell whether
// the old PIN is right. At level none a wrong old PIN is not noticed, and the account
// shows wrong codes from then on.
func (v *Vault) ChangePIN(id string, old, new Secret) error {
	return v.change(id, func(a *account) error {
		if err := CheckPIN(a.rules(), new); err != nil {
			return err
		}
		o, err := v.unlockSecret(a, old)
		if err != nil {
			return err
		}
		defer o.wipe()
		return v.protect(&a.box, a.epoch, o.secret, new)
	})
}

// rules are the rules for the PIN of the account.
func (a *account) rules() activation.PINRules { return a.epoch.vector.Profile().PIN }

// penalized reports whether the tries for the PIN are used up.
func (a *account) penalized() bool { return a.epoch.failures >= a.rules().Tries }

// opened is what a PIN opens: the secret of the account, or the key of a wrong PIN,
// from which wrong answers are made.
type opened struct {
	secret Secret
	wrong  Secret
}

func (o *opened) wipe() {
	clear(o.secret)
	clear(o.wrong)
}

// unlock opens an account with a PIN. The caller stores the account afterwards: with
// the right PIN the tries are full again, and only stored they are so for good.
//
// At level hash the try is stored as spent first. Whoever stops the device when the
// PIN turns out wrong has not saved it.
func (v *Vault) unlock(a *account, pin Secret) (*opened, error) {
	e, rules := a.epoch, a.rules()
	if e.protected == nil {
		return nil, ErrErased
	}
	if err := checkForm(rules, pin); err != nil {
		return nil, err // never right, so it is no try
	}
	if rules.Level == activation.PINHashed {
		if err := v.spendTry(a); err != nil {
			return nil, err
		}
	}
	key := pinKey(pin, e.salt, e.vector.Profile().Rules.Argon2id)
	secret, err := a.unprotect(e, key)
	if err == nil {
		clear(key)
		e.failures, e.decoys = 0, nil
		return &opened{secret: secret}, nil
	}
	if !a.penalized() {
		clear(key)
		return nil, &PINError{TriesLeft: rules.Tries - e.failures}
	}
	if rules.Penalty == activation.Erase {
		clear(key)
		return nil, v.eraseSecrets(a)
	}
	if e.decoys == nil {
		e.decoys = append(e.decoys, e.counters...)
	}
	return &opened{wrong: key}, nil
}

// unlockSecret is unlock for what can only be done with the secret itself. During
// the penalty of wrong answers it does not look at the PIN, because going on or not
// would tell whether that is right.
func (v *Vault) unlockSecret(a *account, pin Secret) (*opened, error) {
	if a.rules().Level == activation.PINHashed && a.rules().Penalty == activation.WrongAnswers && a.penalized() {
		return nil, ErrPenalty
	}
	o, err := v.unlock(a, pin)
	if err == nil && o.secret == nil {
		o.wipe()
		return nil, ErrPenalty
	}
	return o, err
}

// spendTry stores that a try is under way, or carries out what the tries before have
// come to.
func (v *Vault) spendTry(a *account) error {
	if !a.penalized() {
		a.epoch.failures++
		return v.store(a)
	}
	if a.rules().Penalty == activation.Erase {
		return v.eraseSecrets(a) // it was interrupted
	}
	return nil
}

// eraseSecrets carries out the penalty and returns [ErrErased].
func (v *Vault) eraseSecrets(a *account) error {
	a.epoch.erase()
	if err := v.store(a); err != nil {
		return err
	}
	return ErrErased
}
