package lifecycle

import (
	"fmt"
	"regexp"
	"strings"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/store"
	"ostiary/oath"
)

const (
	maxWidth    = 15    // digits of a serial, so that every number fits 63 bits
	maxLifetime = 36500 // days
)

var prefix = regexp.MustCompile(`^[A-Z0-9]{0,3}$`)

// checkType refuses a type whose tokens could never be made or checked.
func checkType(t token.Type) error {
	bad := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "type_invalid", fault.Sentence(fmt.Sprintf(format, args...)))
	}
	if !token.ValidName(t.Name) {
		return bad("the name %q must consist of a-z, 0-9 and hyphens, begin with a letter, and have at most 32 characters", t.Name)
	}
	for _, f := range []struct{ name, text string }{{"profile", t.Profile}, {"manufacturer", t.Manufacturer},
		{"product", t.Product}} {
		if err := tokens.CheckText(f.name, f.text, tokens.MaxText); err != nil {
			return bad("%s", err)
		}
	}
	switch {
	case t.MaxPerUser < 0 || t.MaxPerUser > store.MaxCandidates:
		return bad("a limit of %d tokens per user is not between 0 (none) and %d", t.MaxPerUser, store.MaxCandidates)
	case t.Lifetime < 0 || t.Lifetime > maxLifetime:
		return bad("a lifetime of %d days is not between 0 (no end) and %d", t.Lifetime, maxLifetime)
	case t.Product != "" && t.Manufacturer == "":
		return bad("a product needs a manufacturer")
	}
	if err := checkSpec(t); err != nil {
		return bad("%s", err)
	}
	if err := checkSeries(t); err != nil {
		return bad("%s", err)
	}
	return nil
}

// checkSpec checks how codes are made.
func checkSpec(t token.Type) error {
	if t.Kind == token.Hardware && token.BuiltIn(t.Name) {
		return nil // the seed file says it
	}
	switch t.Algorithm {
	case token.OCRA:
		suite, err := oath.ParseSuite(t.Suite)
		switch {
		case err != nil:
			return fmt.Errorf("the OCRA suite %q: %w", t.Suite, err)
		case t.Hash != "" || t.Period != 0 || t.Digits != suite.Digits:
			return fmt.Errorf("the suite of an OCRA type specifies hash, digits and period")
		}
		return nil
	case token.HOTP, token.TOTP:
	default:
		return fmt.Errorf("the algorithm %q is not HOTP, TOTP or OCRA", t.Algorithm)
	}
	if _, err := oath.ParseHash(t.Hash); err != nil {
		return fmt.Errorf("the hash %q is not SHA1, SHA256 or SHA512", t.Hash)
	}
	switch {
	case t.Suite != "":
		return fmt.Errorf("only OCRA types have a suite")
	case t.Digits < 6 || t.Digits > 10:
		return fmt.Errorf("codes of %s are not between 6 and 10", fault.Plural(t.Digits, "digit", "digits"))
	case t.Algorithm == token.HOTP && t.Period != 0:
		return fmt.Errorf("a HOTP type has no period")
	case t.Algorithm == token.TOTP && (t.Period < 1 || t.Period > tokens.MaxPeriod):
		return fmt.Errorf("a period of %d seconds is not between 1 and %d", t.Period, tokens.MaxPeriod)
	}
	return nil
}

// checkSeries checks where serials come from.
func checkSeries(t token.Type) error {
	switch t.Kind {
	case token.Hardware:
		if t.Prefix != "" || t.Width != 0 || t.Start != 0 || t.Activation != token.NoActivation {
			return fmt.Errorf("the manufacturer sets the serials of hardware: a hardware type has no prefix, " +
				"width, start or activation")
		}
		return nil
	case token.Software:
	default:
		return fmt.Errorf("the kind %q is not hardware or software", t.Kind)
	}
	switch t.Activation {
	case token.OneStep, token.TwoStep:
	case token.NoActivation:
		if t.Algorithm == token.OCRA {
			return fmt.Errorf("authenticator apps do not support OCRA: such a type needs an activation, one-step or two-step")
		}
	default:
		return fmt.Errorf("the activation %q is not none, one-step or two-step", t.Activation)
	}
	switch {
	case !prefix.MatchString(t.Prefix):
		return fmt.Errorf("the serial prefix %q is not 0 to 3 of A-Z and 0-9", t.Prefix)
	case t.Width < 1 || t.Width > maxWidth:
		return fmt.Errorf("serials of %s are not between 1 and %d", fault.Plural(t.Width, "digit", "digits"), maxWidth)
	case t.Start < 1 || t.Start > t.Last():
		return fmt.Errorf("the series cannot start at %d with %s: it may start at 1 to %d", t.Start,
			fault.Plural(t.Width, "digit", "digits"), t.Last())
	}
	return nil
}

// TypeWarnings says what third-party apps are known to ignore: whatever a key
// URI says, many compute SHA1, 6 digits, 30 seconds, and show wrong codes.
func TypeWarnings(t token.Type) []string {
	if t.Kind != token.Software || t.Activation != token.NoActivation {
		return nil
	}
	var odd []string
	if t.Hash != "SHA1" {
		odd = append(odd, t.Hash)
	}
	if t.Digits != 6 {
		odd = append(odd, fmt.Sprintf("%d digits", t.Digits))
	}
	if t.Algorithm == token.TOTP && t.Period != 30 {
		odd = append(odd, fault.Plural(int(t.Period), "second", "seconds"))
	}
	if len(odd) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("Many authenticator apps ignore %s and show codes of SHA1, 6 digits and 30 seconds, "+
		"which are then refused. Test the app before you distribute it.",
		strings.Join(odd, ", "))}
}
