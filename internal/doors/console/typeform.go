package console

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/doors/look"
)

// typeNumbers are the fields of a type that have a number; empty is the server's default.
var typeNumbers = []struct {
	id, label, hint string
	of              func(*token.Type) *int
}{
	{"digits", "Digits of a code", "", func(t *token.Type) *int { return &t.Digits }},
	{"width", "Digits of a serial", "Of a software type", func(t *token.Type) *int { return &t.Width }},
	{"max_per_user", "Tokens of one user", "At most; empty for no limit",
		func(t *token.Type) *int { return &t.MaxPerUser }},
	{"lifetime", "A new token is valid for", "Days; empty for no limit", func(t *token.Type) *int { return &t.Lifetime }},
}

// typeTexts are those that have a text.
var typeTexts = []struct {
	id, label, hint string
	of              func(*token.Type) *string
}{
	{"suite", "OCRA suite", "Of an OCRA type, such as OCRA-1:HOTP-SHA1-6:QN08", func(t *token.Type) *string { return &t.Suite }},
	{"prefix", "Prefix of serials", "Of a software type: up to 3 of A to Z and 0 to 9",
		func(t *token.Type) *string { return &t.Prefix }},
	{"profile", "Profile", "Of a software type with activation", func(t *token.Type) *string { return &t.Profile }},
	{"manufacturer", "Manufacturer", "Which tokens of a file belong to this type",
		func(t *token.Type) *string { return &t.Manufacturer }},
	{"product", "Product", "", func(t *token.Type) *string { return &t.Product }},
}

// typeInputs are the fields of a type, as it is.
func typeInputs(t token.Type) (all []input) {
	pick := func(id, label, value string, pairs ...string) {
		all = append(all, input{Field: look.Field{ID: id, Label: label, Value: value}, Options: optionsWith(value, pairs...)})
	}
	pick("algorithm", "Algorithm", string(t.Algorithm), "TOTP", "TOTP", "HOTP", "HOTP", "OCRA", "OCRA")
	pick("hash", "Hash", t.Hash, "", "Default", "SHA1", "SHA1", "SHA256", "SHA256", "SHA512", "SHA512")
	integer := func(i int) {
		n := typeNumbers[i]
		all = append(all, input{Field: look.Field{ID: n.id, Label: n.label, Hint: n.hint, Type: "number",
			Value: number(*n.of(&t))}})
	}
	text := func(i int) {
		n := typeTexts[i]
		all = append(all, input{Field: look.Field{ID: n.id, Label: n.label, Hint: n.hint, Value: *n.of(&t), Max: 128}})
	}
	integer(0)
	all = append(all, input{Field: look.Field{ID: "period", Label: "Time step", Hint: "Seconds, of a TOTP type",
		Type: "number", Value: number(int(t.Period))}})
	text(0)
	pick("activation", "Activation", string(t.Activation), "none", "none", "one-step", "one-step", "two-step",
		"two-step")
	text(2)
	text(1)
	integer(1)
	start := ""
	if t.Start > 0 {
		start = strconv.FormatUint(t.Start, 10)
	}
	all = append(all, input{Field: look.Field{ID: "start", Label: "First number of a serial", Hint: "Of a software type",
		Type: "number", Value: start}})
	text(3)
	text(4)
	integer(2)
	integer(3)
	return all
}

// typedType reads the fields into a type.
func (v *visit) typedType(t *token.Type) error {
	t.Algorithm, t.Hash = token.Algorithm(v.posted("algorithm")), v.posted("hash")
	t.Activation = token.Activation(v.posted("activation"))
	for _, f := range typeTexts {
		*f.of(t) = v.posted(f.id)
	}
	for _, f := range typeNumbers {
		n, err := count(v.posted(f.id))
		if err != nil || n > math.MaxInt32 {
			return notANumber(f.label)
		}
		*f.of(t) = int(n)
	}
	period, err := count(v.posted("period"))
	if err != nil {
		return notANumber("Time step")
	}
	t.Period = int64(period)
	start, err := count(v.posted("start"))
	if err != nil {
		return notANumber("First number of a serial")
	}
	t.Start = start
	return nil
}

// count reads a number of a field; an empty one is 0.
func count(text string) (uint64, error) {
	if text == "" {
		return 0, nil
	}
	return strconv.ParseUint(text, 10, 63)
}

func notANumber(label string) error {
	return fault.New(fault.Invalid, "number", "“"+label+"” takes a whole number.")
}

func (v *visit) showNewType(err error) {
	name := input{Field: look.Field{ID: "name", Label: "Name", Hint: "Small letters, digits and -",
		Required: true, Max: 32}}
	kind := input{Field: look.Field{ID: "kind", Label: "Kind"},
		Options: optionsWith("software", "software", "software", "hardware", "hardware")}
	a := ask{Title: "New type", Means: "What is empty takes the usual value.", Submit: "Make the type",
		Action: v.root() + "type-new", Close: v.root() + "types",
		Inputs: slices.Concat([]input{name, kind}, typeInputs(token.Type{Spec: token.Spec{Algorithm: token.TOTP},
			Activation: token.NoActivation}))}
	if err != nil {
		v.failed(&a, err)
	}
	v.showAsk(a)
}

func (v *visit) createType() {
	t := token.Type{Name: v.posted("name"), Kind: token.Kind(v.posted("kind"))}
	err := v.typedType(&t)
	if err == nil {
		t, _, err = v.cfg.Lifecycle.CreateType(v.r.Context(), t, v.origin())
	}
	if err != nil {
		v.showNewType(err)
		return
	}
	v.leadTo(v.typeAt(t.Name) + "?" + query("done", "create"))
}

// seenType tells whether a type is still as a form showed it.
func seenType(t token.Type) string {
	sum := sha256.Sum256(fmt.Append(nil, audit.TypeFields(t)))
	return hex.EncodeToString(sum[:8])
}

func (v *visit) showTypeChange(err error) {
	t, findErr := v.cfg.Lifecycle.Type(v.r.Context(), v.r.PathValue("type"))
	if findErr != nil {
		v.fail(findErr)
		return
	}
	a := ask{Title: "Change the type", About: t.Name, Submit: "Change", Action: v.typeAt(t.Name) + "/change",
		Close: v.typeAt(t.Name), Means: "How codes and serials are made changes only before there is a token of the type.",
		Inputs: typeInputs(t), Hidden: map[string]string{"seen": seenType(t)}}
	if err != nil {
		v.failed(&a, err)
	}
	v.showAsk(a)
}

// changeType changes what the form shows, if the type is still as it was then.
func (v *visit) changeType() {
	name := v.r.PathValue("type")
	var typed token.Type
	err := v.typedType(&typed)
	if err == nil {
		other := false
		_, _, err = v.cfg.Lifecycle.ChangeType(v.r.Context(), name, func(t *token.Type) {
			if other = seenType(*t) != v.posted("seen"); other {
				return
			}
			typed.Name, typed.Kind, typed.T0, typed.Retired = t.Name, t.Kind, t.T0, t.Retired
			*t = typed
		}, v.origin())
		if other {
			err = fault.New(fault.Conflict, "type_changed", "Somebody else has changed the type since the form was shown.").
				WithHint("Nothing was changed. The form shows what you typed; open it again to see the type as it is.")
		}
	}
	if err != nil {
		v.showTypeChange(err)
		return
	}
	v.typeWas("change", nil)
}
