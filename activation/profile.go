package activation

import (
	"crypto/ed25519"
	"io"
)

// Mode says what an application is for.
type Mode uint8

// The modes of applications.
const (
	ResponseOnly      Mode = iota + 1 // one-time passwords: HOTP, TOTP
	ChallengeResponse                 // answers to typed challenges: OCRA
	Signature                         // signatures of what is shown: OCRA with question format H64
)

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
	IssuerKey [ed25519.PublicKeySize]byte
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
func NewProfile(random io.Reader) (*Profile, error) { panic("not built yet") }

// KeepsOldDevice reports whether after a reactivation the old device keeps working,
// which whoever chooses such a profile should be told: neither new keys nor binding.
func (p *Profile) KeepsOldDevice() bool { return !p.Rules.NewKey && !p.Rules.DeviceBinding }

// Vector checks the profile and returns its static vector. The error is
// [ErrProfile] with the reason.
func (p *Profile) Vector() (*Vector, error) { panic("not built yet") }
