package lifecycle_test

import (
	"strings"
	"testing"

	"ostiary/internal/core/fault"
	"ostiary/internal/engine/tokens"
	"ostiary/internal/test/testkit"
)

// A label is set, changed and cleared; each entry tells what it was and what it is.
func TestSetLabel(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	k.Import(t, testkit.HOTP("1"), testkit.HOTP("2"))
	sel := tokens.Selector{Serial: "1"}
	before := ""
	for _, label := range []string{"Front desk", "Spare, drawer 3", "", strings.Repeat("ü", tokens.MaxText)} {
		tok, err := k.Lifecycle.SetLabel(t.Context(), sel, label, testkit.Origin)
		if err != nil || tok.Label != label || k.Token(t, "1").Label != label {
			t.Errorf("%q: %+v, %v", label, tok, err)
		}
		e := k.LastEntry(t)
		if e.Action != "token.labelled" || e.Subject["serial"] != "1" || e.Before["label"] != before ||
			e.After["label"] != label {
			t.Errorf("%q: the log says %s", label, e.Raw)
		}
		before = label
	}
	size := k.LogSize(t)
	for _, tt := range []struct {
		serial, label string
		kind          fault.Kind
		code          string
	}{
		{"1", before, fault.Conflict, "label_unchanged"},
		{"1", before + "ü", fault.Invalid, "label"},
		{"1", "a\nb", fault.Invalid, "label"},
		{"3", "x", fault.NotFound, "token_not_found"},
	} {
		_, err := k.Lifecycle.SetLabel(t.Context(), tokens.Selector{Serial: tt.serial}, tt.label, testkit.Origin)
		if f := fault.Of(err); f == nil || f.Kind != tt.kind || f.Code != tt.code {
			t.Errorf("%q of %s: %v", tt.label, tt.serial, err)
		}
	}
	if k.Token(t, "1").Label != before || k.Token(t, "2").Label != "" || k.LogSize(t) != size {
		t.Error("a refusal changed something")
	}
	// A token that comes again has no label; the kit holds it against the log.
	if _, err := k.Lifecycle.SetLabel(t.Context(), tokens.Selector{Serial: "2"}, "gone", testkit.Origin); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Lifecycle.Delete(t.Context(), tokens.Selector{Serial: "2"}, testkit.Origin); err != nil {
		t.Fatal(err)
	}
	k.Import(t, testkit.HOTP("2"))
}
