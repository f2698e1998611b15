package profiles_test

import (
	"strings"
	"sync"
	"testing"

	"ostiary/activation"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/seal"
	"ostiary/internal/test/testkit"
)

func ensure(t *testing.T, k *testkit.Kit, issuer string) {
	t.Helper()
	if err := k.Profiles.EnsureDefaults(t.Context(), issuer, testkit.Origin); err != nil {
		t.Fatal(err)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	ensure(t, k, "Example Works")
	for name, want := range map[string]struct{ title, prefix, suite string }{
		"mobile-totp": {"Mobile TOTP", "MT", "TOTP-SHA256-6/30"},
		"mobile-hotp": {"Mobile HOTP", "MH", "HOTP-SHA256-6"},
	} {
		got := show(t, k, name)
		p := got.Vector.Profile()
		if p.Name != want.title || p.Issuer != "Example Works" || p.Prefix != want.prefix || len(p.Applications) != 1 ||
			p.Applications[0].Suite.String() != want.suite {
			t.Errorf("%s: %+v", name, p)
		}
		if advised := sheet(t, nil); p.Rules != advised.Rules || p.PIN != advised.PIN || !p.Rules.Password {
			t.Errorf("%s: the rules are %+v, %+v", name, p.Rules, p.PIN)
		}
		if len(got.UsedBy) != 1 || got.UsedBy[0] != name {
			t.Errorf("%s is used by %q", name, got.UsedBy)
		}
		typ, err := k.Lifecycle.Type(t.Context(), name)
		if err != nil || typ.Profile != name || profiles.Misfit(typ, got.Vector) != "" {
			t.Errorf("type %+v, %v", typ, err)
		}
	}
	var actions []string
	for _, e := range k.Log(t, 0) {
		actions = append(actions, e.Action+" "+e.Subject["other"])
	}
	if got := strings.Join(actions, ", "); got != "database.created , profile.created mobile-hotp, type.changed "+
		"mobile-hotp, "+
		"profile.created mobile-totp, type.changed mobile-totp" {
		t.Errorf("the log says %s", got)
	}
	before := k.Dump(t)
	ensure(t, k, "Another Name")
	if after := k.Dump(t); after != before {
		t.Errorf("the second time changed:\n%s", testkit.Changes(before, after))
	}
}

func TestDefaultsAtOnce(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := k.Profiles.EnsureDefaults(t.Context(), "Example Works", testkit.Origin); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if all, err := k.Profiles.List(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("%d profiles, %v", len(all), err)
	}
	if n := k.LogSize(t); n != 5 {
		t.Errorf("%d entries in the log", n)
	}
}

// What an administrator chose stays.
func TestDefaultsBesideOwn(t *testing.T) {
	t.Parallel()
	change := func(t *testing.T, k *testkit.Kit, edit func(*token.Type)) {
		t.Helper()
		if _, _, err := k.Lifecycle.ChangeType(t.Context(), "mobile-totp", edit, testkit.Origin); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		before func(*testing.T, *testkit.Kit)
		want   string // the profile of mobile-totp
		title  string // of the profile of that name; none if empty
	}{
		"another profile": {func(t *testing.T, k *testkit.Kit) {
			create(t, k, "staff", nil)
			change(t, k, func(t *token.Type) { t.Profile = "staff" })
		}, "staff", ""},
		"an own one of the name": {func(t *testing.T, k *testkit.Kit) { create(t, k, "mobile-totp", nil) },
			"mobile-totp", "Staff"},
		"an own one that does not fit": {func(t *testing.T, k *testkit.Kit) {
			create(t, k, "mobile-totp", func(p *activation.Profile) { p.Prefix = "X" })
		}, "", "Staff"},
		"another prefix": {func(t *testing.T, k *testkit.Kit) { change(t, k, func(t *token.Type) { t.Prefix = "X" }) },
			"mobile-totp", "Mobile TOTP"},
		"without activation": {func(t *testing.T, k *testkit.Kit) {
			change(t, k, func(t *token.Type) { t.Activation = token.NoActivation })
		}, "", ""},
		"emptied": {func(t *testing.T, k *testkit.Kit) {
			ensure(t, k, "Example Works")
			change(t, k, func(t *token.Type) { t.Profile = "" })
		}, "mobile-totp", "Mobile TOTP"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := testkit.New(t)
			c.before(t, k)
			ensure(t, k, "Example Works")
			typ, err := k.Lifecycle.Type(t.Context(), "mobile-totp")
			if err != nil || typ.Profile != c.want {
				t.Errorf("the type has profile %q, %v, want %q", typ.Profile, err, c.want)
			}
			p, err := k.Profiles.Show(t.Context(), "mobile-totp")
			if c.title == "" && err == nil || c.title != "" && (err != nil || p.Vector.Profile().Name != c.title) {
				t.Errorf("profile %+v, %v", p, err)
			}
		})
	}
}

func TestDefaultIssuer(t *testing.T) {
	t.Parallel()
	for issuer, want := range map[string]string{
		strings.Repeat("a", 65): strings.Repeat("a", 64),
		strings.Repeat("ä", 40): strings.Repeat("ä", 32),
		strings.Repeat("漢", 30): strings.Repeat("漢", 21),
		"Ex\u200bample\u202e":   "Example",
	} {
		k := testkit.New(t)
		ensure(t, k, issuer)
		if got := show(t, k, "mobile-totp").Vector.Profile().Issuer; got != want {
			t.Errorf("%q became %q, want %q", issuer, got, want)
		}
	}
	if err := testkit.New(t).Profiles.EnsureDefaults(t.Context(), "", testkit.Origin); err == nil {
		t.Error("a profile without issuer was made")
	}
}

// The name that the server has without a setting is one that may be shown.
func TestServerIssuer(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	s, err := lifecycle.New(lifecycle.Config{DB: k.DB, Keys: k.Keys, Marks: k.Marks, Links: k.Hasher(seal.Link)})
	if err != nil {
		t.Fatal(err)
	}
	ensure(t, k, s.Issuer())
	if got := show(t, k, "mobile-totp").Vector.Profile().Issuer; got != "Ostiary" {
		t.Errorf("the issuer is %q", got)
	}
}
