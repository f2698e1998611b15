package authenticator_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"ostiary/activation"
	"ostiary/authenticator"
)

// secretsOf are the texts that may stand nowhere, in every form in which they could.
func secretsOf(secrets map[string][]byte) map[string]string {
	forms := map[string]string{}
	for name, b := range secrets {
		if len(b) < 4 {
			panic(name + " is too short to look for")
		}
		forms[name] = string(b)
		forms[name+" in hexadecimal"] = hex.EncodeToString(b)
		forms[name+" as numbers"] = strings.Trim(fmt.Sprint([]byte(b)), "[]")
	}
	return forms
}

// Nothing that is secret stands in the records unsealed, nor in what is printed of
// any value or error.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	s, d := pair(t, events, bound, password, tries(3))
	var said strings.Builder
	say := func(values ...any) {
		for _, v := range values {
			fmt.Fprintf(&said, "%v %+v %#v %s %q %x\n", v, v, v, v, v, v)
			b, _ := json.Marshal(v)
			said.Write(b)
			slog.New(slog.NewTextHandler(&said, nil)).Info("said", "value", v)
		}
	}
	var records bytes.Buffer
	d.storage.wrote = func(name string) {
		fmt.Fprintln(&records, name)
		records.Write(d.storage.records[name])
	}
	fail := func(err error) {
		t.Helper()
		if err == nil {
			t.Error("no error")
		}
		say(err)
	}
	secrets := map[string][]byte{"PIN": []byte(pin), "another PIN": []byte(other),
		"platform key": bytes.Repeat([]byte{9}, 32)}

	l := s.Letter(t, serial, false)
	secrets["activation code"], secrets["activation password"] = l.Code, l.Password
	in := letter(s, l)
	a, err := d.Activate(in, choice(pin))
	if err != nil {
		t.Fatal(err)
	}
	say(in, choice(pin), a, *a, d.Vault, d.config.Platform)
	secrets["OTP"], secrets["derivation code"] = a.Confirmation.OTP, a.Confirmation.Derivation
	bad := in
	for _, change := range []func(){
		func() { bad.Serial = "FDM1" }, func() { bad.Code = l.Code[1:] }, func() { bad.ERC = "1234567890123456789012" },
		func() { bad.Password = l.Password[1:] },
		func() { bad.Vector = nil; bad.Serial = "X" },
	} {
		bad = in
		change()
		_, err := d.Activate(bad, choice(other))
		fail(err)
	}
	if err := s.Confirm(serial, a.Confirmation); err != nil {
		t.Fatal(err)
	}
	S, D := s.Secrets(serial)
	secrets["S"], secrets["D"], secrets["application key"] = S, D, s.Key(t, serial, 1)

	code, activationPassword := s.Offer(t, serial, false)
	secrets["registration code"], secrets["password of the offer"] = code.Text(), activationPassword
	say(offer(code))
	d.line.before = func(string, []byte) error { return errLine }
	_, err = d.Begin(t.Context(), offer(code))
	fail(err)
	d.line.before = nil
	o := d.begin(t, code)
	say(o, *o)
	_, err = o.Finish(t.Context(), wrong(1), choice(other))
	fail(err)
	d.line.before = func(string, []byte) error { return errLine }
	unconfirmed, err := o.Finish(t.Context(), activationPassword, choice(other))
	fail(err)
	say(unconfirmed)
	fail(d.Confirm(t.Context(), a.Account.ID, authenticator.Secret(other)))
	d.line.before = nil
	if err := d.Confirm(t.Context(), a.Account.ID, nil); err != nil {
		t.Fatal(err)
	}
	S, D = s.Secrets(serial)
	secrets["the next S"], secrets["the next D"] = S, D

	id := a.Account.ID
	c := must(d.Code(id, authenticator.Secret(other), 1))
	secrets["code"] = c.Text
	say(c)
	_, err = d.Answer(id, authenticator.Secret(other), 0, "123x5678")
	fail(err)
	_, err = d.Sign(id, authenticator.Secret(other), 0, []authenticator.Field{{Label: "1", Value: " "}})
	fail(err)
	fail(d.ChangePIN(id, authenticator.Secret(other), authenticator.Secret(other[:4])))
	if err := d.ChangePIN(id, authenticator.Secret(other), authenticator.Secret(pin)); err != nil {
		t.Fatal(err)
	}
	say(d.account(t, id), must(d.List()))
	for range 3 {
		_, err := d.Code(id, authenticator.Secret(other), 1)
		fail(err)
	}
	_, err = d.Code(id, authenticator.Secret(pin), 1)
	fail(err)

	if said.Len() < 10_000 || records.Len() < 5_000 {
		t.Fatalf("only %d and %d bytes were looked at", said.Len(), records.Len())
	}
	for name, text := range secretsOf(secrets) {
		if i := strings.Index(said.String(), text); i >= 0 {
			t.Errorf("%s is printed: %.80q", name, said.String()[max(0, i-40):])
		}
		if bytes.Contains(records.Bytes(), []byte(text)) {
			t.Errorf("%s stands in a record", name)
		}
	}
	// A record tells nothing else either: not even whose it is.
	for _, open := range []string{serial, "FDM", "Bank of Examples", "Login", "bank.example",
		string(s.Vector.Bytes())} {
		if bytes.Contains(records.Bytes(), []byte(open)) {
			t.Errorf("%.20q stands in a record", open)
		}
	}
}

// Each error asks something else of the user, and says so.
func TestErrorsAreDistinct(t *testing.T) {
	t.Parallel()
	all := []error{
		// What a client must tell apart, from the reference of the field: about the
		// activation code, the counters, the password, the serial, the challenge …
		activation.ErrCodeEmpty, activation.ErrCodeCharacter, activation.ErrCodeLength, activation.ErrCodeInvalid,
		activation.ErrCodeOrPassword,
		activation.ErrERCEmpty, activation.ErrERCCharacter, activation.ErrERCLength, activation.ErrERCInvalid,
		activation.ErrERCUnexpected,
		activation.ErrPasswordEmpty, activation.ErrPassword, activation.ErrPasswordUnexpected,
		activation.ErrSerialEmpty, activation.ErrSerial, activation.ErrPrefix,
		authenticator.ErrChallengeEmpty, authenticator.ErrChallengeShort, authenticator.ErrChallengeLong,
		authenticator.ErrChallengeCharacter,
		// … the key store that stays locked, the code image that is none, the account that
		// may not be replaced, the further one that may not be made.
		authenticator.ErrDeviceKey, activation.ErrQRBody, authenticator.ErrNotAgain, authenticator.ErrNoOther,
		// And the rest.
		activation.ErrRegistrationEmpty, activation.ErrRegistrationCharacter, activation.ErrRegistrationLength,
		activation.ErrRegistrationInvalid,
		activation.ErrCounterJump, activation.ErrTwoStep, activation.ErrCarrier,
		authenticator.ErrAccount, authenticator.ErrDamaged, authenticator.ErrNewer, authenticator.ErrName,
		authenticator.ErrNameTaken,
		authenticator.ErrVectorMissing, authenticator.ErrOtherProfile,
		authenticator.ErrPINEmpty, authenticator.ErrPINCharacter, authenticator.ErrPINShort, authenticator.ErrPINLong,
		authenticator.ErrPINWeak,
		authenticator.ErrPIN, authenticator.ErrErased, authenticator.ErrPenalty, authenticator.ErrMode,
		authenticator.ErrFieldCount, authenticator.ErrFieldLabel, authenticator.ErrFieldValue,
		authenticator.ErrFieldSuite, authenticator.ErrServerTime,
		authenticator.ErrUnreachable, authenticator.ErrBusy, authenticator.ErrOffer, authenticator.ErrRefused,
		authenticator.ErrUnconfirmed, authenticator.ErrSettled,
	}
	texts := map[string]bool{}
	for i, err := range all {
		for j, other := range all {
			if errors.Is(err, other) != (i == j) {
				t.Errorf("%v is %v", err, other)
			}
		}
		if texts[err.Error()] {
			t.Errorf("twice: %v", err)
		}
		texts[err.Error()] = true
		if _, does, found := strings.Cut(err.Error(), ": "); !found || len(does) < 4 {
			t.Errorf("%v: it does not say what to do", err)
		}
	}
	if (&authenticator.PINError{TriesLeft: 1}).Error() != "the PIN is wrong: try again (1 try left)" {
		t.Error(&authenticator.PINError{TriesLeft: 1})
	}
}

// A key store that stays locked, as it does when a fingerprint is wrong.
type lockedKey struct{}

func (lockedKey) MAC([]byte) ([]byte, error) { return nil, errors.New("biometric check failed") }

type shortKey struct{}

func (shortKey) MAC([]byte) ([]byte, error) { return make([]byte, 16), nil }

func TestPlatformKey(t *testing.T) {
	t.Parallel()
	s, d := pair(t)
	a := activate(t, s, d)
	for key, want := range map[authenticator.PlatformKey]error{lockedKey{}: authenticator.ErrDeviceKey,
		shortKey{}: activation.ErrKeySize} {
		l := newDevice(t, "locked", s, func(c *authenticator.Config) { c.Platform, c.Storage = key, d.storage })
		d.refused(t, want, func() error { _, err := l.Code(a.Account.ID, authenticator.Secret(pin), 0); return err })
		d.refused(t, want, func() error { _, err := l.List(); return err })
		d.refused(t, want, func() error {
			_, err := l.Activate(letter(s, s.Letter(t, "FDM10000002", false)), choice(pin))
			return err
		})
	}
	if _, err := authenticator.KeyBytes(make([]byte, 31)); !errors.Is(err, activation.ErrKeySize) {
		t.Errorf("%v", err)
	}
}

func TestOpenNeedsItsParts(t *testing.T) {
	t.Parallel()
	_, d := pair(t)
	for name, drop := range map[string]func(c *authenticator.Config){
		"storage":  func(c *authenticator.Config) { c.Storage = nil },
		"platform": func(c *authenticator.Config) { c.Platform = nil },
		"random":   func(c *authenticator.Config) { c.Random = nil },
		"now":      func(c *authenticator.Config) { c.Now = nil },
	} {
		c := d.config
		drop(&c)
		if v, err := authenticator.Open(c); err == nil || v != nil {
			t.Errorf("%s: opened without", name)
		}
	}
}
