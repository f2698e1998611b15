package imports_test

import (
	"strings"
	"testing"

	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/test/testkit"
)

// One device that comes under two names is one token: two would each take a
// code of it.
func TestTwin(t *testing.T) {
	t.Parallel()
	k := testkit.New(t)
	first := testkit.HOTP("4711")
	first.Manufacturer, first.ID = "ACME", "1"
	if rep := testkit.Take(t, k, testkit.Keys(first)); rep.Imported != 1 {
		t.Fatalf("the first: %+v", rep)
	}
	again := testkit.HOTP("4711")
	again.Manufacturer, again.ID = "", ""
	again.Secret = testkit.HOTP("4711").Secret
	other := testkit.HOTP("4711")
	other.Manufacturer, other.ID = "Other", "9"
	other.Secret = testkit.HOTP("4712").Secret
	for _, dry := range []bool{true, false} {
		rep := testkit.Take(t, k, testkit.Keys(again, other), func(r *imports.Request) { r.DryRun = dry })
		if rep.Imported != 1 || rep.Duplicate != 1 || !strings.Contains(rep.Rows[0].Reason, `manufacturer "ACME", key id "1"`) {
			t.Errorf("dry run %v: %+v", dry, rep)
		}
		again.Secret, other.Secret = testkit.HOTP("4711").Secret, testkit.HOTP("4712").Secret // an import wipes them
	}
	second := testkit.HOTP("4711")
	second.Manufacturer, second.ID = "ACME", "2"
	if rep := testkit.Take(t, k, testkit.Keys(second)); rep.Twin != 1 {
		t.Errorf("another key id tells a key apart: %+v", rep)
	}
	if n := len(k.Serials(t, lifecycle.Filter{Serial: "4711"})); n != 2 {
		t.Errorf("%d tokens carry the serial, want the first and the one of another secret", n)
	}
}
