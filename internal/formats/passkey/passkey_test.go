package passkey

import (
	"bytes"
	"errors"
	"testing"

	"github.com/descope/virtualwebauthn"

	"ostiary/internal/test/softkey"
)

var (
	site      = Site{Host: "tokens.example.com", Origin: "https://tokens.example.com"}
	anna      = Account{ID: "abcdefghij", Name: "anna"}
	challenge = bytes.Repeat([]byte{7}, ChallengeSize)
)

// device is an authenticator in software.
type device struct {
	*testing.T
	virtualwebauthn.Authenticator
	party virtualwebauthn.RelyingParty
	key   virtualwebauthn.Credential
}

func newDevice(t *testing.T, s Site) *device {
	return &device{T: t,
		Authenticator: virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{}),
		party:         virtualwebauthn.RelyingParty{Name: "Ostiary", ID: s.Host, Origin: s.Origin},
		key:           softkey.New(t)}
}

func (d *device) created(of Account, challenge []byte) []byte {
	d.Helper()
	raw, err := site.Creation(of, challenge)
	if err != nil {
		d.Fatal(err)
	}
	options, err := virtualwebauthn.ParseAttestationOptions(string(raw))
	if err != nil {
		d.Fatalf("%v: %s", err, raw)
	}
	return []byte(virtualwebauthn.CreateAttestationResponse(d.party, d.Authenticator, d.key, *options))
}

func (d *device) used(of Account, challenge []byte) []byte {
	d.Helper()
	raw, err := site.Request(of, challenge)
	if err != nil {
		d.Fatal(err)
	}
	options, err := virtualwebauthn.ParseAssertionOptions(string(raw))
	if err != nil {
		d.Fatalf("%v: %s", err, raw)
	}
	return []byte(virtualwebauthn.CreateAssertionResponse(d.party, d.Authenticator, d.key, *options))
}

// registered gives the account with a passkey of the device.
func (d *device) registered() Account {
	d.Helper()
	k, err := site.Created(anna, challenge, d.created(anna, challenge))
	if err != nil {
		d.Fatal(err)
	}
	of := anna
	of.Keys = []Key{k}
	return of
}

func TestAPasskeyIsMadeAndUsed(t *testing.T) {
	t.Parallel()
	d := newDevice(t, site)
	of := d.registered()
	answer := d.used(of, challenge)
	id, _, err := site.Used(of, challenge, answer)
	if err != nil || !bytes.Equal(id, of.Keys[0].ID) || !bytes.Equal(id, d.key.ID) {
		t.Errorf("%x, %v, want %x", id, err, d.key.ID)
	}
	if got, err := Challenge(answer); err != nil || !bytes.Equal(got, challenge) {
		t.Errorf("the answer is to %x, %v", got, err)
	}
}

// An answer is of this passkey, to this challenge, for this site and this account.
func TestWrongAnswersAreRefused(t *testing.T) {
	t.Parallel()
	d := newDevice(t, site)
	of := d.registered()
	other := bytes.Repeat([]byte{8}, ChallengeSize)
	elsewhere := *d
	elsewhere.party.Origin = "https://tokens.example.org"
	party := *d
	party.party.ID = "example.com"
	stranger := newDevice(t, site)
	stolen := *stranger
	stolen.key.ID = d.key.ID
	copied := of
	copied.Keys = []Key{of.Keys[0]}
	copied.Keys[0].Count = 5
	for name, c := range map[string]struct {
		of     Account
		answer []byte
	}{
		"to another challenge":   {of, d.used(of, other)},
		"of another origin":      {of, elsewhere.used(of, challenge)},
		"of another host":        {of, party.used(of, challenge)},
		"of another passkey":     {of, stranger.used(of, challenge)},
		"with another key":       {of, stolen.used(of, challenge)},
		"of a copy":              {copied, d.used(of, challenge)},
		"to the other question":  {of, d.created(of, challenge)},
		"nothing":                {of, nil},
		"no answer of a browser": {of, []byte("{}")},
	} {
		if id, _, err := site.Used(c.of, challenge, c.answer); !errors.Is(err, ErrWrong) || id != nil {
			t.Errorf("%s: %x, %v", name, id, err)
		}
	}
	for name, answer := range map[string][]byte{
		"to another challenge":  d.created(anna, other),
		"of another origin":     elsewhere.created(anna, challenge),
		"of another host":       party.created(anna, challenge),
		"to the other question": d.used(of, challenge),
		"nothing":               nil,
	} {
		if _, err := site.Created(anna, challenge, answer); !errors.Is(err, ErrWrong) {
			t.Errorf("a new one %s: %v", name, err)
		}
	}
	for _, answer := range []string{"", "{}", `{"response":{"clientDataJSON":"e30"}}`, `{"response":{"clientDataJSON":"*"}}`} {
		if got, err := Challenge([]byte(answer)); !errors.Is(err, ErrWrong) || got != nil {
			t.Errorf("%q is to %x, %v", answer, got, err)
		}
	}
}

func TestSitesHaveHostNames(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]Site{
		"https://tokens.example.com":      {"tokens.example.com", "https://tokens.example.com"},
		"https://tokens.example.com:8443": {"tokens.example.com", "https://tokens.example.com:8443"},
		"http://localhost:8080":           {"localhost", "http://localhost:8080"},
	} {
		if s, instead, err := SiteOf(address); s != want || instead != "" || err != nil {
			t.Errorf("%s: %+v, %q, %v", address, s, instead, err)
		}
	}
	for address, want := range map[string]string{"http://127.0.0.1:8080": "http://localhost:8080",
		"https://[::1]": "https://localhost"} {
		if s, instead, err := SiteOf(address); s.Origin != want || s.Host != "localhost" || instead != want || err != nil {
			t.Errorf("%s: %+v, %q, %v", address, s, instead, err)
		}
	}
	for _, address := range []string{"https://192.0.2.1", "https://[2001:db8::1]:8443", "", "x"} {
		if s, instead, err := SiteOf(address); !errors.Is(err, ErrAddress) || s != (Site{}) || instead != "" {
			t.Errorf("%s: %+v, %q, %v", address, s, instead, err)
		}
	}
}
