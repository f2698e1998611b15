package authenticator

import (
	"time"

	"ostiary/activation"
)

// State is what an account is good for.
type State uint8

// The states.
const (
	Active State = iota
	// WrongAnswers: the tries for the PIN were used up; codes are wrong until the right
	// PIN comes.
	WrongAnswers
	// Erased: the tries for the PIN were used up, and the secrets are gone.
	Erased
)

// String names the state.
func (s State) String() string {
	switch s {
	case WrongAnswers:
		return "wrong answers"
	case Erased:
		return "erased"
	}
	return "active"
}

// Account describes an account, without secrets.
type Account struct {
	ID     string // 32 hexadecimal digits, never changed
	Name   string
	Serial string // as issued
	State  State
	// Unconfirmed: it is not known whether the server has taken the activation. With a
	// Server [Vault.Confirm] asks it; without, the user has typed the code into its page
	// and says what that answered, see [Vault.Settle].
	Unconfirmed bool
	// Server is the address of an online activation that is unconfirmed.
	Server string
	// Vector is the profile: its names, its rules, its applications.
	Vector *activation.Vector
	// Counters are the next event of each application that counts them, by index.
	Counters map[int]uint64
	// TriesLeft are the wrong PINs until the penalty; 0 at level none, which has none.
	TriesLeft int
	// Shift is the server's clock less the device's.
	Shift time.Duration
	// Device is what consoles show for the device secret; empty without binding.
	Device    string
	Activated time.Time
}

// describe tells what there is to know about an account.
func (a *account) describe() Account {
	e, rules := a.epoch, a.rules()
	d := Account{
		ID: a.idText(), Name: a.name, Serial: a.serial, Vector: e.vector, Counters: map[int]uint64{},
		Shift: time.Duration(e.shift) * time.Second, Activated: time.Unix(e.since, 0),
	}
	if a.pending != nil {
		d.Unconfirmed, d.Server = true, a.pending.server
	}
	if rules.Level == activation.PINHashed {
		d.TriesLeft = rules.Tries - e.failures
	}
	counters := e.counters
	switch {
	case e.protected == nil || a.penalized() && rules.Penalty == activation.Erase:
		d.State, d.TriesLeft = Erased, 0
	case a.penalized():
		d.State = WrongAnswers
		if e.decoys != nil {
			counters = e.decoys
		}
	}
	for i, app := range e.vector.EventApplications() {
		d.Counters[app.Index] = counters[i]
	}
	if bind, err := a.deviceSecret(e); err == nil && bind != nil {
		d.Device, _ = activation.DeviceDisplay(bind) // it has the right length
		clear(bind)
	}
	return d
}
