package api_test

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ostiary/activation"
	"ostiary/internal/doors/wire"
	"ostiary/internal/formats/profilefile"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/internal/test/testkit"
)

// sample reads a profile of examples.
func sample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../../examples/profiles/" + name + ".toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func createProfile(t *testing.T, s *testkit.Server, name, toml string) (p wire.Profile) {
	t.Helper()
	a := s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/profiles", object{"name": name, "toml": toml})
	status(t, a, http.StatusCreated, "")
	a.JSON(t, &p)
	return p
}

// seedOf opens the seed of a profile's issuer.
func seedOf(t *testing.T, s *testkit.Server, name string) (seed seal.Secret) {
	t.Helper()
	err := s.DB.View(t.Context(), func(r store.Reader) error {
		p, err := r.Profile(name)
		if err == nil {
			seed, err = s.Keys.Open(store.ProfileBinding(p.Vector), p.Issuer)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// The vector that is shown is the profile of the file.
func TestProfiles(t *testing.T) {
	t.Parallel()
	s := server(t)
	var answers strings.Builder
	for _, name := range []string{"bank", "bound", "plain"} {
		made := createProfile(t, s, name, sample(t, name))
		a := s.Do(t, testkit.HelpDesk, http.MethodGet, "/api/v1/profiles/"+name, nil)
		status(t, a, http.StatusOK, "")
		answers.WriteString(a.Body)
		var shown wire.Profile
		a.JSON(t, &shown)
		if len(made.Warnings) == 0 ||
			!slices.ContainsFunc(
				made.Warnings, func(w string) bool { return strings.Contains(w, "ostiary type create "+name) }) {
			t.Errorf("warnings %q", made.Warnings)
		}
		made.Warnings = nil
		if diff := cmp.Diff(made, shown); diff != "" {
			t.Errorf("%s: made and shown differ\n%s", name, diff)
		}
		m, err := activation.ReadMessage(shown.StaticVector)
		if err != nil || m.Type != activation.TypeVector {
			t.Fatalf("%s: %v, %v", name, m.Type, err)
		}
		v, err := activation.ParseVector(m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		want, err := profilefile.ParseProfile(strings.NewReader(sample(t, name)))
		if err != nil {
			t.Fatal(err)
		}
		got := v.Profile()
		want.ID, want.Key, want.IssuerKey = got.ID, got.Key, got.IssuerKey
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-file +vector)\n%s", name, diff)
		}
		if shown.Fingerprint != v.Fingerprint() {
			t.Errorf("%s has fingerprint %s, shown is %s", name, v.Fingerprint(), shown.Fingerprint)
		}
	}
	a := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/profiles", nil)
	var list wire.ProfileList
	a.JSON(t, &list)
	if len(list.Profiles) != 3 || list.Profiles[0].Name != "bank" || list.Profiles[2].Name != "plain" {
		t.Errorf("listed %s", a.Body)
	}
	answers.WriteString(a.Body + s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/audit", nil).Body + s.Log.String())
	for _, p := range list.Profiles {
		seed := seedOf(t, s, p.Name)
		for _, form := range secretForms(seed.Bytes()) {
			if strings.Contains(answers.String(), form) {
				t.Errorf("the seed of %s is readable", p.Name)
			}
		}
	}
}

// Everything stands where it is said to stand.
func TestProfileShown(t *testing.T) {
	t.Parallel()
	s := server(t)
	made := createProfile(t, s, "bank", sample(t, "bank"))
	status(
		t, s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/types",
			object{"name": "bank-app", "kind": "software", "algorithm": "TOTP", "hash": "SHA256",
				"serial_prefix": "BNK", "activation": "one-step", "profile": "bank"}), http.StatusCreated, "")
	a := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/profiles/bank", nil)
	var got wire.Profile
	a.JSON(t, &got)
	want := wire.Profile{Name: "bank", Title: "Banking", Issuer: "Bank of Examples", Prefix: "BNK",
		Fingerprint: made.Fingerprint,
		Applications: []wire.ProfileApplication{
			{Index: 1, Name: "Login", Mode: "response-only", Suite: "TOTP-SHA256-6/30"},
			{Index: 2, Name: "Telephone", Mode: "response-only", Suite: "HOTP-SHA256-8"},
			{Index: 3, Name: "Branch", Mode: "response-only", Suite: "TOTP-SHA512-10/60"},
			{Index: 4, Name: "Challenge", Mode: "challenge-response", Suite: "OCRA-1:HOTP-SHA256-8:QN08"},
			{Index: 5, Name: "Safe", Mode: "challenge-response", Suite: "OCRA-1:HOTP-SHA1-6:C-QA10"},
			{Index: 6, Name: "Payment", Mode: "signature", Suite: "OCRA-1:HOTP-SHA256-8:C-QH64"},
			{Index: 7, Name: "Quick payment", Mode: "signature", Suite: "OCRA-1:HOTP-SHA256-6:QH64-T1M"},
			{Index: 8, Name: "Contract", Mode: "signature", Suite: "OCRA-1:HOTP-SHA512-10:C-QH64"},
		},
		PIN: wire.ProfilePIN{Min: 5, Max: 12, RefuseWeak: true, Tries: 3, Penalty: "wrong-answers", Level: "hash"},
		Activation: wire.ProfileActivation{Code: "decimal", Password: true, CheckPassword: true, NewKey: true,
			Reactivation: true,
			Argon2id:     wire.Argon2id{Passes: 3, Memory: 32768, Lanes: 2}},
		Created: testkit.Start, UsedBy: []string{"bank-app"}, StaticVector: made.StaticVector}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// A token has its profile, and one of a type without an activation shows none.
	tokens, _ := created(t, s, object{"type": "bank-app", "profile": "bank"})
	if tok := tokens.Tokens[0]; tok.Profile != "bank" || tok.Hash != "SHA256" || tok.Serial != "BNK10000001" {
		t.Errorf("created %+v", tok)
	}
	if a := s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/tokens/BNK10000001", nil); !strings.Contains(a.Body, `"profile":"bank"`) {
		t.Errorf("shown %s", a.Body)
	}
	if _, raw := created(t, s, object{"type": "app-totp"}); strings.Contains(raw, "profile") {
		t.Errorf("created %s", raw)
	}
	two := createProfile(t, s, "two", "name = \"A\"\nissuer = \"B\"\n[[application]]\nname = \"L\"\nmode = "+
		"\"response-only\"\nsuite = \"HOTP-SHA1-6\"\n[pin]\nlevel = \"none\"\n[two_step]\n")
	if !two.TwoStep || two.Channel || two.PIN.Level != "none" || two.PIN.Penalty != "erase" ||
		two.Activation.Code != "base32" || two.UsedBy == nil {
		t.Errorf("made %+v", two)
	}
}

func TestProfileRefused(t *testing.T) {
	t.Parallel()
	s := server(t)
	plain := sample(t, "plain")
	createProfile(t, s, "plain", plain)
	for name, c := range map[string]struct {
		body   any
		status int
		code   string
		says   string
	}{
		"twice": {object{"name": "plain", "toml": plain}, 409, "profile_exists", "a profile never changes"},
		"a setting": {object{"name": "new", "toml": "name = \"A\"\n\ncolour = 1\n[pin]\nlength = 4\n"}, 422,
			"profile_file", "Line 3: there is no setting colour; line 5: there is no setting pin.length."},
		"broken TOML": {object{"name": "new", "toml": plain + "[pin\n"}, 422, "profile_file", "Line "},
		"a rule": {object{"name": "new", "toml": strings.Replace(plain, "min = 6", "min = 3", 1)}, 422,
			"profile_file", "PIN: 4 to 12 digits"},
		"a name":  {object{"name": "New", "toml": plain}, 422, "invalid_request", ""},
		"no TOML": {object{"name": "new"}, 422, "invalid_request", ""},
		"a large one": {object{"name": "new", "toml": plain + strings.Repeat("#", 64<<10)}, 422, "invalid_request",
			""},
		"a very large one": {object{"name": "new", "toml": strings.Repeat("#", 257<<10)}, 413, "too_large", ""},
		"an unknown field": {object{"name": "new", "toml": plain, "issuer": "x"}, 422, "invalid_request", ""},
	} {
		unchanged(t, s, func() {
			a := s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/profiles", c.body)
			status(t, a, c.status, c.code)
			if p := a.Problem(t); !strings.Contains(p.Detail, c.says) {
				t.Errorf("%s: %s, want %q", name, p.Detail, c.says)
			}
		})
	}
	status(t, s.Do(t, testkit.Admin, http.MethodGet, "/api/v1/profiles/nonesuch", nil), http.StatusNotFound,
		"profile_not_found")
	status(t, s.Do(t, testkit.Admin, http.MethodPost, "/api/v1/tokens", object{"type": "app-totp", "profile": "plain"}),
		422, "profile")
}
