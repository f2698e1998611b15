package authenticator

import (
	"context"
	"errors"
	"io/fs"

	"ostiary/activation"
)

// proofLife is how long the proof of an application that goes by time is worth
// sending, in its time steps: the server's window.
const proofLife = 20

// Confirm takes an unconfirmed account up again: it sends the proof once more, as the
// server answers the same proof the same. If it is refused, and was made too long ago
// for its time, a new one is made. The PIN is needed, and looked at, for a new one; at
// level none, where the proof is not kept, always.
//
// With nil the account is confirmed. With [ErrRefused] the old keys are back, or the
// account is gone, if there were none. With [ErrUnconfirmed] nothing has changed; the
// error it comes with says why: it may be ErrRefused at level none, where a wrong PIN
// makes a wrong proof. An account whose code the user types into the server's page is
// ErrUnconfirmed alone: [Vault.Settle] settles it. The error can also be [ErrSettled],
// or one of the PIN.
func (v *Vault) Confirm(ctx context.Context, id string, pin Secret) error {
	var kept *keptExchange
	var p proof
	err := v.locked(func() error {
		a, err := v.loadPending(id, nil)
		if err != nil {
			return err
		}
		defer a.wipe()
		if a.pending.typed() {
			return ErrUnconfirmed
		}
		if kept, err = v.loadExchange(a.pending.exchangeText()); errors.Is(err, fs.ErrNotExist) {
			return errors.Join(ErrUnconfirmed, ErrOffer)
		} else if err != nil {
			return err
		}
		p, err = v.sameProof(a, pin, kept.exchange)
		return err
	})
	if err != nil {
		return err
	}
	result, err := v.askServer(ctx, kept, p.body)
	if err != nil {
		return err
	}
	if !result.Accepted && result.TriesLeft > 0 {
		again, err := v.proveAgain(id, pin, kept, p)
		if err != nil {
			return err
		}
		if again.body != nil {
			p = again
			if result, err = v.askServer(ctx, kept, p.body); err != nil {
				return err
			}
		}
	}
	if p.unchecked && !result.Accepted && result.TriesLeft > 0 {
		return errors.Join(&RefusedError{TriesLeft: result.TriesLeft}, ErrUnconfirmed)
	}
	_, err = v.settleAnswer(id, p.attempt, result)
	return err
}

// proof is what proves an activation to the server.
type proof struct {
	body    []byte // as it is sent
	attempt [attemptSize]byte
	// unchecked says that nobody knows whether the PIN was right that it was made with.
	unchecked bool
}

// sameProof returns the proof of an account as it was made. At level none the PIN makes
// it again, for the time and the event that it was made for.
func (v *Vault) sameProof(a *account, pin Secret, exchange *activation.Exchange) (p proof, err error) {
	p = proof{body: a.pending.proof, attempt: a.pending.attempt}
	if a.keepsProof() {
		return p, nil
	}
	p.unchecked = true
	o, err := v.unlockSecret(a, pin)
	if err != nil {
		return p, err
	}
	defer o.wipe()
	if counter := a.confirmingCounter(); counter != nil {
		*counter = a.pending.events // in memory alone: a is not stored
	}
	c, err := a.confirmation(o, a.pending.made+a.epoch.shift)
	if err != nil {
		return p, err
	}
	p.body, err = exchange.Confirm(c)
	return p, err
}

// proveAgain makes a new proof of an account and stores it, if the old one is of a
// time that has passed; otherwise there is none.
func (v *Vault) proveAgain(id string, pin Secret, kept *keptExchange, old proof) (again proof, err error) {
	err = v.locked(func() error {
		a, err := v.loadPending(id, &old.attempt)
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
		again, err = v.prove(a, o, kept.exchange)
		again.unchecked = old.unchecked
		return err
	})
	return again, err
}

// Settle ends an unconfirmed activation without the server. With keep the new keys
// stay, for a user whose code the server's page has accepted. Without it the old keys
// come back, or the account is deleted, if there were none. The error is [ErrAccount]
// or [ErrSettled].
func (v *Vault) Settle(id string, keep bool) error {
	return v.locked(func() error {
		a, err := v.loadPending(id, nil)
		if err != nil {
			return err
		}
		defer a.wipe()
		before := a.pending
		if keep {
			err = v.keepNew(a)
		} else {
			err = v.goBack(a)
		}
		if err != nil {
			return err
		}
		return v.dropPending(before)
	})
}

// dropPending forgets the exchange of an activation, which may be nil or typed.
func (v *Vault) dropPending(p *pending) error {
	if p == nil || p.typed() {
		return nil
	}
	return v.dropExchange(p.exchangeText())
}

// loadPending loads an account that is unconfirmed, by the proof of that attempt if one
// is given: otherwise it was settled while the server was asked.
func (v *Vault) loadPending(id string, attempt *[attemptSize]byte) (*account, error) {
	a, err := v.load(id)
	if err != nil {
		return nil, err
	}
	if a.pending == nil || attempt != nil && a.pending.attempt != *attempt {
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

// prove makes the proof of an activation and stores the account before it is sent, with
// the proof where that may be kept.
func (v *Vault) prove(a *account, o *opened, exchange *activation.Exchange) (p proof, err error) {
	if counter := a.confirmingCounter(); counter != nil {
		a.pending.events = *counter
	}
	if err := v.draw(a.pending.attempt[:]); err != nil {
		return p, err
	}
	a.pending.made = v.unix()
	now, err := v.serverTime(a)
	if err != nil {
		return p, err
	}
	confirmation, err := a.confirmation(o, now)
	if err != nil {
		return p, err
	}
	p.attempt = a.pending.attempt
	if p.body, err = exchange.Confirm(confirmation); err != nil {
		return p, err
	}
	if a.keepsProof() {
		a.pending.proof = p.body
	}
	return p, v.store(a)
}

// askServer sends the body of a proof. Without an answer that is the server's beyond doubt it is
// [ErrUnconfirmed]: whoever can answer in its place must not undo anything.
func (v *Vault) askServer(ctx context.Context, kept *keptExchange, body []byte) (activation.Result, error) {
	answer, err := v.post(ctx, kept.server+pathConfirm, body)
	var result activation.Result
	if err == nil {
		result, err = kept.exchange.Result(body, answer)
	}
	if err != nil {
		return result, errors.Join(ErrUnconfirmed, err)
	}
	return result, nil
}

// settleAnswer stores what the server has decided on a proof. A refusal is a
// [RefusedError].
func (v *Vault) settleAnswer(id string, attempt [attemptSize]byte, result activation.Result) (account Account,
	err error) {
	err = v.locked(func() error {
		a, err := v.loadPending(id, &attempt)
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
