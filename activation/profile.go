package activation

import (
	"io"

	"ostiary/internal/core/printable"
)

// Mode says what an application is for.
type Mode uint8

// The modes of applications.
const (
	ResponseOnly      Mode = iota + 1 // one-time passwords: HOTP, TOTP
	ChallengeResponse                 // answers to typed challenges: OCRA
	Signature                         // signatures of what is shown: OCRA with question format H64
)

// maxApplications is how many applications a profile has at most, and the greatest
// index.
const maxApplications = 8

// Application is one cryptographic function of an authenticator.
type Application struct {
	Index int    // 1 to 8
	Name  string // 1 to 32 bytes, shown
	Mode  Mode
	Suite Suite
}

// Penalty is what happens when the tries for the PIN are used up.
type Penalty uint8

// The penalties.
const (
	Erase        Penalty = iota + 1 // the secret is erased; a reactivation is needed
	WrongAnswers                    // wrong codes are shown until the right PIN
)

// PINLevel says whether the device can tell a right PIN from a wrong one.
type PINLevel uint8

// The levels.
const (
	PINUnchecked PINLevel = iota // level none: a wrong PIN gives wrong codes
	PINHashed                    // level hash: a wrong PIN is noticed and counted
)

// PINRules are the rules for the PIN of an account.
type PINRules struct {
	Min, Max   int // digits: Min 4 to 12, Max Min to 12
	RefuseWeak bool
	Tries      int // 1 to 99
	Penalty    Penalty
	Level      PINLevel
}

// CodeFormat says how an activation code is written.
type CodeFormat uint8

// The formats.
const (
	Base32  CodeFormat = iota + 1 // 30 letters and digits
	Decimal                       // 45 digits
)

// Argon2id are the parameters of RFC 9106 under which passwords and PINs are
// stretched.
type Argon2id struct {
	Time        int // passes, 1 to 10
	Memory      int // KiB, 8 to 65536, at least 8 for each lane
	Parallelism int // lanes, 1 to 4
}

// DefaultArgon2id returns 2 passes over 19456 KiB in one lane.
func DefaultArgon2id() Argon2id { return Argon2id{Time: 2, Memory: 19456, Parallelism: 1} }

// Rules are the rules for activations.
type Rules struct {
	Format CodeFormat
	// Password: activation codes are encrypted under an activation password, too.
	// Without it there is none.
	Password bool
	// CheckPassword: the device can tell a wrong password at once. Then whoever
	// holds the code can search for it. Only with Password.
	CheckPassword bool
	DeviceBinding bool
	// NewKey: each activation has a new S. Without it, S is sent again.
	NewKey       bool
	Argon2id     Argon2id
	Reactivation bool // allowed
}

// Profile is the parameter sheet of an organisation's authenticators. [Profile.Vector]
// checks it and makes its public form.
type Profile struct {
	ID        [16]byte
	Prefix    string   // of its serials: 0 to 3 of A-Z and 0-9
	Key       [32]byte // P: in every app, so no secret
	IssuerKey [32]byte // Ed25519
	// Applications are 1 to 8, their indexes rising. Without TwoStep one has mode
	// ResponseOnly; the first such confirms activations.
	Applications  []Application
	PIN           PINRules
	Rules         Rules
	TwoStep       bool   // for two-step activation alone
	SecureChannel bool   // only with TwoStep, PINHashed and Erase
	Name          string // 1 to 64 bytes, shown
	Issuer        string // 1 to 64 bytes, shown
}

// NewProfile draws ID and Key, and sets the rules to what is advised: a code in
// base32 with a password that the device does not check, no binding, a new key at
// each activation, a PIN of 6 to 12 digits with 5 tries, erased after them.
func NewProfile(random io.Reader) (*Profile, error) {
	p := &Profile{
		PIN:   PINRules{Min: 6, Max: 12, RefuseWeak: true, Tries: 5, Penalty: Erase, Level: PINHashed},
		Rules: Rules{Format: Base32, Password: true, NewKey: true, Argon2id: DefaultArgon2id(), Reactivation: true},
	}
	b, err := draw(random, len(p.ID)+len(p.Key))
	if err != nil {
		return nil, err
	}
	copy(p.Key[:], b[copy(p.ID[:], b):])
	return p, nil
}

// KeepsOldDevice reports whether after a reactivation the old device keeps working,
// which whoever chooses such a profile should be told: neither new keys nor binding.
func (p *Profile) KeepsOldDevice() bool { return !p.Rules.NewKey && !p.Rules.DeviceBinding }

// Vector checks the profile and returns its static vector. The error is
// [ErrProfile] with the reason.
func (p *Profile) Vector() (*Vector, error) {
	if reason := p.check(printable.Check); reason != "" {
		return nil, &detail{ErrProfile, reason}
	}
	return newVector(p, p.encode()), nil
}

// check returns which rule the profile breaks, or "". shown says what is wrong with a
// name, or "".
func (p *Profile) check(shown func(text string, most int) (reason string)) (reason string) {
	if !validPrefix(p.Prefix) {
		return "prefix: 0 to 3 of A-Z and 0-9"
	}
	if reason := p.checkApplications(shown); reason != "" {
		return "applications: " + reason
	}
	if reason := p.PIN.check(); reason != "" {
		return "PIN: " + reason
	}
	if reason := p.Rules.check(); reason != "" {
		return "activation: " + reason
	}
	switch {
	case p.SecureChannel && !p.TwoStep:
		return "Secure Channel needs two-step activation"
	case p.SecureChannel && (p.PIN.Level != PINHashed || p.PIN.Penalty != Erase):
		return "Secure Channel needs a PIN that is checked, and erased after the tries"
	}
	if reason := shown(p.Name, 64); reason != "" {
		return "name: " + reason
	}
	if reason := shown(p.Issuer, 64); reason != "" {
		return "issuer: " + reason
	}
	return ""
}

func (p *Profile) checkApplications(shown func(text string, most int) (reason string)) (reason string) {
	if len(p.Applications) < 1 || len(p.Applications) > maxApplications {
		return "1 to 8 of them"
	}
	last, confirms := 0, false
	for _, a := range p.Applications {
		if a.Index <= last || a.Index > maxApplications {
			return "indexes 1 to 8, in ascending order"
		}
		last = a.Index
		if reason := shown(a.Name, 32); reason != "" {
			return "name: " + reason
		}
		if !a.Suite.valid() {
			return "unknown suite"
		}
		switch ocra := a.Suite.Kind == OCRA; {
		case a.Mode == ResponseOnly && !ocra:
			confirms = true
		case a.Mode == ChallengeResponse && ocra:
		case a.Mode == Signature && a.Suite.signs():
		case a.Mode == Signature && ocra:
			return "signatures need the question format H64"
		default:
			return "the suite does not fit the mode"
		}
	}
	if !confirms && !p.TwoStep {
		return "at least one application for one-time passwords is required"
	}
	return ""
}

func (r PINRules) check() (reason string) {
	switch {
	case r.Min < 4 || r.Max > 12 || r.Min > r.Max:
		return "4 to 12 digits"
	case r.Tries < 1 || r.Tries > 99:
		return "1 to 99 tries"
	case r.Penalty != Erase && r.Penalty != WrongAnswers:
		return "unknown penalty"
	case r.Level != PINUnchecked && r.Level != PINHashed:
		return "unknown level"
	}
	return ""
}

func (r Rules) check() (reason string) {
	a := r.Argon2id
	switch {
	case r.Format != Base32 && r.Format != Decimal:
		return "unknown format of codes"
	case r.CheckPassword && !r.Password:
		return "a password that is checked must be required"
	case a.Time < 1 || a.Time > 10:
		return "Argon2id: 1 to 10 passes"
	case a.Memory < 8 || a.Memory > 65536:
		return "Argon2id: 8 to 65536 KiB"
	case a.Parallelism < 1 || a.Parallelism > 4:
		return "Argon2id: 1 to 4 lanes"
	case a.Memory < 8*a.Parallelism:
		return "Argon2id: at least 8 KiB for each lane"
	}
	return ""
}
