// Package passkey is what the server and a browser say to each other about passkeys
// (WebAuthn): the options that a page gives the browser, and the answers of its devices.
//
// It keeps nothing and draws nothing: whoever uses it draws a challenge for each question,
// demands that the answer is to that one (Challenge), and sees to it that each is answered
// once. A passkey is for a host name; browsers know none for an address (see SiteOf).
package passkey

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// ChallengeSize is how long challenges are, in bytes.
const ChallengeSize = 32

// ErrWrong says that an answer is not right.
var ErrWrong = errors.New("the answer of the passkey is not right")

// ErrAddress says that a place has no host name.
var ErrAddress = errors.New("passkeys need a host name")

// Site is what passkeys are for.
type Site struct {
	Host   string // tokens.example.com
	Origin string // https://tokens.example.com:8443
}

// SiteOf gives the site of a server. On an address it is ErrAddress; then instead is what to
// open, if the browser is on the server's machine.
func SiteOf(address string) (s Site, instead string, err error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return s, "", ErrAddress
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil {
		if !ip.IsLoopback() {
			return s, "", ErrAddress
		}
		host := "localhost"
		if u.Port() != "" {
			host = net.JoinHostPort(host, u.Port())
		}
		instead = u.Scheme + "://" + host
		return Site{Host: "localhost", Origin: instead}, instead, nil
	}
	return Site{Host: u.Hostname(), Origin: u.Scheme + "://" + u.Host}, "", nil
}

// Account is whose passkeys they are. ID never changes.
type Account struct {
	ID, Name string
	Keys     []Key
}

// Key is a passkey as the server keeps it.
type Key struct {
	ID, PublicKey, AAGUID []byte
	Flags                 uint8
	Count                 uint32 // of its signatures; 0 of one that does not count
}

// user is an Account as the library asks for it.
type user struct{ Account }

func (u user) WebAuthnID() []byte          { return []byte(u.ID) }
func (u user) WebAuthnName() string        { return u.Name }
func (u user) WebAuthnDisplayName() string { return u.Name }

func (u user) WebAuthnCredentials() []webauthn.Credential {
	all := make([]webauthn.Credential, len(u.Keys))
	for i, k := range u.Keys {
		all[i] = webauthn.Credential{ID: k.ID, PublicKey: k.PublicKey,
			Flags:         webauthn.NewCredentialFlags(protocol.AuthenticatorFlags(k.Flags)),
			Authenticator: webauthn.Authenticator{AAGUID: k.AAGUID, SignCount: k.Count}}
	}
	return all
}

func (s Site) party() (*webauthn.WebAuthn, error) {
	return webauthn.New(&webauthn.Config{RPID: s.Host, RPDisplayName: "Ostiary", RPOrigins: []string{s.Origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementDiscouraged,
			UserVerification: protocol.VerificationPreferred}})
}

// creation is the question for a new passkey, and what the library compares its answer with.
func (s Site) creation(of Account, challenge []byte) (*webauthn.WebAuthn, *protocol.CredentialCreation,
	*webauthn.SessionData, error) {
	party, err := s.party()
	if err != nil {
		return nil, nil, nil, err
	}
	known := webauthn.Credentials(user{of}.WebAuthnCredentials()).CredentialDescriptors()
	options, session, err := party.BeginRegistration(user{of}, webauthn.WithExclusions(known),
		func(o *protocol.PublicKeyCredentialCreationOptions) error {
			o.Challenge = challenge
			return nil
		})
	return party, options, session, err
}

// Creation is what a page gives to navigator.credentials.create to make another passkey.
func (s Site) Creation(of Account, challenge []byte) (json.RawMessage, error) {
	_, options, _, err := s.creation(of, challenge)
	if err != nil {
		return nil, err
	}
	return json.Marshal(options)
}

// Created reads the answer to Creation. ErrWrong if it is none to that.
func (s Site) Created(of Account, challenge, answer []byte) (k Key, err error) {
	party, _, session, err := s.creation(of, challenge)
	if err != nil {
		return k, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return k, wrong(err)
	}
	c, err := party.CreateCredential(user{of}, *session, parsed)
	if err != nil {
		return k, wrong(err)
	}
	return Key{ID: c.ID, PublicKey: c.PublicKey, AAGUID: c.Authenticator.AAGUID, Flags: c.Flags.MsgpByte(),
		Count: c.Authenticator.SignCount}, nil
}

func (s Site) request(of Account, challenge []byte) (*webauthn.WebAuthn, *protocol.CredentialAssertion,
	*webauthn.SessionData, error) {
	party, err := s.party()
	if err != nil {
		return nil, nil, nil, err
	}
	options, session, err := party.BeginLogin(user{of}, func(o *protocol.PublicKeyCredentialRequestOptions) error {
		o.Challenge = challenge
		return nil
	})
	return party, options, session, err
}

// Request is what a page gives to navigator.credentials.get to have one of the account's
// passkeys used, of which there must be one.
func (s Site) Request(of Account, challenge []byte) (json.RawMessage, error) {
	_, options, _, err := s.request(of, challenge)
	if err != nil {
		return nil, err
	}
	return json.Marshal(options)
}

// Used reads the answer to Request, and gives the ID and the new count of the passkey that
// was used. ErrWrong if it is none to that, or of no passkey of the account; of one whose
// count did not rise, because there is a copy of it, too.
func (s Site) Used(of Account, challenge, answer []byte) (id []byte, count uint32, err error) {
	party, _, session, err := s.request(of, challenge)
	if err != nil {
		return nil, 0, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, 0, wrong(err)
	}
	c, err := party.ValidateLogin(user{of}, *session, parsed)
	if err == nil && c.Authenticator.CloneWarning {
		err = errors.New("the count of its signatures did not rise")
	}
	if err != nil {
		return nil, 0, wrong(err)
	}
	return c.ID, c.Authenticator.SignCount, nil
}

// wrong keeps what the library says, which repeats nothing secret, for the log.
func wrong(err error) error {
	if p, ok := errors.AsType[*protocol.Error](err); ok && p.DevInfo != "" {
		return fmt.Errorf("%w: %w (%s)", ErrWrong, err, p.DevInfo)
	}
	return fmt.Errorf("%w: %w", ErrWrong, err)
}

// Challenge tells to which challenge an answer is said to be. ErrWrong if it says none.
func Challenge(answer []byte) ([]byte, error) {
	var outer struct {
		Response struct{ ClientDataJSON string }
	}
	var inner struct{ Challenge string }
	err := json.Unmarshal(answer, &outer)
	var text []byte
	if err == nil {
		text, err = base64.RawURLEncoding.DecodeString(outer.Response.ClientDataJSON)
	}
	if err == nil {
		err = json.Unmarshal(text, &inner)
	}
	if err == nil {
		text, err = base64.RawURLEncoding.DecodeString(inner.Challenge)
	}
	if err == nil && len(text) != ChallengeSize {
		err = errors.New("the challenge has another length")
	}
	if err != nil {
		return nil, wrong(err)
	}
	return text, nil
}
