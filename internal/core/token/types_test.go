package token

import (
	"strings"
	"testing"
	"time"
)

func TestTypes(t *testing.T) {
	t.Parallel()
	last := ""
	for _, typ := range Types() {
		if typ.Name <= last {
			t.Errorf("type %s after %s: not in order", typ.Name, last)
		}
		last = typ.Name
		if !BuiltIn(typ.Name) {
			t.Errorf("%s is not built in", typ.Name)
		}
		if typ.Kind == Hardware {
			if got, ok := TypeFor(typ.Algorithm); !ok || got != typ {
				t.Errorf("TypeFor(%s) = %+v, %t, want %+v", typ.Algorithm, got, ok, typ)
			}
			continue
		}
		if typ.Start != DefaultStart || typ.Start > typ.Last() || strings.ContainsAny(typ.Prefix, "ILO") {
			t.Errorf("the serials of %s are %q and %d digits from %d", typ.Name, typ.Prefix, typ.Width, typ.Start)
		}
		for _, other := range Types() {
			if other.Name != typ.Name && (typ.Clashes(other) || other.Kind == Software && other.Prefix == typ.Prefix) {
				t.Errorf("the serials of %s and %s are alike", typ.Name, other.Name)
			}
		}
	}
	if got, ok := TypeFor("RSA"); ok {
		t.Errorf("TypeFor(RSA) = %+v", got)
	}
	if BuiltIn("nonesuch") || BuiltIn("") {
		t.Error("what is not there is built in")
	}
}

func TestSerials(t *testing.T) {
	t.Parallel()
	typ := Type{Kind: Software, Prefix: "A1", Width: 4}
	for n, want := range map[uint64]string{0: "A10000", 1: "A10001", 42: "A10042", 9999: "A19999"} {
		if got := typ.Serial(n); got != want {
			t.Errorf("number %d is %s, want %s", n, got, want)
		}
		if got, ok := typ.Number(want); !ok || got != n {
			t.Errorf("serial %s is %d, %t, want %d", want, got, ok, n)
		}
	}
	if typ.Last() != 9999 {
		t.Errorf("the last number is %d", typ.Last())
	}
	for _, serial := range []string{"", "A1", "A1001", "A100010", "a10001", "A2 0001", "A1-001", "A1+001", "A1٣٣",
		"0001", "B10001"} {
		if n, ok := typ.Number(serial); ok {
			t.Errorf("serial %q is number %d", serial, n)
		}
	}
	if n, ok := (Type{}).Number(""); ok {
		t.Errorf("a type without serials has number %d", n)
	}
}

func TestClashes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b           string
		widthA, widthB int
		want           bool
	}{
		{"A", "A", 8, 8, true},
		{"A", "A", 8, 7, false},
		{"A", "B", 8, 8, false},
		{"", "", 8, 8, true},
		{"", "1", 9, 8, true},      // 1‖00000000
		{"", "1", 8, 8, false},     // nine characters against eight
		{"", "A", 9, 8, false},     // no number begins with a letter
		{"A", "A1", 8, 7, true},    // A1‖0000000
		{"A", "A1B", 8, 6, false},  // B is no digit
		{"A", "A12", 8, 6, true},   // A12‖000000
		{"A1", "A2", 7, 7, false},  // begin differently
		{"A1", "A12", 7, 6, true},  // A1‖2000000
		{"1", "12", 8, 7, true},    // 1‖20000000
		{"21", "2", 7, 8, true},    // the other way round
		{"AB", "ABC", 8, 7, false}, // C is no digit
		{"ABC", "ABC", 8, 8, true}, // the same
		{"ABC", "ABC", 8, 12, false},
	} {
		a, b := Type{Kind: Software, Prefix: c.a, Width: c.widthA}, Type{Kind: Software, Prefix: c.b, Width: c.widthB}
		if a.Clashes(b) != c.want || b.Clashes(a) != c.want {
			t.Errorf("%q and %d digits against %q and %d: %t, %t, want %t", c.a, c.widthA, c.b, c.widthB, a.Clashes(b),
				b.Clashes(a), c.want)
		}
		// By counting, with as many digits fewer on either side.
		fewer := min(c.widthA, c.widthB) - 4
		a.Width, b.Width = c.widthA-fewer, c.widthB-fewer
		counted := false
		for n := range a.Last() + 1 {
			if _, ok := b.Number(a.Serial(n)); ok {
				counted = true
				break
			}
		}
		if counted != c.want {
			t.Errorf("%q and %d digits against %q and %d: counted %t, want %t", c.a, a.Width, c.b, b.Width, counted,
				c.want)
		}
	}
	hardware := Type{Kind: Hardware}
	if hardware.Clashes(hardware) || hardware.Clashes(Type{Kind: Software}) {
		t.Error("hardware types make no serials")
	}
}

// What may always change is no definition, and everything else is.
func TestSameDefinition(t *testing.T) {
	t.Parallel()
	typ := Types()[0]
	for name, edit := range map[string]func(*Type){
		"profile": func(t *Type) { t.Profile = "p" }, "manufacturer": func(t *Type) { t.Manufacturer = "m" },
		"product": func(t *Type) { t.Product = "p" }, "limit": func(t *Type) { t.MaxPerUser = 3 },
		"lifetime": func(t *Type) { t.Lifetime = 3 }, "retired": func(t *Type) { t.Retired = time.Unix(1, 0) },
	} {
		other := typ
		if edit(&other); other == typ || !typ.SameDefinition(other) || !other.SameDefinition(typ) {
			t.Errorf("another %s is another definition", name)
		}
	}
	for name, edit := range map[string]func(*Type){
		"name": func(t *Type) { t.Name = "n" }, "kind": func(t *Type) { t.Kind = Hardware },
		"algorithm": func(t *Type) { t.Algorithm = OCRA },
		"hash":      func(t *Type) { t.Hash = "SHA512" }, "digits": func(t *Type) { t.Digits++ },
		"period": func(t *Type) { t.Period++ },
		"suite":  func(t *Type) { t.Suite = "s" }, "prefix": func(t *Type) { t.Prefix = "Q" },
		"width": func(t *Type) { t.Width++ },
		"start": func(t *Type) { t.Start++ }, "activation": func(t *Type) { t.Activation = TwoStep },
	} {
		other := typ
		if edit(&other); typ.SameDefinition(other) {
			t.Errorf("another %s is the same definition", name)
		}
	}
}
