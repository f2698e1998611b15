package profiles_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/activation"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/profiles"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

func isFault(t *testing.T, err error, kind fault.Kind, code string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Kind != kind || f.Code != code {
		t.Errorf("the error is %v (%+v), want kind %d, code %s", err, f, kind, code)
	}
}

func suite(t *testing.T, text string) activation.Suite {
	t.Helper()
	s, err := activation.ParseSuite(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sheet is a profile as a file gives it: nothing is drawn.
func sheet(t *testing.T, edit func(*activation.Profile)) activation.Profile {
	t.Helper()
	p, err := activation.NewProfile(bytes.NewReader(make([]byte, 48)))
	if err != nil {
		t.Fatal(err)
	}
	p.Name, p.Issuer, p.Prefix = "Staff", "Example Works", "MT"
	p.Applications = []activation.Application{{Index: 1, Name: "Login", Mode: activation.ResponseOnly,
		Suite: suite(t, "TOTP-SHA256-8/60")}}
	if edit != nil {
		edit(p)
	}
	return *p
}

func create(t *testing.T, k *testkit.Kit, name string, edit func(*activation.Profile)) (profiles.Profile, []string) {
	t.Helper()
	p, warnings, err := k.Profiles.Create(t.Context(), name, sheet(t, edit), testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	return p, warnings
}

func show(t *testing.T, k *testkit.Kit, name string) profiles.Profile {
	t.Helper()
	p, err := k.Profiles.Show(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// stored gives a row of the database.
func stored(t *testing.T, k *testkit.Kit, name string) (p store.Profile) {
	t.Helper()
	err := k.DB.View(t.Context(), func(r store.Reader) (err error) {
		p, err = r.Profile(name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCreate(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	made, warnings := create(t, k, "staff", nil)
	if len(warnings) != 0 {
		t.Errorf("warnings %q", warnings)
	}
	e := k.LastEntry(t)
	if e.Action != "profile.created" || e.Subject["other"] != "staff" || e.Actor != testkit.Origin.Actor ||
		fmt.Sprint(e.Before, e.After) != fmt.Sprintf("map[] map[fingerprint:%s serial_prefix:MT]",
			made.Vector.Fingerprint()) {
		t.Errorf("the log says %s", e.Raw)
	}
	other, _ := create(t, k, "another", nil)

	got := show(t, k, "staff")
	if got.Name != "staff" || !got.Created.Equal(testkit.Start) ||
		!bytes.Equal(got.Vector.Bytes(), made.Vector.Bytes()) || got.UsedBy != nil {
		t.Errorf("shown %+v, made %+v", got, made)
	}
	all, err := k.Profiles.List(t.Context())
	if err != nil || len(all) != 2 || all[0].Name != "another" || all[1].Name != "staff" ||
		!bytes.Equal(all[1].Vector.Bytes(), made.Vector.Bytes()) {
		t.Errorf("listed %+v, %v", all, err)
	}

	p, q := got.Vector.Profile(), other.Vector.Profile()
	if p.ID == q.ID || p.Key == q.Key || p.IssuerKey == q.IssuerKey || p.ID == [16]byte{} || p.Key == [32]byte{} {
		t.Error("not everything was drawn")
	}
	want := sheet(t, nil)
	want.ID, want.Key, want.IssuerKey = p.ID, p.Key, p.IssuerKey
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("the profile (-want +got)\n%s", diff)
	}
	if _, err := k.Profiles.Show(t.Context(), "Staff"); err == nil {
		t.Error("another name was found")
	} else {
		isFault(t, err, fault.NotFound, "profile_not_found")
	}
}

// The issuer's seed opens for its own vector alone, and stands nowhere in the open.
func TestIssuer(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	made, _ := create(t, k, "staff", nil)
	other, _ := create(t, k, "another", nil)
	row := stored(t, k, "staff")
	seed, err := k.Keys.Open(store.ProfileBinding(row.Vector), row.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	public := made.Vector.Profile().IssuerKey
	if seed.Len() != ed25519.SeedSize || !ed25519.NewKeyFromSeed(seed.Bytes()).Public().(ed25519.PublicKey).Equal(
		ed25519.PublicKey(public[:])) {
		t.Error("the seed is not that of the issuer's public key")
	}
	if _, err := k.Keys.Open(store.ProfileBinding(other.Vector.Bytes()), row.Issuer); err == nil {
		t.Error("the seed opens for another profile")
	}
	dump := k.Dump(t)
	if !strings.Contains(strings.ToLower(dump), hex.EncodeToString(row.Issuer)) {
		t.Fatal("the dump does not show bytes as hexadecimal digits")
	}
	for _, form := range []string{string(seed.Bytes()), hex.EncodeToString(seed.Bytes()),
		base64.RawURLEncoding.EncodeToString(seed.Bytes())} {
		if strings.Contains(strings.ToLower(dump), strings.ToLower(form)) ||
			strings.Contains(fmt.Sprintf("%+v", show(t, k, "staff")), form) {
			t.Error("the seed is readable")
		}
	}
}

func TestCreateRefused(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	made, _ := create(t, k, "staff", nil)
	before := k.Dump(t)
	_, _, err := k.Profiles.Create(t.Context(), "staff", sheet(t, func(p *activation.Profile) { p.Name = "Other" }),
		testkit.Origin)
	isFault(t, err, fault.Conflict, "profile_exists")
	if err == nil || !strings.Contains(err.Error(), "a profile never changes. Choose another name") {
		t.Errorf("the error is %v", err)
	}
	for _, name := range []string{"", "Staff", "1st", "a b", "-a", strings.Repeat("a", 33)} {
		_, _, err := k.Profiles.Create(t.Context(), name, sheet(t, nil), testkit.Origin)
		isFault(t, err, fault.Invalid, "profile_name")
	}
	_, _, err = k.Profiles.Create(t.Context(), "bad", sheet(t, func(p *activation.Profile) { p.PIN.Min = 3 }),
		testkit.Origin)
	isFault(t, err, fault.Invalid, "profile_invalid")
	if err == nil || !strings.Contains(err.Error(), "PIN: 4 to 12 digits") {
		t.Errorf("the error is %v", err)
	}
	if after := k.Dump(t); after != before {
		t.Errorf("the database changed:\n%s", testkit.Changes(before, after))
	}
	if got := show(t, k, "staff"); got.Vector.Hash() != made.Vector.Hash() {
		t.Error("the profile changed")
	}
}

func TestIn(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	made, _ := create(t, k, "staff", nil)
	err := k.DB.View(t.Context(), func(r store.Reader) error {
		v, err := profiles.In(r, "staff")
		if err == nil && v.Hash() != made.Vector.Hash() {
			t.Error("another vector")
		}
		_, missing := profiles.In(r, "bank")
		isFault(t, missing, fault.NotFound, "profile_not_found")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	k.PastLog()
	err = k.DB.Update(t.Context(), func(tx store.Tx) error {
		return tx.AddProfile(store.Profile{Name: "broken", Vector: []byte{0xa0}, Issuer: []byte{1}})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Profiles.Show(t.Context(), "broken"); !errors.Is(err, activation.ErrVector) {
		t.Errorf("a broken vector: %v", err)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	ocra := []activation.Application{{Index: 1, Name: "Sign", Mode: activation.Signature,
		Suite: suite(t, "OCRA-1:HOTP-SHA256-8:C-QH64")}}
	for name, c := range map[string]struct {
		edit func(*activation.Profile)
		want []string
	}{
		"fine":    {nil, nil},
		"old":     {func(p *activation.Profile) { p.Rules.NewKey = false }, []string{"the old device keeps working"}},
		"bound":   {func(p *activation.Profile) { p.Rules.NewKey, p.Rules.DeviceBinding = false, true }, nil},
		"checked": {func(p *activation.Profile) { p.Rules.CheckPassword = true }, []string{"check_password"}},
		"no-prefix": {func(p *activation.Profile) { p.Prefix = "" }, []string{"type has no prefix, activation " +
			"one-step and algorithm TOTP"}},
		"no-type": {func(p *activation.Profile) { p.Prefix = "BNK" }, []string{"No token type has prefix " +
			"BNK, activation one-step and algorithm TOTP yet. Create one: " +
			"ostiary type create no-type --kind software --algorithm TOTP --hash SHA256 --digits 8 --period 60 " +
			"--prefix BNK --activation one-step --profile no-type"}},
		"totp": {func(p *activation.Profile) { p.Prefix, p.Applications[0].Suite = "BNK", suite(t, "HOTP-SHA1-6") },
			[]string{"ostiary type create NAME --kind software --algorithm HOTP --hash SHA1 --digits 6 --prefix BNK " +
				"--activation one-step --profile totp"}},
		"two-step": {func(p *activation.Profile) { p.TwoStep, p.Applications, p.Prefix = true, ocra, "" },
			[]string{"ostiary type create two-step --kind software --algorithm OCRA --suite " +
				"OCRA-1:HOTP-SHA256-8:C-QH64 --activation two-step --profile two-step"}},
		"license": {func(p *activation.Profile) { p.TwoStep, p.Prefix = true, "MD" }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, warnings := create(t, k, name, c.edit)
			if len(warnings) != len(c.want) {
				t.Fatalf("warnings %q, want %q", warnings, c.want)
			}
			for i, want := range c.want {
				if !strings.Contains(warnings[i], want) {
					t.Errorf("warning %q, want %q", warnings[i], want)
				}
			}
		})
	}
}

func TestMisfit(t *testing.T) {
	t.Parallel()
	ocra := []activation.Application{{Index: 1, Name: "Sign", Mode: activation.Signature,
		Suite: suite(t, "OCRA-1:HOTP-SHA256-8:C-QH64")}}
	for name, c := range map[string]struct {
		profile func(*activation.Profile)
		typ     func(*token.Type)
		want    string
	}{
		"fits":         {nil, nil, ""},
		"no prefix":    {func(p *activation.Profile) { p.Prefix = "" }, func(t *token.Type) { t.Prefix = "" }, ""},
		"other digits": {nil, func(t *token.Type) { t.Digits, t.Period, t.Hash = 6, 30, "SHA1" }, ""},
		"prefix": {func(p *activation.Profile) { p.Prefix = "" }, nil, "is for serials with no prefix, " +
			"but the type has prefix MT"},
		"other prefix": {nil, func(t *token.Type) { t.Prefix = "M" }, "is for serials with prefix MT, but the " +
			"type has prefix M"},
		"algorithm": {nil, func(t *token.Type) { t.Algorithm = token.HOTP }, "generates its first one-time " +
			"passwords with TOTP, but the type has algorithm HOTP"},
		"event": {func(p *activation.Profile) { p.Applications[0].Suite = suite(t, "HOTP-SHA1-6") }, nil,
			"with HOTP, but the type has algorithm TOTP"},
		"OCRA type": {nil, func(t *token.Type) { t.Algorithm = token.OCRA }, "the type has algorithm OCRA"},
		"no activation": {nil, func(t *token.Type) { t.Activation = token.NoActivation },
			"is for one-step activation, but the type has activation none"},
		"two-step type": {nil, func(t *token.Type) { t.Activation = token.TwoStep },
			"is for one-step activation, but the type has activation two-step"},
		"two-step profile": {func(p *activation.Profile) { p.TwoStep = true }, nil, "is for two-step activation, " +
			"but the type has activation one-step"},
		"both two-step": {func(p *activation.Profile) { p.TwoStep = true },
			func(t *token.Type) { t.Activation = token.TwoStep }, ""},
		"no passwords": {func(p *activation.Profile) { p.TwoStep, p.Applications = true, ocra },
			func(t *token.Type) { t.Activation = token.TwoStep }, "generates no one-time passwords"},
		"signatures, OCRA": {func(p *activation.Profile) { p.TwoStep, p.Applications = true, ocra },
			func(t *token.Type) { t.Activation, t.Algorithm = token.TwoStep, token.OCRA }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := sheet(t, c.profile)
			v, err := p.Vector()
			if err != nil {
				t.Fatal(err)
			}
			types := token.Types()
			typ := types[slices.IndexFunc(types, func(t token.Type) bool { return t.Name == "mobile-totp" })]
			if c.typ != nil {
				c.typ(&typ)
			}
			if got := profiles.Misfit(typ, v); got != c.want && (c.want == "" || !strings.Contains(got, c.want)) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestSpec(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]token.Spec{
		"TOTP-SHA256-8/60": {Algorithm: token.TOTP, Hash: "SHA256", Digits: 8, Period: 60},
		"HOTP-SHA1-6":      {Algorithm: token.HOTP, Hash: "SHA1", Digits: 6},
	} {
		p := sheet(t, func(p *activation.Profile) { p.Applications[0].Suite = suite(t, text) })
		v, err := p.Vector()
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := profiles.Spec(v); !ok || got != want {
			t.Errorf("%s: %+v, %t", text, got, ok)
		}
	}
}
