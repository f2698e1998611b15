package lifecycle_test

import (
	"bytes"
	"strings"
	"testing"

	"ostiary/activation"
	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// profile makes one for one-step activation with serials of prefix B, whose first
// application has the suite.
func profile(t *testing.T, k *testkit.Kit, name, suite string, edit func(*activation.Profile)) {
	t.Helper()
	p, err := activation.NewProfile(bytes.NewReader(make([]byte, 48)))
	if err != nil {
		t.Fatal(err)
	}
	p.Name, p.Issuer, p.Prefix = "Banking", "Bank of Examples", "B"
	s, err := activation.ParseSuite(suite)
	if err != nil {
		t.Fatal(err)
	}
	p.Applications = []activation.Application{{Index: 1, Name: "Login", Mode: activation.ResponseOnly, Suite: s}}
	if edit != nil {
		edit(p)
	}
	if _, _, err := k.Profiles.Create(t.Context(), name, *p, testkit.Origin); err != nil {
		t.Fatal(err)
	}
}

// activated is a type whose tokens are activated in one step.
func activated(name, profile string) token.Type {
	t := app(name, "B")
	t.Activation, t.Profile = token.OneStep, profile
	return t
}

func withProfile(name string) func(*lifecycle.CreateRequest) {
	return func(r *lifecycle.CreateRequest) { r.Profile = name }
}

func TestTypeWithProfile(t *testing.T) {
	t.Parallel()
	k := kit(t)
	profile(t, k, "bank", "TOTP-SHA256-8/60", nil)
	profile(t, k, "bank-2", "TOTP-SHA256-8/60", nil)
	profile(t, k, "event", "HOTP-SHA256-8", nil)
	profile(t, k, "other", "TOTP-SHA256-8/60", func(p *activation.Profile) { p.Prefix = "" })
	profile(t, k, "two-step", "TOTP-SHA256-8/60", func(p *activation.Profile) { p.TwoStep = true })
	if got := addType(t, k, activated("bank-app", "bank")); got.Profile != "bank" {
		t.Errorf("created %+v", got)
	}
	written(t, k, audit.TypeChanged, "map[profile:bank]", "map[profile:bank-2]", func() error {
		return changeType(k, "bank-app", func(t *token.Type) { t.Profile = "bank-2" })
	})
	misfits := map[string]string{"event": "with HOTP, but the type has algorithm TOTP",
		"other":    "for serials with no prefix, but the type has prefix B",
		"two-step": "for two-step activation, but the type has activation one-step"}
	for name, says := range misfits {
		k.Unchanged(t, func() {
			create := activated("bank-app-2", name)
			create.Width = 9
			_, _, err := k.Lifecycle.CreateType(t.Context(), create, testkit.Origin)
			for _, err := range []error{err, changeType(k, "bank-app", func(t *token.Type) { t.Profile = name })} {
				testkit.IsFault(t, err, fault.Conflict, "profile_misfit")
				if err == nil || !strings.Contains(err.Error(), "Profile "+name+" does not fit type bank-app") ||
					!strings.Contains(err.Error(), says) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	k.Unchanged(t, func() {
		testkit.IsFault(t, changeType(k, "bank-app", func(t *token.Type) { t.Profile = "nonesuch" }), fault.NotFound,
			"profile_not_found")
		testkit.IsFault(t, changeType(k, "app-totp", func(t *token.Type) { t.Profile = "other" }), fault.Conflict,
			"profile_misfit")
		testkit.IsFault(t, changeType(k, "hotp", func(t *token.Type) { t.Profile = "other" }), fault.Conflict,
			"profile_misfit")
		// A type does not grow out of its profile either.
		testkit.IsFault(t, changeType(k, "bank-app", func(t *token.Type) { t.Prefix = "C" }), fault.Conflict,
			"profile_misfit")
		testkit.IsFault(t, changeType(k, "bank-app", func(t *token.Type) { t.Algorithm, t.Period = token.HOTP, 0 }),
			fault.Conflict, "profile_misfit")
		testkit.IsFault(t, changeType(k, "bank-app", func(t *token.Type) { t.Activation = token.NoActivation }),
			fault.Conflict,
			"profile_misfit")
	})
	if err := changeType(k, "bank-app", func(t *token.Type) { t.Profile, t.Prefix = "", "C" }); err != nil {
		t.Error(err)
	}
}

// What a type was called for before profiles were kept is in nobody's way.
func TestTypeWithProfileThatIsNone(t *testing.T) {
	t.Parallel()
	k := kit(t)
	k.PastLog()
	err := k.DB.Update(t.Context(), func(tx store.Tx) error {
		before, err := tx.Type("app-totp")
		after := before
		after.Profile = "staff 2020"
		if err == nil {
			err = tx.ChangeType(before, after)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := changeType(k, "app-totp", func(t *token.Type) { t.Lifetime = 3 }); err != nil {
		t.Error(err)
	}
	if got := create(t, k, "app-totp")[0].Token; got.Profile != "" {
		t.Errorf("created %+v", got)
	}
}

func TestCreateWithProfile(t *testing.T) {
	t.Parallel()
	k := kit(t)
	profile(t, k, "bank", "TOTP-SHA256-8/60", nil)
	profile(t, k, "bank-2", "TOTP-SHA512-10/30", nil)
	profile(t, k, "event", "HOTP-SHA256-8", nil)
	addType(t, k, activated("bank-app", "bank"))
	own, named := create(t, k, "bank-app")[0].Token,
		create(t, k, "bank-app", withProfile("bank-2"), forUser("anna"))[0].Token
	if e := k.LastEntry(t); e.After["profile"] != "bank-2" {
		t.Errorf("the log says %s", e.Raw)
	}
	for _, c := range []struct {
		made    token.Token
		profile string
		spec    token.Spec
	}{
		{own, "bank", token.Spec{Algorithm: token.TOTP, Hash: "SHA256", Digits: 8, Period: 60}},
		{named, "bank-2", token.Spec{Algorithm: token.TOTP, Hash: "SHA512", Digits: 10, Period: 30}},
	} {
		if got := k.Token(t, c.made.Identity.Serial); got.Profile != c.profile || got.Spec != c.spec || got != c.made {
			t.Errorf("stored %+v, made %+v", got, c.made)
		}
	}
	// Its replacement has the same profile, not the one of the type.
	r, err := k.Lifecycle.Replace(t.Context(), lifecycle.ReplaceRequest{Selector: testkit.Serial(named.Identity.Serial),
		Origin: testkit.Origin})
	if err != nil || r.New.Token.Profile != "bank-2" || r.New.Token.Spec != named.Spec {
		t.Errorf("replaced by %+v, %v", r.New.Token, err)
	}
	if err := changeType(k, "bank-app", func(t *token.Type) { t.Profile = "" }); err != nil {
		t.Fatal(err)
	}
	if got := create(t, k, "bank-app", withProfile("bank"))[0].Token; got.Profile != "bank" {
		t.Errorf("created %+v", got)
	}
	if got := create(t, k, "mobile-license")[0].Token; got.Profile != "" {
		t.Errorf("created %+v", got)
	}
	for _, c := range []struct {
		typ, profile string
		kind         fault.Kind
		code, says   string
	}{
		{"bank-app", "", fault.Conflict, "no_profile", "ostiary token create bank-app --profile NAME"},
		{"mobile-totp", "", fault.Conflict, "no_profile", "the type has none"},
		{"bank-app", "nonesuch", fault.NotFound, "profile_not_found", ""},
		{"bank-app", "event", fault.Conflict, "profile_misfit", "with HOTP"},
		{"mobile-totp", "bank", fault.Conflict, "profile_misfit", "prefix B"},
		{"mobile-license", "bank", fault.Conflict, "profile_misfit", "one-step"},
		{"app-totp", "bank", fault.Invalid, "profile", "are not activated"},
		{"hotp", "bank", fault.Invalid, "profile", "are not activated"},
	} {
		k.Unchanged(t, func() {
			_, err := tryCreate(k, c.typ, withProfile(c.profile))
			testkit.IsFault(t, err, c.kind, c.code)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s by %q: %v", c.typ, c.profile, err)
			}
		})
	}
}
