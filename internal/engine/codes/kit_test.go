package codes_test

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/codes"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// kit makes an engine with the tokens of these keys.
func kit(t *testing.T, keys ...*pskc.Key) *testkit.Kit {
	t.Helper()
	k := testkit.New(t)
	if len(keys) > 0 {
		k.Import(t, keys...)
	}
	return k
}

// accepted checks the verdict on a code for a serial.
func accepted(t *testing.T, k *testkit.Kit, serial, otp string, want bool) {
	t.Helper()
	if got := k.Verify(t, serial, otp); got != want {
		t.Errorf("verify %s: %v, want %v (log: %s)", serial, got, want, k.LastEntry(t).Raw)
	}
}

// recorded checks why the newest entry says that a code was refused.
func recorded(t *testing.T, k *testkit.Kit, reason token.Reason) {
	t.Helper()
	e := k.LastEntry(t)
	if e.Outcome != "refused" || e.Reason != string(reason) {
		t.Errorf("the log says %q, want refused because %q: %s", e.Reason, reason, e.Raw)
	}
}

// failures checks a token's count.
func failures(t *testing.T, k *testkit.Kit, serial string, want int) {
	t.Helper()
	if got := k.Token(t, serial).Condition.Failures; got != want {
		t.Errorf("token %s has %d failures, want %d", serial, got, want)
	}
}

// next checks where a token stands.
func next(t *testing.T, k *testkit.Kit, serial string, want uint64) {
	t.Helper()
	if got := k.Token(t, serial).Condition.Next; got != want {
		t.Errorf("token %s stands at %d, want %d", serial, got, want)
	}
}

// isFault checks an error's kind and code.
func isFault(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != kind || f.Code != code {
		t.Errorf("the error is %v (%+v), want kind %d, code %s", err, f, kind, code)
	}
}

// unchanged runs do and checks that it changed nothing in the database.
func unchanged(t *testing.T, k *testkit.Kit, do func()) {
	t.Helper()
	before := k.Dump(t)
	do()
	if after := k.Dump(t); after != before {
		t.Errorf("the database changed:\n%s", testkit.Changes(before, after))
	}
}

// wide is a request by an administrator with resynchronise ticked.
func wide(serial, otp string) codes.Request {
	return codes.Request{Lookup: store.Lookup{Serial: serial}, OTP: otp, Wide: true, Origin: testkit.Origin}
}

// resync asks for a resynchronisation and reports valid and the error.
func resync(k *testkit.Kit, serial, one, two string, more ...func(*codes.ResyncRequest)) (bool, error) {
	r := codes.ResyncRequest{Lookup: store.Lookup{Serial: serial}, OTP1: one, OTP2: two, Origin: testkit.Origin}
	for _, m := range more {
		m(&r)
	}
	return k.Engine.Resync(context.Background(), r)
}

func atCounter(c uint64) func(*codes.ResyncRequest) {
	return func(r *codes.ResyncRequest) { r.Counter = &c }
}

func steps(n int) func(*codes.ResyncRequest) {
	return func(r *codes.ResyncRequest) { r.Steps = n }
}

// now is the time step of a key.
func now(t *testing.T, k *testkit.Kit, key *pskc.Key) uint64 {
	t.Helper()
	return testkit.Step(t, key, k.Clock.Now())
}

const aStep = 30 * time.Second

// noCodes checks that an error's text repeats no code that was presented.
func noCodes(t *testing.T, err error, typed ...string) {
	t.Helper()
	for _, c := range typed {
		if err != nil && c != "" && strings.Contains(err.Error(), c) {
			t.Errorf("the error repeats the code: %v", err)
		}
	}
}

func lookup(serial string) store.Lookup { return store.Lookup{Serial: serial} }

func selector(serial string) tokens.Selector { return tokens.Selector{Serial: serial} }

// secretFree checks that neither seeds nor codes stand in the audit log or,
// readable, anywhere in the database.
func secretFree(t *testing.T, k *testkit.Kit, keys []*pskc.Key, typed []string) {
	t.Helper()
	var log strings.Builder
	for _, e := range k.Log(t, 0) {
		log.WriteString(e.Raw + "\n")
	}
	dump := k.Dump(t)
	for _, key := range keys {
		for _, form := range []string{string(key.Secret), hex.EncodeToString(key.Secret),
			base64.StdEncoding.EncodeToString(key.Secret),
			base32.StdEncoding.EncodeToString(key.Secret)} {
			if strings.Contains(log.String(), form) || strings.Contains(strings.ToLower(dump), strings.ToLower(form)) {
				t.Errorf("the secret of %s is readable", key.Serial)
			}
		}
	}
	for _, c := range typed {
		if strings.Contains(log.String(), `"`+c+`"`) || strings.Contains(log.String(), ":"+c+",") {
			t.Errorf("the log holds the code %s", c)
		}
	}
}
