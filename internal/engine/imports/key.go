package imports

import (
	"fmt"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/carry"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/engine/transfer"
	"ostiary/internal/seal"
	"ostiary/internal/store"
	"ostiary/oath"
	"ostiary/pskc"
)

// fromKey turns a key of a file into a token, or refuses it with the reason.
func (m *mapper) fromKey(k *pskc.Key) staged {
	out := staged{secret: seal.NewSecret(k.Secret), policy: policyText(k.Policy),
		isPIN: k.Kind == pskc.PIN,
		row:   store.RunRow{Manufacturer: k.Manufacturer, Serial: serialOf(k), KeyID: k.ID, Line: k.Line}}
	out.user, out.noUser = userOf(k)
	if out.short = isShort(k); out.short {
		out.note(fmt.Sprintf("its secret has %d bits, but RFC 4226 requires 128", 8*len(k.Secret)))
	}
	if k.Policy.PIN != nil {
		out.pinID = k.Policy.PIN.KeyID
	}
	var err error
	if !out.isPIN {
		err = m.token(&out, k)
		out.row.Type = out.token.Identity.Type
	}
	if err != nil {
		out.row.Outcome, out.row.Reason = Refused, err.Error()
	}
	for _, h := range k.Hidden { // carry.Read took those that count
		clear(h.Value)
	}
	return out
}

// mapper turns keys into tokens of the types that there are.
type mapper struct {
	types    map[string]token.Type
	products map[product]token.Type // those that foreign files name
	maxDrift int64
}

// product is how a seed file names what a type is for.
type product struct{ manufacturer, model string }

func newMapper(types []token.Type, maxDrift int64) *mapper {
	m := &mapper{types: map[string]token.Type{}, products: map[product]token.Type{}, maxDrift: maxDrift}
	for _, t := range types {
		m.types[t.Name] = t
		if t.Product != "" && t.Retired.IsZero() {
			m.products[product{t.Manufacturer, t.Product}] = t
		}
	}
	return m
}

// serialOf is the serial; a file without device information has only key ids.
func serialOf(k *pskc.Key) string {
	if k.Serial == "" {
		return k.ID
	}
	return k.Serial
}

// token fills in the token of a key.
func (m *mapper) token(out *staged, k *pskc.Key) error {
	t := &out.token
	typ, ok := token.TypeFor(token.Algorithm(k.Kind))
	if !ok {
		return fmt.Errorf("%s keys are not tokens that this server checks", k.Kind)
	}
	*t = token.Token{
		Identity: token.Identity{Type: typ.Name, Manufacturer: k.Manufacturer, Serial: serialOf(k), KeyID: k.ID},
		Model:    k.Model, Issuer: k.Issuer,
		Condition: token.Condition{Epoch: 1, NotBefore: k.NotBefore, NotAfter: k.NotAfter},
	}
	if err := m.setSpec(t, k); err != nil {
		return err
	}
	if named, ok := m.products[product{k.Manufacturer, k.Model}]; ok && len(k.Record) == 0 {
		if t.Identity.Type = named.Name; named.Kind == token.Software {
			t.Identity.Manufacturer, t.Identity.KeyID = "", "" // type and serial are the identity
		}
	}
	if len(k.Record) > 0 {
		load, rest, err := carry.Read(k)
		if err != nil {
			return err
		}
		out.load = load
		said, err := transfer.Apply(t, rest, load != nil)
		if err != nil {
			return err
		}
		if load != nil {
			t.Condition.Epoch = load.Epoch
		}
		out.user, out.noUser, out.passage, out.unshown = said.Owner, nil, said.Passage, said.Unshown
	}
	if d := t.Condition.Drift; !t.Condition.Fenced() && (d > m.maxDrift || d < -m.maxDrift) {
		return fmt.Errorf("a clock drift of %d steps is more than %d", d, m.maxDrift)
	}
	if typ, ok = m.types[t.Identity.Type]; !ok {
		return fmt.Errorf("there is no token type %s here; create it first (ostiary type create)", t.Identity.Type)
	}
	if t.Kind = typ.Kind; typ.Algorithm != t.Spec.Algorithm {
		return fmt.Errorf("tokens of type %s are %s here, not %s", typ.Name, typ.Algorithm, t.Spec.Algorithm)
	}
	// DeviceSerial goes by the profile; which one it is here is found later.
	if out.load != nil {
		t.Profile = out.load.Profile
	}
	if err := fitsHere(typ, out); err != nil {
		return err
	}
	return checkToken(t, k)
}

// checkToken refuses a token that could not be shown or used.
func checkToken(t *token.Token, k *pskc.Key) error {
	if t.Identity.Serial == "" {
		return fmt.Errorf("it has neither a serial number nor a key id")
	}
	check := tokens.CheckSerial
	if len(k.Record) > 0 {
		check = tokens.CheckKeptSerial
	}
	if err := check(t.Identity.Serial); err != nil {
		return err
	}
	for _, f := range []struct{ name, text string }{
		{"manufacturer", k.Manufacturer}, {"key id", k.ID}, {"model", k.Model},
		{"issuer", k.Issuer},
	} {
		if err := tokens.CheckText(f.name, f.text, tokens.MaxText); err != nil {
			return err
		}
	}
	return checkPolicy(k.Policy)
}

// setSpec fills in how the token computes and where it stands.
func (m *mapper) setSpec(t *token.Token, k *pskc.Key) error {
	t.Spec = token.Spec{Algorithm: token.Algorithm(k.Kind), Hash: k.Hash, Digits: k.Digits()}
	if err := checkCodes(k); err != nil {
		return err
	}
	// An Ostiary may have tokens of before that cannot be valid; they move with the others.
	if len(k.Record) == 0 && !k.NotBefore.IsZero() && !k.NotAfter.IsZero() && k.NotBefore.After(k.NotAfter) {
		return fmt.Errorf("its start date is after its expiry date: it would never be valid")
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
		if k.HasInterval && (k.Interval < 1 || k.Interval > tokens.MaxPeriod) {
			return fmt.Errorf("a time step of %d seconds is not between 1 and %d", k.Interval, tokens.MaxPeriod)
		}
		if k.Drift > m.maxDrift || k.Drift < -m.maxDrift {
			return fmt.Errorf("a clock drift of %d steps is more than %d", k.Drift, m.maxDrift)
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
	if len(k.Secret) == 0 && len(k.Record) == 0 {
		return fmt.Errorf("its secret is empty")
	}
	if k.Kind == pskc.OCRA {
		return nil // the suite has the rest
	}
	if d := k.Digits(); d < 6 || d > 10 {
		return fmt.Errorf("its codes have %s, not 6 to 10", fault.Plural(int(d), "digit", "digits"))
	}
	if _, err := oath.ParseHash(k.Hash); err != nil {
		return fmt.Errorf("the hash %q: %w", k.Hash, err)
	}
	return nil
}
