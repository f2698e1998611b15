package credentials_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/store"
	"ostiary/internal/test/softkey"
	"ostiary/internal/test/testkit"
)

// device is an authenticator in software.
type device struct {
	virtualwebauthn.Authenticator
	key virtualwebauthn.Credential
}

func newDevice(t *testing.T) *device {
	t.Helper()
	return &device{virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{}),
		softkey.New(t)}
}

var party = virtualwebauthn.RelyingParty{Name: "Ostiary", ID: "tokens.example.com",
	Origin: "https://tokens.example.com"}

// creates answers the question for a new passkey.
func (o *office) creates(d *device, s credentials.Session) []byte {
	o.Helper()
	raw, err := o.accounts.AskForNew(o.Context(), s)
	if err != nil {
		o.Fatal(err)
	}
	options, err := virtualwebauthn.ParseAttestationOptions(string(raw))
	if err != nil {
		o.Fatal(err)
	}
	return []byte(virtualwebauthn.CreateAttestationResponse(party, d.Authenticator, d.key, *options))
}

// uses answers the question for a passkey.
func (o *office) uses(d *device, s credentials.Session) []byte {
	o.Helper()
	raw, err := o.accounts.AskForUse(o.Context(), s)
	if err != nil {
		o.Fatal(err)
	}
	options, err := virtualwebauthn.ParseAssertionOptions(string(raw))
	if err != nil {
		o.Fatal(err)
	}
	return []byte(virtualwebauthn.CreateAssertionResponse(party, d.Authenticator, d.key, *options))
}

// withPasskey adds an account that has a passkey.
func (o *office) withPasskey(name string) *device {
	o.Helper()
	_, s := o.settled(name, authz.Admin)
	d := newDevice(o.T)
	p, err := o.accounts.AddPasskey(o.Context(), s, "laptop", o.creates(d, s), originOf(s))
	if err != nil || p.Name != "laptop" || p.Host != "tokens.example.com" {
		o.Fatalf("%+v, %v", p, err)
	}
	if e := o.LastEntry(o.T); e.Action != "passkey.added" || e.Subject["other"] != name || e.After["name"] != "laptop" {
		o.Errorf("entry %s", e.Raw)
	}
	return d
}

func (o *office) proves(d *device) (string, credentials.Session) {
	o.Helper()
	_, s := o.signsIn("anna", chosen)
	text, s, err := o.accounts.ProvePasskey(o.Context(), s, o.uses(d, s), originOf(s))
	if err != nil {
		o.Fatal(err)
	}
	o.texts = append(o.texts, text)
	return text, s
}

func TestTheSecondFactorIsAPasskey(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	d := o.withPasskey("anna")
	waiting, s := o.signsIn("anna", chosen)
	if s.Factor != credentials.FactorNeeded {
		t.Fatalf("%+v", s)
	}
	answer := o.uses(d, s)
	text, proven, err := o.accounts.ProvePasskey(t.Context(), s, answer, originOf(s))
	if err != nil || proven.Factor != credentials.FactorPasskey || proven.Opens() != nil || text == waiting {
		t.Fatalf("%+v, %v", proven, err)
	}
	o.texts = append(o.texts, text)
	o.isAlive("that waited", waiting, false)
	o.isAlive("with the passkey", text, true)
	all := must[[]credentials.Passkey](o)(o.accounts.Passkeys(t.Context(), proven))
	if len(all) != 1 || !all[0].Used.Equal(o.Clock.Now()) {
		t.Errorf("passkeys %+v", all)
	}
	// A proof from time to time.
	o.Clock.Advance(credentials.FreshFor)
	proven, _ = o.alive(text)
	o.refused("an export", o.accounts.MayNow(proven, authz.TokenExport, 1), fault.Forbidden, "proof_needed")
	if _, proven, err = o.accounts.ProvePasskey(t.Context(), proven, o.uses(d, proven), originOf(s)); err != nil ||
		o.accounts.MayNow(proven, authz.TokenExport, 1) != nil {
		t.Errorf("%+v, %v", proven, err)
	}
}

// An answer counts once, in its session, for what was asked, for five minutes.
func TestAnAnswerOfAPasskeyCountsOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	d := o.withPasskey("anna")
	other := o.withPasskey("bea")
	refused := func(what string, s credentials.Session, answer []byte) {
		t.Helper()
		text, _, err := o.accounts.ProvePasskey(t.Context(), s, answer, originOf(s))
		if f := fault.Of(err); f == nil || f.Kind != fault.Unauthenticated || text != "" {
			t.Errorf("%s: %q, %v", what, text, err)
		}
	}
	_, s := o.signsIn("anna", chosen)
	refused("nothing", s, nil)
	answer := o.uses(d, s)
	refused("another's device", s, []byte(strings.ReplaceAll(string(o.uses(d, s)), "x", "y")))
	refused("to a question before the last", s, answer)
	answer = o.uses(d, s)
	_, elsewhere := o.signsIn("anna", chosen)
	refused("in another session", elsewhere, answer)
	_, bea := o.signsIn("bea", chosen)
	refused("in another's session", bea, o.uses(other, bea)[:40])
	o.Clock.Advance(5*time.Minute - time.Millisecond)
	text, proven, err := o.accounts.ProvePasskey(t.Context(), s, answer, originOf(s))
	if err != nil {
		t.Fatal(err)
	}
	o.texts = append(o.texts, text)
	refused("once more", s, answer)
	refused("in the session that it proved", proven, answer)
	late := o.uses(d, proven)
	o.Clock.Advance(5 * time.Minute)
	refused("too late", proven, late)
	// Of many at a time, one.
	_, s = o.signsIn("anna", chosen)
	answer = o.uses(d, s)
	var wg sync.WaitGroup
	texts := make([]string, 8)
	for i := range texts {
		wg.Go(func() { texts[i], _, _ = o.accounts.ProvePasskey(t.Context(), s, answer, originOf(s)) })
	}
	wg.Wait()
	n := 0
	for _, text := range texts {
		if text != "" {
			n++
			o.texts = append(o.texts, text)
		}
	}
	if n != 1 {
		t.Errorf("one answer proved %d sessions", n)
	}
}

// Whoever writes to the database cannot have an answer accepted in another session.
func TestAChallengeIsNotPutBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	d := o.withPasskey("anna")
	_, s := o.signsIn("anna", chosen)
	answer := o.uses(d, s)
	var challenge string
	if err := o.DB.View(t.Context(), func(r store.Reader) error {
		all, err := r.Sessions("anna")
		for _, row := range all {
			challenge += row.Challenge
		}
		return err
	}); err != nil || challenge == "" {
		t.Fatalf("%q, %v", challenge, err)
	}
	text, proven, err := o.accounts.ProvePasskey(t.Context(), s, answer, originOf(s))
	if err != nil {
		t.Fatal(err)
	}
	o.texts = append(o.texts, text)
	o.Exec(t, "UPDATE session SET challenge = '"+challenge+"'")
	if _, _, err := o.accounts.ProvePasskey(t.Context(), proven, answer, originOf(s)); err == nil {
		t.Error("an answer of before is accepted in another session")
	}
}

// A passkey is added by a session that opens something and is fresh, and once.
func TestWhoAddsAPasskey(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, s := o.settled("anna", authz.Admin)
	d := newDevice(o.T)
	answer := o.creates(d, s)
	for _, name := range []string{"", " ", "a\nb", strings.Repeat("a", 65)} {
		_, err := o.accounts.AddPasskey(t.Context(), s, name, answer, originOf(s))
		o.refused("the name "+name, err, fault.Invalid, "passkey_name")
	}
	_, err := o.accounts.AddPasskey(t.Context(), s, "x", []byte("{}"), originOf(s))
	o.refused("no answer", err, fault.Unauthenticated, "wrong_passkey")
	if _, err := o.accounts.AddPasskey(t.Context(), s, "laptop", answer, originOf(s)); err != nil {
		t.Fatal(err)
	}
	_, err = o.accounts.AddPasskey(t.Context(), s, "laptop", answer, originOf(s))
	o.refused("once more", err, fault.Unauthenticated, "wrong_passkey")
	_, bea := o.settled("bea", authz.Admin)
	_, err = o.accounts.AddPasskey(t.Context(), bea, "laptop", o.creates(d, bea), originOf(bea))
	o.refused("the device of another", err, fault.Conflict, "passkey_exists")
	o.Clock.Advance(credentials.FreshFor)
	_, err = o.accounts.AskForNew(t.Context(), s)
	o.refused("without a proof", err, fault.Forbidden, "proof_needed")
	_, err = o.accounts.AddPasskey(t.Context(), s, "x", answer, originOf(s))
	o.refused("added without a proof", err, fault.Forbidden, "proof_needed")
}

func TestASessionEndsWithItsPasskey(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	d := o.withPasskey("anna")
	ends, _ := o.proves(d)
	text, s := o.proves(d)
	second := newDevice(o.T)
	o.Clock.Advance(time.Second)
	p, err := o.accounts.AddPasskey(t.Context(), s, "phone", o.creates(second, s), originOf(s))
	if err != nil {
		t.Fatal(err)
	}
	stays, s := o.proves(second)
	first := must[[]credentials.Passkey](o)(o.accounts.Passkeys(t.Context(), s))[0]
	if first.ID == p.ID {
		t.Fatalf("the first is %+v", first)
	}
	if err := o.accounts.RemovePasskey(t.Context(), s, first.ID, originOf(s)); err != nil {
		t.Fatal(err)
	}
	if e := o.LastEntry(t); e.Action != "passkey.removed" || e.Before["name"] != "laptop" {
		t.Errorf("entry %s", e.Raw)
	}
	o.isAlive("proven by it", ends, false)
	o.isAlive("proven by it, too", text, false)
	o.isAlive("proven by another", stays, true)
	err = o.accounts.RemovePasskey(t.Context(), s, first.ID, originOf(s))
	o.refused("again", err, fault.NotFound, "passkey_not_found")
	// Whoever lost all of them is helped.
	password, err := o.accounts.ResetPassword(t.Context(), root, "anna", true, testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	o.texts = append(o.texts, password)
	_, s = o.signsIn("anna", password)
	if s.Factor != credentials.FactorMissing || !s.MustChange {
		t.Errorf("%+v", s)
	}
}

// On an address it is said what to open instead.
func TestPasskeysNeedAHostName(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, s := o.settled("anna", authz.Admin)
	for _, c := range []struct{ url, host, instead string }{
		{"https://tokens.example.com", "tokens.example.com", ""},
		{"https://tokens.example.com", "192.0.2.1", "https://tokens.example.com"},
		{"http://127.0.0.1:8080", "127.0.0.1", "http://localhost:8080"},
		{"http://127.0.0.1:8080", "localhost", ""},
	} {
		o.publicURL = c.url
		if instead, err := o.accounts.PasskeysAt(c.host); instead != c.instead || err != nil {
			t.Errorf("%s of %s: %q, %v", c.host, c.url, instead, err)
		}
	}
	o.publicURL = "https://192.0.2.1"
	_, err := o.accounts.AskForNew(t.Context(), s)
	o.refused("on an address", err, fault.Conflict, "passkeys_need_host")
	if _, err := o.accounts.PasskeysAt("192.0.2.1"); fault.Of(err) == nil {
		t.Error("an address has passkeys")
	}
}
