package authenticator

import (
	"encoding/hex"
	"time"

	"ostiary/activation"
	"ostiary/internal/codec/cbor"
	"ostiary/internal/codec/kdf"
	"ostiary/oath"
)

// Code is what an application shows.
type Code struct {
	Text        Secret // digits
	Application activation.Application
	// Until is when the next one takes its place, on the device's clock. It is zero
	// where the code does not depend on the time.
	Until time.Time
}

// Code returns a one-time password of the application with an index, or with 0 of the
// first that gives one-time passwords. The event counter, if there is one, is stored
// before it returns.
//
// The error is [ErrAccount], [ErrMode], activation.ErrApplication, an error of the
// PIN ([ErrPIN], [ErrErased], [ErrPINEmpty], [ErrPINCharacter], [ErrPINShort],
// [ErrPINLong]), or one of the storage.
func (v *Vault) Code(id string, pin Secret, index int) (Code, error) {
	return v.compute(id, pin, index, activation.ResponseOnly, func(activation.Application) (string, error) {
		return "",
			nil
	})
}

// Answer returns the answer to a challenge as it was typed: spaces and hyphens do not
// matter. The index is as in [Vault.Code]. The error is one of Code, or
// [ErrChallengeEmpty], [ErrChallengeShort], [ErrChallengeLong],
// [ErrChallengeCharacter].
func (v *Vault) Answer(id string, pin Secret, index int, challenge string) (Code, error) {
	return v.compute(id, pin, index, activation.ChallengeResponse, func(app activation.Application) (string, error) {
		return readChallenge(app.Suite.OCRA, challenge)
	})
}

// Field is a part of what is signed.
type Field struct {
	Label string // "1", "2", … in order
	Value string // 0 to 40 characters of printable ASCII, without spaces around them
}

// Sign returns the signature of 1 to 8 fields that the user typed. The index is as in
// [Vault.Code]. The error is one of Code, or [ErrFieldCount], [ErrFieldLabel],
// [ErrFieldValue], [ErrFieldSuite].
func (v *Vault) Sign(id string, pin Secret, index int, fields []Field) (Code, error) {
	return v.compute(id, pin, index, activation.Signature, func(app activation.Application) (string, error) {
		return signedText(app.Suite.OCRA, fields)
	})
}

// compute makes a code. What is wrong with the request is found before the PIN is
// looked at, so that a slip costs no try.
func (v *Vault) compute(id string, pin Secret, index int, mode activation.Mode, question func(activation.Application) (
	string, error)) (Code, error) {
	var code Code
	err := v.change(id, func(a *account) error {
		app, err := a.application(index, mode)
		if err != nil {
			return err
		}
		text, err := question(app)
		if err != nil {
			return err
		}
		now, err := v.serverTime(a)
		if err != nil {
			return err
		}
		o, err := v.unlock(a, pin)
		if err != nil {
			return err
		}
		defer o.wipe()
		code, err = a.respond(o, app, text, now)
		return err
	})
	if err != nil {
		return Code{}, err
	}
	return code, nil
}

// serverTime is now in unix seconds on the clock of the account's server.
func (v *Vault) serverTime(a *account) (int64, error) {
	now := v.cfg.Now().Unix() + a.epoch.shift
	if now < 1 || now > maxTime {
		return 0, activation.ErrTime
	}
	return now, nil
}

// application returns the application of an index, or with 0 the first of the mode.
func (a *account) application(index int, mode activation.Mode) (activation.Application, error) {
	for _, app := range a.epoch.vector.Profile().Applications {
		switch {
		case index == 0 && app.Mode == mode, index == app.Index && app.Mode == mode:
			return app, nil
		case index == app.Index:
			return activation.Application{}, ErrMode
		}
	}
	return activation.Application{}, activation.ErrApplication
}

// respond computes a code and counts the event, in memory.
func (a *account) respond(o *opened, app activation.Application, question string, now int64) (Code, error) {
	key, err := a.appKey(o, app)
	if err != nil {
		return Code{}, err
	}
	defer clear(key)
	counter := a.counter(o, app)
	suite := app.Suite
	var text string
	switch suite.Kind {
	case activation.HOTP:
		text, err = oath.HOTP(key, *counter, suite.Hash, suite.Digits)
	case activation.TOTP:
		text, err = oath.TOTP(key, now, suite.Period, 0, suite.Hash, suite.Digits)
	default:
		in := oath.Input{Question: question}
		if suite.OCRA.Counter {
			in.Counter = *counter
		}
		if suite.Period != 0 {
			in.Step, _ = suite.OCRA.TimeStep(now) // now is above 0
		}
		text, err = suite.OCRA.Response(key, in)
	}
	if err != nil {
		return Code{}, err
	}
	if counter != nil {
		*counter++
	}
	code := Code{Text: Secret(text), Application: app}
	if suite.Period != 0 {
		code.Until = time.Unix((now/suite.Period+1)*suite.Period-a.epoch.shift, 0)
	}
	return code, nil
}

// appKey derives the key of an application: of the secret, or for a wrong answer.
func (a *account) appKey(o *opened, app activation.Application) (Secret, error) {
	if o.secret == nil {
		return a.decoyKey(o.wrong, app), nil
	}
	bind, err := a.deviceSecret(a.epoch)
	if err != nil {
		return nil, err
	}
	defer clear(bind)
	return a.epoch.vector.AppKey(o.secret, a.serial, app.Index, bind)
}

// counter returns where the events of an application are counted, or nil if it counts
// none. Wrong answers count on their own.
func (a *account) counter(o *opened, app activation.Application) *uint64 {
	counters := a.epoch.counters
	if o.secret == nil {
		counters = a.epoch.decoys
	}
	for i, event := range a.epoch.vector.EventApplications() {
		if event.Index == app.Index {
			return &counters[i]
		}
	}
	return nil
}

// confirmingCounter returns where the events of the confirming application are counted,
// or nil if it counts none.
func (a *account) confirmingCounter() *uint64 {
	app, _ := a.epoch.vector.Confirming() // a one-step profile has one
	for i, event := range a.epoch.vector.EventApplications() {
		if event.Index == app.Index {
			return &a.epoch.counters[i]
		}
	}
	return nil
}

// minChallenge is the length of the shortest challenge.
const minChallenge = 4

// readChallenge returns a typed challenge as the suite takes it.
func readChallenge(suite oath.Suite, typed string) (string, error) {
	var b []byte
	for i := range len(typed) {
		switch c := typed[i]; {
		case c == ' ' || c == '-':
		case !challengeCharacter(suite.Format, c):
			return "", ErrChallengeCharacter
		default:
			b = append(b, c)
		}
	}
	switch {
	case len(b) == 0:
		return "", ErrChallengeEmpty
	case len(b) < minChallenge:
		return "", ErrChallengeShort
	case len(b) > suite.Length:
		return "", ErrChallengeLong
	}
	return string(b), nil
}

// challengeCharacter reports whether a question of a format may hold a character:
// decimal digits, hexadecimal digits, or letters and digits.
func challengeCharacter(format, c byte) bool {
	digit, letter := '0' <= c && c <= '9', c|0x20
	switch format {
	case 'N':
		return digit
	case 'H':
		return digit || 'a' <= letter && letter <= 'f'
	}
	return digit || 'a' <= letter && letter <= 'z'
}

const (
	maxFields = 8
	maxValue  = 40
)

// signedText returns what is signed for fields that were typed: the hash of all of
// them, in hexadecimal. Without counter and time a signature could be used again.
func signedText(suite oath.Suite, fields []Field) (string, error) {
	switch {
	case !suite.Counter && suite.Period == 0:
		return "", ErrFieldSuite
	case len(fields) < 1 || maxFields < len(fields):
		return "", ErrFieldCount
	}
	b := cbor.AppendArray(nil, len(fields))
	for i, f := range fields {
		if f.Label != string(rune('1'+i)) {
			return "", ErrFieldLabel
		}
		if !validValue(f.Value) {
			return "", ErrFieldValue
		}
		b = cbor.AppendArray(b, 2)
		b = cbor.AppendText(b, f.Label)
		b = cbor.AppendText(b, f.Value)
	}
	return hex.EncodeToString(kdf.Hash("ostiary/1 fields", b)), nil
}

func validValue(value string) bool {
	for i := range len(value) {
		if value[i] < ' ' || '~' < value[i] {
			return false
		}
	}
	return len(value) <= maxValue && (value == "" || value[0] != ' ' && value[len(value)-1] != ' ')
}
