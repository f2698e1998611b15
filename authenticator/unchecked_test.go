package authenticator_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"ostiary/activation"
	"ostiary/authenticator"
)

// At PIN level none nothing derived from S stays in the vault: whoever has the records
// and the platform's key finds nothing to hold a guessed PIN against. Looked at is every
// record that was ever written, of every route, before and after the confirmation.
func TestNothingOfSStaysAtLevelNone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]func(*activation.Profile){
		"time": {levelNone}, "bound": {levelNone, bound}, "events": {levelNone, events, sameKey, bound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, change...)
			var plain bytes.Buffer
			d.storage.wrote = func(name string) { plain.Write(d.PlainRecord(name, d.storage.records[name])) }
			var proofs [][]byte
			d.line.before = func(url string, body []byte) error {
				if url == "https://bank.example/api/v1/activate/confirm" {
					proofs = append(proofs, body)
				}
				return nil
			}
			first := activate(t, s, d)
			id := first.Account.ID
			typed := must(d.Activate(letter(s, s.Letter(t, serial, false)), choice(pin)))
			if err := s.Confirm(serial, typed.Confirmation); err != nil {
				t.Fatal(err)
			}
			d.kept(t)
			code, password := s.Offer(t, serial, false)
			o := d.begin(t, code)
			d.line.after = func(string, int, []byte) (int, []byte, error) { return 0, nil, errLine }
			if _, err := o.Finish(t.Context(), password, choice(other)); !errors.Is(err, authenticator.ErrUnconfirmed) {
				t.Fatal(err)
			}
			shown := d.code(t, id, other, 1)
			d.line.after = nil
			if err := d.Confirm(t.Context(), id, authenticator.Secret(other)); err != nil {
				t.Fatal(err)
			}
			if len(proofs) != 2 || plain.Len() < 2000 {
				t.Fatalf("%d proofs, %d bytes", len(proofs), plain.Len())
			}
			S, _ := s.Secrets(serial)
			secrets := map[string][]byte{"S": S, "an application key": s.Key(t, serial, 1), "a proof": proofs[0],
				"the first code": first.Confirmation.OTP, "a typed code": typed.Confirmation.OTP, "a code": shown}
			for _, c := range []activation.Confirmation{first.Confirmation, typed.Confirmation} {
				if c.Derivation != nil {
					secrets["a derivation code"] = c.Derivation
				}
			}
			for what, secret := range secrets {
				if bytes.Contains(plain.Bytes(), secret) {
					t.Errorf("%s stands in a record", what)
				}
			}
		})
	}
}

// The PIN makes the same proof again, so the server answers it the same; a wrong PIN
// makes another, and undoes nothing.
func TestConfirmAtLevelNoneMakesTheSameProof(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]func(*activation.Profile){
		"time": {levelNone, bound}, "events": {levelNone, events}, "same key": {levelNone, events, sameKey},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, change...)
			id := activate(t, s, d).Account.ID
			code, password := s.Offer(t, serial, false)
			o := d.begin(t, code)
			d.line.after = func(string, int, []byte) (int, []byte, error) { return 0, nil, errLine }
			_, err := o.Finish(t.Context(), password, choice(other)) // the server hears it, and the answer is lost
			if !errors.Is(err, authenticator.ErrUnconfirmed) {
				t.Fatal(err)
			}
			d.line.after = nil
			d.code(t, id, other, 1) // counts an event
			later(s, d, time.Minute)
			if err := d.Confirm(t.Context(), id, nil); !errors.Is(err, authenticator.ErrPINEmpty) {
				t.Errorf("without a PIN: %v", err)
			}
			if err := d.Confirm(t.Context(), id, authenticator.Secret(pin)); !errors.Is(err,
				authenticator.ErrUnconfirmed) || !d.only(t).Unconfirmed {
				t.Errorf("with a wrong PIN: %v", err)
			}
			if err := d.Confirm(t.Context(), id, authenticator.Secret(other)); err != nil {
				t.Fatal(err)
			}
			n := len(s.Requests)
			if !bytes.Equal(s.Requests[n-1], s.Requests[n-3]) || bytes.Equal(s.Requests[n-1], s.Requests[n-2]) {
				t.Error("the right PIN makes another proof, or the wrong one the same")
			}
			d.code(t, id, other, 1) // the server counts ten events ahead
			used(t, s, d, id, other)
		})
	}
}

// A wrong PIN at level none is a wrong proof, which the server counts: nothing is
// undone by it, and the right one confirms.
func TestWrongPINAtLevelNoneUndoesNothing(t *testing.T) {
	t.Parallel()
	s, d := pair(t, levelNone)
	id := activate(t, s, d).Account.ID
	if a := unconfirmed(t, s, d); a.ID != id {
		t.Fatalf("%+v", a)
	}
	err := d.Confirm(t.Context(), id, authenticator.Secret(pin))
	refused, ok := errors.AsType[*authenticator.RefusedError](err)
	if !ok || refused.TriesLeft != 4 || !errors.Is(err, authenticator.ErrUnconfirmed) {
		t.Errorf("%v", err)
	}
	if err := d.Confirm(t.Context(), id, authenticator.Secret(other)); err != nil {
		t.Fatal(err)
	}
	used(t, s, d, id, other)
}

// A vault of the version before is read: its accounts work, what waited for the server
// goes on, and of a proof at level none nothing is left once the account was looked at.
func TestFormerVaultIsRead(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][]func(*activation.Profile){
		"hash": {bound}, "hash, events": {events}, "none": {levelNone, bound}, "none, events": {levelNone, events},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, d := pair(t, change...)
			former := func(id string, proof []byte) {
				t.Helper()
				name := id + ".account"
				d.storage.records[name] = d.FormerRecord(name, d.storage.records[name], proof)
			}
			id := activate(t, s, d).Account.ID
			former(id, nil)
			used(t, s, d, id, pin)
			var proof []byte
			code, password := s.Offer(t, serial, false)
			o := d.begin(t, code)
			d.line.before = func(_ string, body []byte) error { proof = body; return errLine }
			if _, err := o.Finish(t.Context(), password, choice(other)); !errors.Is(err, authenticator.ErrUnconfirmed) {
				t.Fatal(err)
			}
			d.line.before = nil
			former(id, proof)
			before := d.storage.records[id+".account"]
			if !bytes.Contains(d.PlainRecord(id+".account", before), proof) {
				t.Fatal("the former record has no proof")
			}
			if a := d.only(t); !a.Unconfirmed || a.ID != id {
				t.Errorf("%+v", a)
			}
			level := s.Vector.Profile().PIN.Level
			left := bytes.Contains(d.PlainRecord(id+".account", d.storage.records[id+".account"]), proof)
			if left != (level == activation.PINHashed) {
				t.Errorf("the proof is there: %t", left)
			}
			p := authenticator.Secret(nil)
			if level == activation.PINUnchecked {
				p = authenticator.Secret(other)
			}
			if err := d.Confirm(t.Context(), id, p); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(s.Requests[len(s.Requests)-1], proof) {
				t.Error("another proof was sent")
			}
			used(t, s, d, id, other)
		})
	}
}
