package credentials_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/test/testkit"
)

func TestAnAdministratorSignsInForTheFirstTime(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	first := o.add("Anna", authz.Admin)
	if e := o.LastEntry(t); e.Action != "admin.added" || e.Subject["other"] != "anna" || e.After["role"] != "admin" {
		t.Errorf("entry %s", e.Raw)
	}
	text, s := o.signsIn("ANNA", first)
	if s.Principal.Name != "account:anna" || s.Principal.Role != authz.Admin || s.Principal.ID == "" || !s.MustChange ||
		s.Factor != credentials.FactorMissing || s.Source != "192.0.2.1" || s.Agent != "Browser/1" {
		t.Errorf("session %+v", s)
	}
	o.refused("before the change", s.Opens(), fault.Forbidden, "password_change_needed")
	for password, code := range map[string]string{first: "weak_password", "short": "weak_password",
		"anna anna anna": "weak_password"} {
		_, _, err := o.accounts.ChangePassword(t.Context(), s, first, password, originOf(s))
		o.refused(password, err, fault.Invalid, code)
	}
	_, _, err := o.accounts.ChangePassword(t.Context(), s, "wrong", chosen, originOf(s))
	o.refused("with a wrong one", err, fault.Unauthenticated, "not_proven")
	after, changed, err := o.accounts.ChangePassword(t.Context(), s, first, chosen, originOf(s))
	if err != nil || changed.Opens() != nil || changed.MustChange {
		t.Fatalf("%+v, %v", changed, err)
	}
	o.texts = append(o.texts, chosen, after)
	if e := o.LastEntry(t); e.Action != "admin.password_set" || e.Actor != "account:anna" || e.ActorID != s.Principal.ID {
		t.Errorf("entry %s", e.Raw)
	}
	o.isAlive("of before", text, false)
	o.isAlive("that changed the password", after, true)
	_, _, err = o.tries("anna", first, "192.0.2.1:1", credentials.Page)
	o.refused("the first password", err, fault.Unauthenticated, "wrong_password")
	o.signsIn("anna", chosen)
	all := must[[]credentials.Session](o)(o.accounts.Sessions(t.Context(), "anna"))
	if len(all) != 2 {
		t.Errorf("%d sessions", len(all))
	}
}

// Nobody makes an administrator as high as himself, or changes one.
func TestRolesManageLowerOnes(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.add("anna", authz.Admin)
	o.add("susi", authz.SuperAdmin)
	admin := authz.Principal{Name: "account:x", Role: authz.Admin}
	add := func(by authz.Principal, name string, role authz.Role, helpDesk bool) error {
		_, password, err := o.accounts.Add(t.Context(), by, credentials.AdminRequest{Name: name, Role: role,
			HelpDesk: helpDesk}, testkit.Origin)
		if (err == nil) != (password != "") {
			t.Errorf("%s has the password %q with %v", name, password, err)
		}
		return err
	}
	o.refused("SUPER_ADMIN by one", add(super, "x", authz.SuperAdmin, false), fault.Forbidden, "role_too_high")
	o.refused("ADMIN by one", add(admin, "x", authz.Admin, false), fault.Forbidden, "role_too_high")
	for _, role := range []authz.Role{authz.None, authz.Verifier, authz.Portal, authz.Root} {
		o.refused(role.String(), add(root, "x", role, false), fault.Invalid, "admin_role")
	}
	o.refused("help desk", add(root, "x", authz.Admin, true), fault.Invalid, "admin_help_desk")
	o.refused("twice", add(root, "Anna", authz.Operator, false), fault.Conflict, "admin_exists")
	o.refused("ROOT", add(root, "root", authz.Operator, false), fault.Invalid, "admin_name")
	for _, name := range []string{"", " a", "a\nb", strings.Repeat("a", 129)} {
		o.refused(fmt.Sprintf("%q", name), add(root, name, authz.Operator, false), fault.Invalid, "user_name")
	}
	if err := add(super, "olga", authz.Operator, true); err != nil {
		t.Error(err)
	}
	does := map[string]func(by authz.Principal, name string) error{
		"role": func(by authz.Principal, name string) error {
			_, err := o.accounts.SetRole(t.Context(), by, name, authz.Operator, false, testkit.Origin)
			return err
		},
		"disable": func(by authz.Principal, name string) error {
			_, err := o.accounts.Disable(t.Context(), by, name, testkit.Origin)
			return err
		},
		"enable": func(by authz.Principal, name string) error {
			_, err := o.accounts.Enable(t.Context(), by, name, testkit.Origin)
			return err
		},
		"password": func(by authz.Principal, name string) error {
			_, err := o.accounts.ResetPassword(t.Context(), by, name, true, testkit.Origin)
			return err
		},
		"sessions": func(by authz.Principal, name string) error {
			_, err := o.accounts.EndSessions(t.Context(), by, name, "", testkit.Origin)
			return err
		},
	}
	for what, do := range does {
		o.refused(what+" of a SUPER_ADMIN by another", do(super, "susi"), fault.Forbidden, "role_too_high")
		o.refused(what+" of nobody", do(root, "nobody"), fault.NotFound, "admin_not_found")
	}
	for what, do := range does {
		if err := errors.Join(do(super, "anna"), do(root, "susi")); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := o.accounts.SetRole(t.Context(), super, "anna", authz.SuperAdmin, false, testkit.Origin); err == nil {
		t.Error("a SUPER_ADMIN made another one of an OPERATOR")
	}
}

func TestADisabledAdministratorComesBack(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.settled("anna", authz.Admin)
	must := must[any](o)
	must(o.accounts.Disable(t.Context(), root, "anna", testkit.Origin))
	at := o.LastEntry(t)
	must(o.accounts.Disable(t.Context(), root, "anna", testkit.Origin))
	if e := o.LastEntry(t); at.Action != "admin.disabled" || at.Subject["other"] != "anna" || e.Seq != at.Seq {
		t.Errorf("entries %s and %s", at.Raw, e.Raw)
	}
	_, _, err := o.tries("anna", chosen, "192.0.2.7:1", credentials.Page)
	o.refused("disabled", err, fault.Unauthenticated, "wrong_password")
	must(o.accounts.Enable(t.Context(), root, "anna", testkit.Origin))
	if e := o.LastEntry(t); e.Action != "admin.enabled" || e.Subject["other"] != "anna" ||
		e.After["disabled"] != audit.None {
		t.Errorf("entry %s", e.Raw)
	}
	_, s := o.signsIn("anna", chosen)
	if s.MustChange {
		t.Error("the password must be changed")
	}
}

// Whoever writes to the database makes no administrator, and raises none.
func TestForgedAdministratorsOpenNothing(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"another role":     "UPDATE admin SET role = 'super_admin'",
		"help desk":        "UPDATE admin SET help_desk = 1",
		"another password": "UPDATE admin SET password = (SELECT password FROM admin WHERE name = 'bea') WHERE name = 'anna'",
		"not disabled":     "UPDATE admin SET disabled = 0 WHERE name = 'carl'",
		"a new one": "INSERT INTO admin SELECT 'zzzzzzzzzz', 'zoe', 'super_admin', 0, password, 0, created, 0 FROM admin " +
			"WHERE name = 'anna'",
		"a passkey": "INSERT INTO passkey SELECT x'00', id, 'x', 'tokens.example.com', x'00', 0, x'00', 1 FROM admin " +
			"WHERE name = 'anna'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.PastLog()
			text, _ := o.settled("anna", authz.Admin)
			o.add("bea", authz.Admin)
			carl := o.add("carl", authz.Admin)
			if _, err := o.accounts.Disable(t.Context(), root, "carl", testkit.Origin); err != nil {
				t.Fatal(err)
			}
			o.Exec(t, change)
			for _, in := range [][2]string{{"anna", chosen}, {"zoe", chosen}, {"carl", carl}} {
				if text, _, err := o.tries(in[0], in[1], "192.0.2.1:1", credentials.Page); err == nil || text != "" {
					t.Errorf("%s signs in", in[0])
				}
			}
			if s, ok, err := o.accounts.Session(t.Context(), text, credentials.Page); ok || err == nil {
				t.Errorf("the session of before is alive: %+v, %v", s, err)
			}
			rep, err := o.Ledger.Verify(t.Context())
			if err != nil || len(rep.State.Findings) == 0 {
				t.Errorf("the log fits: %+v, %v", rep, err)
			}
		})
	}
}

// What is not in the log did not happen.
func TestNoAccountWithoutItsEntry(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	broken := newBroken(o)
	before := o.Dump(t)
	if _, password, err := broken.Add(t.Context(), root, credentials.AdminRequest{Name: "anna", Role: authz.Admin},
		testkit.Origin); err == nil || password != "" {
		t.Errorf("added: %q, %v", password, err)
	}
	if o.Dump(t) != before {
		t.Error("the database was changed")
	}
}

func newBroken(o *office) *credentials.Accounts {
	a, err := credentials.NewAccounts(credentials.AccountsConfig{Root: o.root,
		DB:    testkit.Failing{DB: o.DB, Fail: func() error { return errBroken }},
		Codes: o.Engine, Now: o.Clock.Now, PublicURL: func() string { return "" }})
	if err != nil {
		o.Fatal(err)
	}
	return a
}

var errBroken = errors.New("broken")
