package authenticator

import (
	"context"
	"crypto/hmac"
	"errors"
	"io/fs"

	"ostiary/activation"
)

// proofLife is how long the proof of an application that goes by time is worth
// sending, in its time steps: the server's window.
const proofLife = 20

// Confirm takes an unconfirmed account up again: it sends the proof once more, as the
// server answers the same proof the same. If it is refused, and was made too long ago
// for its time, a new one is made; only then is the PIN needed, and looked at.
//
// With nil the account is confirmed. With [ErrRefused] the old keys are back, or the
// account is gone, if there were none. With [ErrUnconfirmed] nothing has changed; the
// error it comes with says why. The error can also be [ErrSettled], or one of the PIN.
func (v *Vault) Confirm(ctx context.Context, id string, pin Secret) error {
	var kept *keptExchange
	var proof []byte
	err := v.locked(func() error {
		a, err := v.loadPending(id, nil)
		if err != nil {
			return err
		}
		defer a.wipe()
		proof = a.pending.proof
		if kept, err = v.loadExchange(a.pending.exchangeText()); errors.Is(err, fs.ErrNotExist) {
			return errors.Join(ErrUnconfirmed, ErrOffer)
		}
		return err
	})
	if err != nil {
		return err
	}
	result, err := v.askServer(ctx, kept, proof)
	if err != nil {
		return err
	}
	var again []byte
	if !result.Accepted && result.TriesLeft > 0 {
		if again, err = v.proveAgain(id, pin, kept, proof); err != nil {
			return err
		}
	}
	if again != nil {
		proof = again
		if result, err = v.askServer(ctx, kept, proof); err != nil {
			return err
		}
	}
	_, err = v.settleAnswer(id, proof, result)
	return err
}

// proveAgain makes a new proof of an account and stores it, if the old one is of a
// time that has passed; otherwise it returns nil.
func (v *Vault) proveAgain(id string, pin Secret, kept *keptExchange, proof []byte) (again []byte, err error) {
	err = v.locked(func() error {
		a, err := v.loadPending(id, proof)
		if err != nil {
			return err
		}
		defer a.wipe()
		if !v.stale(a) {
			return nil
		}
		o, err := v.unlockSecret(a, pin)
		if err != nil {
			return err
		}
		defer o.wipe()
		if err := v.prove(a, o, kept.exchange); err != nil {
			return err
		}
		again = a.pending.proof
		return nil
	})
	return again, err
}

// Settle ends an unconfirmed activation without the server. With keep the new keys
// stay, for a user who has typed the code into the server's page. Without it the old
// keys come back, or the account is deleted, if there were none. The error is
// [ErrAccount] or [ErrSettled].
func (v *Vault) Settle(id string, keep bool) error {
	return v.locked(func() error {
		a, err := v.loadPending(id, nil)
		if err != nil {
			return err
		}
		defer a.wipe()
		exchange := a.pending.exchangeText()
		if keep {
			err = v.keepNew(a)
		} else {
			err = v.goBack(a)
		}
		if err != nil {
			return err
		}
		return v.dropExchange(exchange)
	})
}

// loadPending loads an account that is unconfirmed, and has the proof if one is given:
// otherwise it was settled while the server was asked.
func (v *Vault) loadPending(id string, proof []byte) (*account, error) {
	a, err := v.load(id)
	if err != nil {
		return nil, err
	}
	if a.pending == nil || proof != nil && !hmac.Equal(a.pending.proof, proof) {
		a.wipe()
		return nil, ErrSettled
	}
	return a, nil
}

// settled returns what an account falls back to: nil if nothing of it was ever
// confirmed.
func (a *account) settled() *epoch {
	if a.pending != nil {
		return a.pending.previous
	}
	return a.epoch
}

// stale reports whether the proof of an account is of another time than now.
func (v *Vault) stale(a *account) bool {
	app, _ := a.epoch.vector.Confirming() // a one-step profile has one
	age := v.unix() - a.pending.made
	return app.Suite.Period != 0 && max(age, -age) > proofLife*app.Suite.Period
}

// prove makes the proof of an activation and stores the account with it, before it is
// sent.
func (v *Vault) prove(a *account, o *opened, exchange *activation.Exchange) error {
	confirmation, err := v.confirmation(a, o)
	if err != nil {
		return err
	}
	if a.pending.proof, err = exchange.Confirm(confirmation); err != nil {
		return err
	}
	a.pending.made = v.unix()
	return v.store(a)
}

// askServer sends a proof. Without an answer that is the server's beyond doubt it is
// [ErrUnconfirmed]: whoever can answer in its place must not undo anything.
func (v *Vault) askServer(ctx context.Context, kept *keptExchange, proof []byte) (activation.Result, error) {
	answer, err := v.post(ctx, kept.server+pathConfirm, proof)
	var result activation.Result
	if err == nil {
		result, err = kept.exchange.Result(proof, answer)
	}
	if err != nil {
		return result, errors.Join(ErrUnconfirmed, err)
	}
	return result, nil
}

// settleAnswer stores what the server has decided on a proof. A refusal is a
// [RefusedError].
func (v *Vault) settleAnswer(id string, proof []byte, result activation.Result) (account Account, err error) {
	err = v.locked(func() error {
		a, err := v.loadPending(id, proof)
		if err != nil {
			return err
		}
		defer a.wipe()
		exchange := a.pending.exchangeText()
		if result.Accepted {
			err = v.keepNew(a)
		} else {
			err = v.goBack(a)
		}
		if err != nil {
			return err
		}
		account = a.describe()
		if result.Accepted || result.TriesLeft == 0 {
			err = v.dropExchange(exchange)
		}
		if !result.Accepted {
			err = errors.Join(&RefusedError{TriesLeft: result.TriesLeft}, err)
		}
		return err
	})
	return account, err
}

func (v *Vault) keepNew(a *account) error {
	a.pending, a.epoch.first = nil, false
	return v.store(a)
}

// goBack brings the old keys back, or removes the account. Codes of the same secret
// that were shown meanwhile are not shown again.
func (v *Vault) goBack(a *account) error {
	previous := a.pending.previous
	if previous == nil {
		return v.cfg.Storage.Remove(a.idText() + accountSuffix)
	}
	if a.epoch.continues(previous) {
		for i, app := range previous.vector.EventApplications() {
			if shown, known := a.epoch.counterOf(app.Index); known {
				previous.counters[i] = max(previous.counters[i], shown)
			}
		}
	}
	a.epoch, a.pending = previous, nil
	return v.store(a)
}
