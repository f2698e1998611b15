package credentials_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/tempcodes"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

func TestTheSecondFactorIsACode(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settled("anna", authz.Admin)
	key := o.holds("anna", "1001")
	waiting, s := o.signsIn("anna", chosen)
	if s.Factor != credentials.FactorNeeded {
		t.Fatalf("%+v", s)
	}
	o.refused("without the code", s.Opens(), fault.Forbidden, "second_factor_needed")
	_, _, err := o.accounts.ChangePassword(t.Context(), s, chosen, "eighteen blue umbrellas", originOf(s))
	o.refused("another password", err, fault.Forbidden, "second_factor_needed")
	_, err = o.accounts.ProvePassword(t.Context(), s, chosen, originOf(s))
	o.refused("the password again", err, fault.Conflict, "second_factor_needed")
	_, err = o.accounts.AskForNew(t.Context(), s)
	o.refused("a passkey", err, fault.Forbidden, "second_factor_needed")
	wrong := testkit.Wrong(t, key, testkit.Step(t, key, o.Clock.Now()), 1)[0]
	text, _, err := o.accounts.ProveCode(t.Context(), s, wrong, originOf(s))
	o.refused("a wrong code", err, fault.Unauthenticated, "not_proven")
	if e := o.LastEntry(t); text != "" || e.Action != "session.proven" || e.Outcome != "refused" ||
		e.Reason != "wrong code" {
		t.Errorf("%q, entry %s", text, e.Raw)
	}
	o.Clock.Advance(time.Minute)
	code := o.code(key)
	text, s, err = o.accounts.ProveCode(t.Context(), s, code, originOf(s))
	if err != nil || s.Opens() != nil || s.Factor != credentials.FactorCode || text == waiting {
		t.Fatalf("%+v, %v", s, err)
	}
	o.texts = append(o.texts, text)
	if e := o.LastEntry(t); e.Action != "session.proven" || e.Outcome != "accepted" || e.Actor != "account:anna" {
		t.Errorf("entry %s", e.Raw)
	}
	o.isAlive("that waited", waiting, false)
	o.isAlive("with the code", text, true)
	// The code is used up, here and at every other door.
	_, again := o.signsIn("anna", chosen)
	_, _, err = o.accounts.ProveCode(t.Context(), again, code, originOf(s))
	o.refused("the code once more", err, fault.Unauthenticated, "not_proven")
	if o.Verify(t, "1001", code) {
		t.Error("the code is accepted at another door")
	}
	// And the other way round.
	o.Clock.Advance(time.Minute)
	if code = o.code(key); !o.Verify(t, "1001", code) {
		t.Error("the next code is refused")
	}
	_, _, err = o.accounts.ProveCode(t.Context(), again, code, originOf(s))
	o.refused("a code that was used elsewhere", err, fault.Unauthenticated, "not_proven")
}

// Of many who bring one code at a time, one session is proven.
func TestACodeProvesOneSession(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settled("anna", authz.Admin)
	key := o.holds("anna", "1001")
	var all []credentials.Session
	for range 8 {
		_, s := o.signsIn("anna", chosen)
		all = append(all, s)
	}
	code := o.code(key)
	var wg sync.WaitGroup
	proven := make([]string, len(all))
	for i, s := range all {
		wg.Go(func() { proven[i], _, _ = o.accounts.ProveCode(t.Context(), s, code, originOf(s)) })
	}
	wg.Wait()
	n := 0
	for _, text := range proven {
		if text != "" {
			n++
			o.texts = append(o.texts, text)
		}
	}
	if n != 1 {
		t.Errorf("one code proved %d sessions", n)
	}
}

// Help desks issue temporary codes: one proves no administrator, and is not used up by the
// attempt.
func TestATemporaryCodeIsNoSecondFactor(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settled("anna", authz.Admin)
	o.holds("anna", "1001")
	issued, err := o.Temporary.Issue(t.Context(), tempcodes.Request{User: "anna", Count: 1, Hours: 1,
		Origin: testkit.Origin})
	if err != nil {
		t.Fatal(err)
	}
	temporary := string(issued.Codes[0].Bytes())
	_, s := o.signsIn("anna", chosen)
	_, _, err = o.accounts.ProveCode(t.Context(), s, temporary, originOf(s))
	o.refused("a temporary code", err, fault.Unauthenticated, "not_proven")
	o.Clock.Advance(time.Minute)
	if !o.VerifyUser(t, "anna", temporary) {
		t.Error("the attempt used the code up")
	}
}

// Another user's code proves nothing, and a session ends when the token that proved it is
// not the administrator's any more.
func TestASessionEndsWithItsToken(t *testing.T) {
	t.Parallel()
	super := testkit.Origin
	super.Role = authz.SuperAdmin.String()
	for name, do := range map[string]func(o *office) error{
		"lost": func(o *office) error { o.SetState(o.T, "1001", token.RevokedLost); return nil },
		"unassigned": func(o *office) error {
			_, err := o.Lifecycle.Unassign(o.Context(), testkit.Serial("1001"), super)
			return err
		},
		"deleted": func(o *office) error {
			_, err := o.Lifecycle.Delete(o.Context(), testkit.Serial("1001"), super)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.settled("anna", authz.Admin)
			key, other := o.holds("anna", "1001"), o.holds("bea", "1002")
			kept := testkit.TOTP("1003")
			o.Import(t, kept)
			o.Assign(t, "1003", "anna")
			prove := func(key *pskc.Key) (string, error) {
				_, s := o.signsIn("anna", chosen)
				text, _, err := o.accounts.ProveCode(t.Context(), s, o.code(key), originOf(s))
				if err == nil {
					o.texts = append(o.texts, text)
				}
				return text, err
			}
			_, err := prove(other)
			o.refused("another user's code", err, fault.Unauthenticated, "not_proven")
			o.Clock.Advance(time.Minute)
			ends := must[string](o)(prove(key))
			stays := must[string](o)(prove(kept))
			o.isAlive("before", ends, true)
			if err := do(o); err != nil {
				t.Fatal(err)
			}
			o.isAlive("proven by that token", ends, false)
			o.isAlive("proven by the other one", stays, true)
		})
	}
}

// With the setting nobody is without a second factor.
func TestASecondFactorIsRequired(t *testing.T) {
	t.Parallel()
	o := newOffice(t, func(c *credentials.AccountsConfig) { c.RequireSecondFactor = true })
	first := o.add("anna", authz.Admin)
	text, _, err := o.tries("anna", first, "192.0.2.1:1", credentials.Page)
	o.refused("without a second factor", err, fault.Forbidden, "second_factor_missing")
	if e := o.LastEntry(t); text != "" || e.Outcome != "refused" || e.Reason != "no second factor" ||
		o.Count(t, "SELECT count(*) FROM session") != 0 {
		t.Errorf("%q, entry %s", text, e.Raw)
	}
	key := o.holds("anna", "1001")
	_, s := o.signsIn("anna", first)
	text, s, err = o.accounts.ProveCode(t.Context(), s, o.code(key), originOf(s))
	if err != nil || !s.MustChange {
		t.Fatalf("%+v, %v", s, err)
	}
	o.texts = append(o.texts, text)
	text, s, err = o.accounts.ChangePassword(t.Context(), s, first, chosen, originOf(s))
	if err != nil || s.Opens() != nil || s.Factor != credentials.FactorCode {
		t.Fatalf("%+v, %v", s, err)
	}
	o.texts = append(o.texts, text)
}

// Proofs hold for five minutes, for what needs one.
func TestStepUp(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settled("anna", authz.SuperAdmin)
	key := o.holds("anna", "1001")
	_, s := o.signsIn("anna", chosen)
	text, s, err := o.accounts.ProveCode(t.Context(), s, o.code(key), originOf(s))
	if err != nil {
		t.Fatal(err)
	}
	o.texts = append(o.texts, text)
	needs := []authz.Operation{authz.TokenExport, authz.KeyManage, authz.AdminManage, authz.RootPassword}
	for _, op := range append(needs, authz.TokenDelete) {
		if err := o.accounts.MayNow(s, op, 2); err != nil {
			t.Errorf("%s at once: %v", op, err)
		}
	}
	o.Clock.Advance(credentials.FreshFor)
	s, _ = o.alive(text)
	for _, op := range needs {
		o.refused(string(op), o.accounts.MayNow(s, op, 1), fault.Forbidden, "proof_needed")
	}
	o.refused("many deletions", o.accounts.MayNow(s, authz.TokenDelete, 2), fault.Forbidden, "proof_needed")
	if err := errors.Join(o.accounts.MayNow(s, authz.TokenDelete, 1),
		o.accounts.MayNow(s, authz.TokenImport, 1000)); err != nil {
		t.Error(err)
	}
	same, after, err := o.accounts.ProveCode(t.Context(), s, o.code(key), originOf(s))
	if err != nil || same != "" || o.accounts.MayNow(after, authz.TokenExport, 1) != nil {
		t.Fatalf("%q, %v", same, err)
	}
	if s, ok := o.alive(text); !ok || o.accounts.MayNow(s, authz.TokenExport, 1) != nil {
		t.Error("the proof is not in the database")
	}
}

// Without a second factor, and for ROOT, the password is what there is.
func TestStepUpByPassword(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	password := must[string](o)(o.root.SetPassword(t.Context(), testkit.Origin))
	o.texts = append(o.texts, password)
	o.settled("anna", authz.SuperAdmin)
	for name, right := range map[string]string{"anna": chosen, "ROOT": password} {
		text, s := o.signsIn(name, right)
		if err := o.accounts.MayNow(s, authz.KeyManage, 1); err != nil {
			t.Errorf("%s at once: %v", name, err)
		}
		o.Clock.Advance(credentials.FreshFor)
		o.refused(name, o.accounts.MayNow(s, authz.KeyManage, 1), fault.Forbidden, "proof_needed")
		_, err := o.accounts.ProvePassword(t.Context(), s, "wrong", originOf(s))
		o.refused("a wrong password", err, fault.Unauthenticated, "not_proven")
		s, err = o.accounts.ProvePassword(t.Context(), s, right, originOf(s))
		if err != nil || o.accounts.MayNow(s, authz.KeyManage, 1) != nil {
			t.Errorf("%s: %v", name, err)
		}
		o.isAlive(name, text, true)
	}
}
