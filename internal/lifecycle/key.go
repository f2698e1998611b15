package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ostiary/internal/seal"
	"ostiary/internal/token"
	"ostiary/oath"
	"ostiary/pskc"
)

const (
	maxText   = 128     // characters of a serial, manufacturer, key id, model or issuer
	maxPeriod = 172_800 // seconds; the longest time step seen in manufacturers' files
)

// fromKey turns a key of a file into a token, or refuses it with the reason.
func (s *Service) fromKey(k *pskc.Key) staged {
	t, err := s.tokenOf(k)
	out := staged{token: t, secret: seal.NewSecret(k.Secret), row: Row{
		Type: t.Identity.Type, Manufacturer: k.Manufacturer, Serial: serialOf(k), KeyID: k.ID, Line: k.Line}}
	if err != nil {
		out.row.Outcome, out.row.Reason = Refused, err.Error()
	}
	return out
}

// serialOf is the serial; a file without device information has only key ids.
func serialOf(k *pskc.Key) string {
	if k.Serial == "" {
		return k.ID
	}
	return k.Serial
}

func (s *Service) tokenOf(k *pskc.Key) (token.Token, error) {
	var t token.Token
	typ, ok := token.TypeFor(token.Algorithm(k.Kind))
	switch {
	case k.Kind == pskc.PIN:
		return t, fmt.Errorf("it is the PIN key %q: its secret is the PIN that goes with another key, and no token", k.ID)
	case !ok:
		return t, fmt.Errorf("%s keys are not tokens that this server checks", k.Kind)
	}
	t = token.Token{
		Kind:     typ.Kind,
		Identity: token.Identity{Type: typ.Name, Manufacturer: k.Manufacturer, Serial: serialOf(k), KeyID: k.ID},
		Model:    k.Model, Issuer: k.Issuer,
		Condition: token.Condition{Epoch: 1, NotBefore: k.NotBefore, NotAfter: k.NotAfter},
	}
	if t.Identity.Serial == "" {
		return t, fmt.Errorf("it has neither a serial number nor a key id")
	}
	for _, f := range []struct{ name, text string }{
		{"serial", t.Identity.Serial}, {"manufacturer", k.Manufacturer}, {"key id", k.ID}, {"model", k.Model}, {"issuer", k.Issuer},
	} {
		if err := checkText(f.name, f.text, maxText); err != nil {
			return t, err
		}
	}
	if err := checkPolicy(k.Policy); err != nil {
		return t, err
	}
	return t, s.setSpec(&t, k)
}

// setSpec fills in how the token computes and where it stands.
func (s *Service) setSpec(t *token.Token, k *pskc.Key) error {
	t.Spec = token.Spec{Algorithm: token.Algorithm(k.Kind), Hash: k.Hash, Digits: k.Digits()}
	if err := checkCodes(k); err != nil {
		return err
	}
	switch k.Kind {
	case pskc.OCRA:
		suite, err := oath.ParseSuite(k.Suite)
		if err != nil {
			return fmt.Errorf("the OCRA suite %q: %w", k.Suite, err)
		}
		t.Spec.Suite, t.Spec.Digits, t.Spec.Hash = suite.String(), suite.Digits, ""
		t.Condition.Next = k.Counter
	case pskc.TOTP:
		// Checked before Period, whose Duration a hostile number overflows.
		if k.HasInterval && (k.Interval < 1 || k.Interval > maxPeriod) {
			return fmt.Errorf("a time step of %d seconds is not between 1 and %d", k.Interval, maxPeriod)
		}
		if k.Drift > s.maxDrift || k.Drift < -s.maxDrift {
			return fmt.Errorf("a clock drift of %d steps is more than %d", k.Drift, s.maxDrift)
		}
		t.Spec.Period, t.Condition.Drift = int64(k.Period().Seconds()), k.Drift
	case pskc.HOTP:
		t.Condition.Next = k.Counter
	}
	if t.Condition.Next > token.MaxCounter {
		return fmt.Errorf("the counter %d is above %d", k.Counter, uint64(token.MaxCounter))
	}
	return nil
}

// checkCodes refuses a key that could be stored but whose codes could never be
// computed.
func checkCodes(k *pskc.Key) error {
	if len(k.Secret) == 0 {
		return fmt.Errorf("its secret is empty")
	}
	if k.Kind == pskc.OCRA {
		return nil // the suite has the rest
	}
	if d := k.Digits(); d < 6 || d > 10 {
		return fmt.Errorf("its codes have %d digits, not 6 to 10", d)
	}
	if _, err := oath.ParseHash(k.Hash); err != nil {
		return fmt.Errorf("the hash %q: %w", k.Hash, err)
	}
	return nil
}

// checkPolicy refuses what the server would not enforce: RFC 6030 section 5
// forbids the use of a key whose policy is not understood.
func checkPolicy(p pskc.Policy) error {
	if len(p.KeyUsage) > 0 && !slices.Contains(p.KeyUsage, "OTP") && !slices.Contains(p.KeyUsage, "CR") {
		return fmt.Errorf("its policy allows only %s, not one-time passwords", strings.Join(p.KeyUsage, ", "))
	}
	if p.HasTransactions {
		return fmt.Errorf("its policy limits it to %d transactions, which this server does not count", p.Transactions)
	}
	if p.PIN != nil && p.PIN.UsageMode != "" && !strings.EqualFold(p.PIN.UsageMode, "Local") {
		return fmt.Errorf("its policy has a PIN of usage mode %s, which this server does not check (Local, on the device, is fine)", p.PIN.UsageMode)
	}
	return nil
}

// checkText refuses text that cannot be shown or is too long.
func checkText(name, s string, limit int) error {
	switch {
	case !utf8.ValidString(s):
		return fmt.Errorf("its %s is not UTF-8 text", name)
	case utf8.RuneCountInString(s) > limit:
		return fmt.Errorf("its %s is longer than %d characters", name, limit)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("its %s holds a character that does not print", name)
		}
	}
	return nil
}

// sentence makes an error text a sentence.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
