package token

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Activation says how a software token comes to its secret.
type Activation string

// The activations.
const (
	NoActivation Activation = "none"     // a key URI, into any authenticator app
	OneStep      Activation = "one-step" // an activation code
	TwoStep      Activation = "two-step" // a license, then an instance on each device
)

// Type is a named definition that tokens belong to.
//
// Name, Kind, Spec, Prefix, Width, Start and Activation are its definition: they
// never change once there was a token. The rest may.
type Type struct {
	Name string
	Kind Kind
	// Spec is how its tokens compute codes. Of a built-in hardware type only the
	// algorithm is given: the seed file has the rest.
	Spec

	// Of a software type: a serial is Prefix (0 to 3 of A-Z and 0-9) and a
	// number of Width digits with its leading zeros; the first is Start.
	Prefix     string
	Width      int
	Start      uint64
	Activation Activation

	Profile string // name of the parameter sheet; empty for none
	// Manufacturer and Product say which tokens of a foreign file belong here.
	Manufacturer, Product string
	MaxPerUser            int       // tokens of this type that a user may hold; 0 for no limit
	Lifetime              int       // days that a new token is valid; 0 for no limit
	Retired               time.Time // no new tokens since; zero while there may be
}

// DefaultStart is the first number of a series.
const DefaultStart = 10_000_001

// Types returns the built-in token types, by name. A database may hold more.
func Types() []Type { return slices.Clone(builtIn) }

// builtIn is the built-in types. No prefix is another's, so a serial tells its
// type; none holds I, L or O, which are read as digits.
var builtIn = func() []Type {
	hardware := func(name string, a Algorithm) Type {
		return Type{Name: name, Kind: Hardware, Spec: Spec{Algorithm: a}, Activation: NoActivation}
	}
	software := func(name, prefix string, a Algorithm, hash string, act Activation) Type {
		t := Type{Name: name, Kind: Software, Spec: Spec{Algorithm: a, Hash: hash, Digits: 6}, Prefix: prefix, Width: 8,
			Start: DefaultStart, Activation: act}
		if a == TOTP {
			t.Period = 30
		}
		return t
	}
	return []Type{
		software("app-hotp", "AH", HOTP, "SHA1", NoActivation),
		software("app-totp", "AT", TOTP, "SHA1", NoActivation),
		hardware("hotp", HOTP),
		software("mobile-hotp", "MH", HOTP, "SHA256", OneStep),
		software("mobile-license", "MD", TOTP, "SHA256", TwoStep),
		software("mobile-totp", "MT", TOTP, "SHA256", OneStep),
		hardware("ocra", OCRA),
		hardware("totp", TOTP),
	}
}()

// TypeFor returns the built-in hardware type of an algorithm.
func TypeFor(a Algorithm) (Type, bool) {
	for _, t := range builtIn {
		if t.Kind == Hardware && t.Algorithm == a {
			return t, true
		}
	}
	return Type{}, false
}

var validName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// ValidName tells whether a token type or a profile may be called so: 1 to 32 of
// a-z, 0-9 and hyphens, a letter first.
func ValidName(name string) bool { return validName.MatchString(name) }

// BuiltIn tells whether a name is that of a built-in type.
func BuiltIn(name string) bool {
	for _, t := range builtIn {
		if t.Name == name {
			return true
		}
	}
	return false
}

// SameDefinition reports whether two types differ at most in what may always
// change.
func (t Type) SameDefinition(o Type) bool {
	o.Profile, o.Manufacturer, o.Product = t.Profile, t.Manufacturer, t.Product
	o.MaxPerUser, o.Lifetime, o.Retired = t.MaxPerUser, t.Lifetime, t.Retired
	return t == o
}

// Last is the highest number that a serial of this type can hold.
func (t Type) Last() uint64 {
	n := uint64(1)
	for range t.Width {
		n *= 10
	}
	return n - 1
}

// Serial gives the full serial of a number, which is at most Last.
func (t Type) Serial(n uint64) string { return fmt.Sprintf("%s%0*d", t.Prefix, t.Width, n) }

// Number reads the number from a full serial; ok is false for one that the
// series of this type never makes.
func (t Type) Number(serial string) (n uint64, ok bool) {
	digits, found := strings.CutPrefix(serial, t.Prefix)
	if !found || t.Width == 0 || len(digits) != t.Width || !allDigits(digits) {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

// Clashes reports whether some number of one type makes a serial of the other.
func (t Type) Clashes(o Type) bool {
	if t.Kind != Software || o.Kind != Software || len(t.Prefix)+t.Width != len(o.Prefix)+o.Width {
		return false
	}
	if len(t.Prefix) < len(o.Prefix) {
		t, o = o, t
	}
	rest, ok := strings.CutPrefix(t.Prefix, o.Prefix)
	return ok && allDigits(rest)
}

func allDigits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}
