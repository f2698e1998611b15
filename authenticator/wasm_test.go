package authenticator_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/authenticator"
	"ostiary/internal/test/activationtest"
	"ostiary/internal/test/wasmtest"
)

// Item 11: native and WebAssembly builds agree byte for byte, on what a device shows,
// sends and stores over two activations, with the same randomness and clock. What a
// server seals differs at every run, so an online activation ends with its request.
func TestItem11WasmAgrees(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	for i, change := range [][]func(*activation.Profile){
		nil, {password}, {checked}, {bound, events}, {sameKey, events, password}, {decoys}, {levelNone}, {bank(t)},
	} {
		s, d := pair(t, change...)
		j := &journal{t, &b, fmt.Sprintf("profile %d", i), s, d}
		j.activation()
		if s.Vector.Profile().Rules.Reactivation {
			later(s, d, time.Hour)
			j.activation()
		}
		j.online()
		for range 6 { // five are the most that these profiles allow
			j.wrong(d.only(t).ID)
		}
		j.vault()
	}
	wasmtest.Agree(t, b.Bytes())
}

// journal writes down a journey.
type journal struct {
	t      *testing.T
	out    *bytes.Buffer
	name   string
	server *activationtest.Server
	device *device
}

func (j *journal) say(format string, args ...any) {
	fmt.Fprintf(j.out, j.name+": "+format+"\n", args...)
}

// vault writes down all records.
func (j *journal) vault() {
	for line := range strings.Lines(j.device.storage.dump()) {
		j.say("vault %s", strings.TrimSpace(line))
	}
}

// activation activates by letter, shows codes and changes the PIN.
func (j *journal) activation() {
	s, d := j.server, j.device
	a := must(d.Activate(letter(s, s.Letter(j.t, serial, false)), choice(pin)))
	j.say("again %t, type %s %s %s", a.Again, string(a.Confirmation.OTP), string(a.Confirmation.Next),
		string(a.Confirmation.Derivation))
	j.vault()
	if err := s.Confirm(serial, a.Confirmation); err != nil {
		j.t.Fatalf("%s: %v", j.name, err)
	}
	later(s, d, time.Minute)
	j.codes(a.Account.ID, pin)
	j.wrong(a.Account.ID)
	if err := d.ChangePIN(a.Account.ID, authenticator.Secret(pin), authenticator.Secret(other)); err != nil {
		j.t.Fatalf("%s: %v", j.name, err)
	}
	j.codes(a.Account.ID, other)
	account := d.only(j.t)
	j.say("account %s %s %s %v %v %d %s %d", account.ID, account.Name, account.Serial, account.State, account.Counters,
		account.TriesLeft, account.Device, account.Activated.Unix())
	j.vault()
}

// wrong tries a PIN that is wrong.
func (j *journal) wrong(id string) {
	code, err := j.device.Code(id, authenticator.Secret("570163"), 0)
	j.say("wrong PIN: %s, %v", string(code.Text), err)
}

// codes shows a code of every application, or why there is none.
func (j *journal) codes(id, pin string) {
	p := authenticator.Secret(pin)
	for _, app := range j.server.Vector.Profile().Applications {
		var code authenticator.Code
		var err error
		switch app.Mode {
		case activation.ResponseOnly:
			code, err = j.device.Code(id, p, app.Index)
		case activation.ChallengeResponse:
			code, err = j.device.Answer(id, p, app.Index, "47110815")
		case activation.Signature:
			code, err = j.device.Sign(id, p, app.Index, []authenticator.Field{{Label: "1", Value: "DE89 3704 0044"},
				{Label: "2", Value: "100.00"}})
		}
		j.say("code %d: %s until %d, %v", app.Index, string(code.Text), code.Until.Unix(), err)
	}
}

// online begins an activation whose request does not arrive.
func (j *journal) online() {
	j.device.line.before = func(url string, body []byte) error {
		j.say("post %s %x", url, body)
		return errLine
	}
	code, _ := j.server.Offer(j.t, serial, false)
	_, err := j.device.Begin(j.t.Context(), offer(code))
	j.say("online: %v", err)
	j.vault()
}
