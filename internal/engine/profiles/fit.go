package profiles

import (
	"fmt"
	"slices"

	"ostiary/activation"
	"ostiary/internal/core/token"
)

// Misfit says why tokens of a type cannot have a profile, as the rest of a
// sentence that begins with its name; empty if they can. The serials must be of
// one prefix, the activation of one kind, and the application that confirms
// activations must be of the type's algorithm, as the type's windows are those of
// its codes.
func Misfit(t token.Type, v *activation.Vector) string {
	p := v.Profile()
	switch spec, ok := Spec(v); {
	case t.Activation != offered(p):
		return fmt.Sprintf("is for %s activation, but the type has activation %s", offered(p), t.Activation)
	case p.Prefix != t.Prefix:
		return fmt.Sprintf("is for serials with %s, but the type has %s", prefixed(p.Prefix), prefixed(t.Prefix))
	case ok && spec.Algorithm != t.Algorithm:
		return fmt.Sprintf("generates its first one-time passwords with %s, but the type has algorithm %s", spec.Algorithm,
			t.Algorithm)
	case algorithm(v) != t.Algorithm:
		return fmt.Sprintf("generates no one-time passwords, but the type has algorithm %s", t.Algorithm)
	}
	return ""
}

// offered is the activation that a profile is for.
func offered(p activation.Profile) token.Activation {
	if p.TwoStep {
		return token.TwoStep
	}
	return token.OneStep
}

// algorithm is that of the types which a profile fits: OCRA if it makes no
// one-time passwords.
func algorithm(v *activation.Vector) token.Algorithm {
	if spec, ok := Spec(v); ok {
		return spec.Algorithm
	}
	return token.OCRA
}

func prefixed(prefix string) string {
	if prefix == "" {
		return "no prefix"
	}
	return "prefix " + prefix
}

var algorithms = map[activation.Kind]token.Algorithm{activation.HOTP: token.HOTP, activation.TOTP: token.TOTP,
	activation.OCRA: token.OCRA}

// Spec says how the application that confirms activations makes its codes. A
// profile for two-step activation may have none: ok is false.
func Spec(v *activation.Vector) (spec token.Spec, ok bool) {
	app, ok := v.Confirming()
	if !ok {
		return token.Spec{}, false
	}
	return SpecOf(app.Suite), true
}

// SpecOf says how an application makes its codes.
func SpecOf(s activation.Suite) token.Spec {
	if s.Kind == activation.OCRA {
		return token.Spec{Algorithm: token.OCRA, Digits: s.Digits, Suite: s.String()}
	}
	return token.Spec{Algorithm: algorithms[s.Kind], Hash: s.Hash.String(), Digits: s.Digits, Period: s.Period}
}

// warn says what of a new profile is allowed but may not be meant.
func warn(name string, v *activation.Vector, types []token.Type) (warnings []string) {
	p := v.Profile()
	if p.KeepsOldDevice() {
		warnings = append(warnings, "After a reactivation the old device keeps working: the profile has neither "+
			"new_key nor device_binding.")
	}
	if p.Rules.CheckPassword {
		warnings = append(warnings, "With check_password the app detects a wrong activation password at once, and so "+
			"can anyone who has the activation code: choose long passwords.")
	}
	fits := func(t token.Type) bool { return t.Retired.IsZero() && Misfit(t, v) == "" }
	if !slices.ContainsFunc(types, fits) {
		warnings = append(warnings, fmt.Sprintf("No token type has %s, activation %s and algorithm %s yet. Create "+
			"one: %s", prefixed(p.Prefix), offered(p), algorithm(v), typeCommand(name, v, types)))
	}
	return warnings
}

// typeCommand is the command that makes a type for a profile.
func typeCommand(name string, v *activation.Vector, types []token.Type) string {
	p, typeName := v.Profile(), name
	if slices.ContainsFunc(types, func(t token.Type) bool { return t.Name == name }) {
		typeName = "NAME"
	}
	command := fmt.Sprintf("ostiary type create %s --kind software --algorithm %s", typeName, algorithm(v))
	if spec, ok := Spec(v); ok {
		command += fmt.Sprintf(" --hash %s --digits %d", spec.Hash, spec.Digits)
		if spec.Algorithm == token.TOTP {
			command += fmt.Sprintf(" --period %d", spec.Period)
		}
	} else {
		command += " --suite " + p.Applications[0].Suite.String()
	}
	if p.Prefix != "" {
		command += " --prefix " + p.Prefix
	}
	return command + fmt.Sprintf(" --activation %s --profile %s", offered(p), name)
}
