package credentials_test

import (
	"testing"
	"time"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/authz"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/activations"
	"ostiary/internal/engine/credentials"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// softType is a type of software tokens that every server has.
const softType = "app-totp"

// armed tries to give the user of a name a token with a new serial, or to take one away, and
// says whether that was done. What is needed before is done by a SUPER_ADMIN.
type armed func(o *office, by, super audit.Origin, user, serial string) (bool, error)

func (o *office) owned(serial, user string) bool {
	o.Helper()
	return o.Token(o.T, serial).OwnerName == user
}

func (o *office) prepared(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// assigned imports a token of a user.
func (o *office) assigned(user, serial string) {
	o.Helper()
	o.Import(o.T, testkit.HOTP(serial))
	o.Assign(o.T, serial, user)
}

// created makes a software token of a user.
func (o *office) created(super audit.Origin, typ, user string) tokens.Selector {
	o.Helper()
	made := must[lifecycle.Creation](o)(o.Lifecycle.Create(o.Context(), lifecycle.CreateRequest{Type: typ, Count: 1,
		User: user, Origin: super}))
	return testkit.Serial(made.Tokens[0].Token.Identity.Serial)
}

var ways = map[string]armed{
	"assign": func(o *office, by, _ audit.Origin, user, serial string) (bool, error) {
		o.Import(o.T, testkit.HOTP(serial))
		_, err := o.Lifecycle.Assign(o.Context(), testkit.Serial(serial), user, by)
		return o.owned(serial, user), err
	},
	"create": func(o *office, by, _ audit.Origin, user, _ string) (bool, error) {
		before := o.FindUser(o.T, user).Tokens
		_, err := o.Lifecycle.Create(o.Context(), lifecycle.CreateRequest{Type: softType, Count: 1, User: user,
			Origin: by})
		return o.FindUser(o.T, user).Tokens > before, err
	},
	"replace by a token of stock": func(o *office, by, super audit.Origin, user, serial string) (bool, error) {
		o.assigned(user, serial)
		o.Import(o.T, testkit.HOTP("spare"+serial))
		_, err := o.Lifecycle.Replace(o.Context(), lifecycle.ReplaceRequest{Selector: testkit.Serial(serial),
			By: "spare" + serial, Origin: by})
		return o.owned("spare"+serial, user), err
	},
	"replace by a new token": func(o *office, by, super audit.Origin, user, serial string) (bool, error) {
		o.assigned(user, serial)
		_, err := o.Lifecycle.Replace(o.Context(), lifecycle.ReplaceRequest{Selector: testkit.Serial(serial),
			Type: softType, Origin: by})
		return !o.owned(serial, user), err
	},
	"rename a user to it": func(o *office, by, super audit.Origin, user, serial string) (bool, error) {
		_, err := o.Users.Rename(o.Context(), user, "was"+serial, super)
		o.prepared(err)
		o.User(o.T, "x"+serial)
		o.assigned("x"+serial, serial)
		_, err = o.Users.Rename(o.Context(), "x"+serial, user, by)
		got := o.owned(serial, user)
		if !got {
			o.User(o.T, user)
		}
		return got, err
	},
	"rename the user": func(o *office, by, super audit.Origin, user, serial string) (bool, error) {
		o.assigned(user, serial)
		_, err := o.Users.Rename(o.Context(), user, "x"+serial, by)
		renamed := o.owned(serial, "x"+serial)
		if renamed {
			o.User(o.T, user)
		}
		return renamed, err
	},
	"another enrolment link": func(o *office, by, super audit.Origin, user, _ string) (bool, error) {
		link, _, err := o.Lifecycle.RenewLink(o.Context(), o.created(super, softType, user), by)
		return link.Len() > 0, err
	},
	"make one VALID again": func(o *office, by, super audit.Origin, user, serial string) (bool, error) {
		o.assigned(user, serial)
		o.SetState(o.T, serial, token.RevokedLost)
		_, err := o.Lifecycle.SetState(o.Context(), testkit.Serial(serial), token.Valid, "", by)
		return o.Token(o.T, serial).Condition.State == token.Valid, err
	},
	"activate": func(o *office, by, super audit.Origin, user, _ string) (bool, error) {
		started, err := o.Activations.Start(o.Context(), activations.Request{Token: o.created(super, testkit.PhoneType, user),
			Route: activations.Offline, By: authz.Principal{Role: authz.Admin}, Origin: by})
		return len(started.Code) > 0, err
	},
	"import": func(o *office, by, _ audit.Origin, user, serial string) (bool, error) {
		key := testkit.HOTP(serial)
		key.KeyUserID = user
		from := func(r *imports.Request) { r.Origin = by }
		foreseen := testkit.Take(o.T, o.Kit, testkit.Keys(key), from, testkit.DryRun)
		rep := testkit.Take(o.T, o.Kit, testkit.Keys(key), from)
		testkit.Ended(o.T, rep, store.RunCounts{Imported: 1, Assigned: foreseen.Assigned})
		return o.owned(serial, user), refusal(rep)
	},
	"revoke": func(o *office, by, _ audit.Origin, user, serial string) (bool, error) {
		o.assigned(user, serial)
		_, err := o.Lifecycle.SetState(o.Context(), testkit.Serial(serial), token.RevokedOther, "", by)
		return o.Token(o.T, serial).Condition.State != token.Valid, err
	},
	"revoke the batch": func(o *office, by, _ audit.Origin, user, serial string) (bool, error) {
		testkit.Take(o.T, o.Kit, testkit.Keys(testkit.HOTP(serial)), func(r *imports.Request) { r.Batch = "of " + serial })
		o.Assign(o.T, serial, user)
		_, err := o.Lifecycle.SetBatchState(o.Context(), "of "+serial, token.RevokedOther, "", by)
		revoked := o.Token(o.T, serial).Condition.State != token.Valid
		if err == nil && !revoked { // it says so by the number alone
			err = fault.New(fault.Forbidden, "administrators_token", "")
		}
		return revoked, err
	},
	"end by a date": func(o *office, by, _ audit.Origin, user, serial string) (bool, error) {
		o.assigned(user, serial)
		until := o.Clock.Now().Add(-time.Hour)
		_, err := o.Lifecycle.SetDates(o.Context(), testkit.Serial(serial), lifecycle.DatesRequest{Until: &until}, by)
		return !o.Token(o.T, serial).Condition.NotAfter.IsZero(), err
	},
	"unassign": func(o *office, by, _ audit.Origin, user, serial string) (bool, error) {
		o.assigned(user, serial)
		_, err := o.Lifecycle.Unassign(o.Context(), testkit.Serial(serial), by)
		return !o.owned(serial, user), err
	},
	"delete": func(o *office, by, _ audit.Origin, user, serial string) (bool, error) {
		o.assigned(user, serial)
		_, err := o.Lifecycle.Delete(o.Context(), testkit.Serial(serial), by)
		_, gone := o.Lifecycle.Show(o.Context(), testkit.Serial(serial))
		return gone != nil, err
	},
	"import another secret": func(o *office, by, super audit.Origin, user, serial string) (bool, error) {
		o.assigned(user, serial)
		key := testkit.HOTP(serial)
		key.Secret = testkit.SecretOf("the second secret of " + serial)
		from := func(r *imports.Request) { r.Origin = by }
		before := o.Token(o.T, serial).Condition.Epoch
		foreseen := testkit.Take(o.T, o.Kit, testkit.Keys(key), from, testkit.Replace, testkit.SkipBad, testkit.DryRun)
		rep := testkit.Take(o.T, o.Kit, testkit.Keys(key), from, testkit.Replace, testkit.SkipBad)
		testkit.Ended(o.T, rep, foreseen.RunCounts)
		return o.Token(o.T, serial).Condition.Epoch > before, refusal(rep)
	},
}

// refusal is the error for which a row of an import says why.
func refusal(rep testkit.Report) error {
	if reason := rep.Rows[0].Reason; reason != "" && rep.Replaced == 0 {
		return fault.New(fault.Forbidden, "administrators_token", reason)
	}
	return nil
}

// Whoever gives the user of a superior's name a token holds the superior's second factor, and
// whoever takes it away leaves the password alone.
func TestTokensOfSuperiorsAreNotGiven(t *testing.T) {
	t.Parallel()
	for name, way := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t)
			o.PhoneType(t, testkit.Profile(t))
			accounts := map[string]store.Admin{}
			for who, role := range map[string]authz.Role{"susi": authz.SuperAdmin, "anna": authz.Admin, "otto": authz.Admin,
				"olga": authz.Operator} {
				is, password, err := o.accounts.Add(t.Context(), root, credentials.AdminRequest{Name: who, Role: role},
					testkit.Origin)
				o.prepared(err)
				o.texts = append(o.texts, password)
				accounts[who] = is
			}
			for _, user := range []string{"susi", "anna", "otto", "olga", "max"} {
				o.User(t, user)
			}
			as := func(actor, id string, role authz.Role) audit.Origin {
				return audit.Origin{Actor: actor, ActorID: id, Role: role.String(), Source: "192.0.2.1:1", Request: "r"}
			}
			account := func(who string, role authz.Role) audit.Origin { return as("account:"+who, accounts[who].ID, role) }
			super := as("account:boss", "boss", authz.SuperAdmin)
			for i, c := range []struct {
				what string
				by   audit.Origin
				user string
				may  bool
			}{
				{"an ADMIN, a SUPER_ADMIN's", account("anna", authz.Admin), "susi", false},
				{"an ADMIN, another one's", account("anna", authz.Admin), "otto", false},
				{"a key, an ADMIN's", as("key:x", "k", authz.Admin), "anna", false},
				{"a key of the name, an ADMIN's", as("account:anna", "k", authz.Admin), "anna", false},
				{"an OPERATOR, an ADMIN's", account("olga", authz.Operator), "anna", false},
				{"a portal, an OPERATOR's", as("key:p", "p", authz.Portal), "olga", false},
				{"somebody without a role, an OPERATOR's", as("x", "", authz.None), "olga", false},
				{"an ADMIN, one's own", account("anna", authz.Admin), "anna", true},
				{"an ADMIN, an OPERATOR's", account("anna", authz.Admin), "olga", true},
				{"an ADMIN, nobody's", account("anna", authz.Admin), "max", true},
				{"a SUPER_ADMIN, another one's", super, "susi", true},
				{"ROOT, a SUPER_ADMIN's", as("ROOT", "", authz.Root), "susi", true},
			} {
				has, err := way(o, c.by, super, c.user, "70"+string(rune('a'+i)))
				if has != c.may {
					t.Errorf("%s: given %t", c.what, has)
				}
				if c.may && err != nil {
					t.Errorf("%s: %v", c.what, err)
				} else if !c.may {
					o.refused(c.what, err, fault.Forbidden, "administrators_token")
				}
			}
		})
	}
}

// A disabled administrator may come back, so the user of the name gets no token either.
func TestTokensOfDisabledSuperiorsAreNotGiven(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.add("susi", authz.SuperAdmin)
	o.User(t, "susi")
	_, err := o.accounts.Disable(t.Context(), root, "susi", testkit.Origin)
	o.prepared(err)
	o.Import(t, testkit.HOTP("1"))
	_, err = o.Lifecycle.Assign(t.Context(), testkit.Serial("1"), "SUSI", audit.Origin{Role: "admin"})
	o.refused("of a disabled one", err, fault.Forbidden, "administrators_token")
	if o.owned("1", "susi") {
		t.Error("the token was given")
	}
}

// A stolen token ends at once, whoever hears of it; to take that back needs a higher role.
func TestALostTokenOfASuperiorEnds(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	_, begun := o.settled("boss", authz.SuperAdmin)
	if _, s := o.signsIn("boss", chosen); s.Factor != credentials.FactorMissing {
		t.Errorf("without a token: %s", s.Factor)
	}
	o.User(t, "boss")
	o.assigned("boss", "1001")
	desk := audit.Origin{Actor: "account:desk", ActorID: "desk", Role: authz.Operator.String()}
	if _, err := o.Lifecycle.SetState(t.Context(), testkit.Serial("1001"), token.RevokedLost, "", desk); err != nil {
		t.Error(err)
	}
	_, err := o.Lifecycle.SetState(t.Context(), testkit.Serial("1001"), token.Valid, "", desk)
	o.refused("made VALID again", err, fault.Forbidden, "administrators_token")
	// The password alone opens nothing now, nor proves what it opened before.
	if _, s := o.signsIn("boss", chosen); s.Factor != credentials.FactorNeeded {
		t.Errorf("with a lost token: %s", s.Factor)
	}
	_, err = o.accounts.ProvePassword(t.Context(), begun, chosen, originOf(begun))
	o.refused("a session from before the token", err, fault.Conflict, "second_factor_needed")
}
