package lifecycle_test

import (
	"strings"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/test/testkit"
)

// present puts a software token of a serial into the database, as an import
// that does not raise the series would.
func present(t *testing.T, k *testkit.Kit, typeName, serial string) {
	t.Helper()
	k.Stage(t, token.Token{Kind: token.Software, Identity: token.Identity{Type: typeName, Serial: serial},
		Spec: token.Spec{Algorithm: token.HOTP, Hash: "SHA1", Digits: 6}}, testkit.SecretOf(serial))
}

func TestSetSeries(t *testing.T) {
	t.Parallel()
	k := kit(t)
	set := func(next string) error {
		_, err := k.Lifecycle.SetSeries(t.Context(), "app-totp", next, testkit.Origin)
		return err
	}
	e := written(t, k, audit.SeriesSet, "map[highest:0 issued:0 next:AT10000001 number:10000001]",
		"map[highest:0 issued:0 next:AT20000001 number:20000001]",
		func() error { return set("20000001") })
	if e.Subject["other"] != "app-totp" {
		t.Errorf("the subject is %v", e.Subject)
	}
	written(t, k, audit.SeriesSet, "map[highest:0 issued:0 next:AT20000001 number:20000001]",
		"map[highest:0 issued:0 next:AT00000500 number:500]",
		func() error { return set("at00000500") })
	present(t, k, "app-totp", "AT00000700")
	for _, c := range []struct {
		next string
		kind fault.Kind
		code string
		says string
	}{
		{"700", fault.Conflict, "series_used", "AT00000700 is not above AT00000700"},
		{"AT00000001", fault.Conflict, "series_used", "AT00000001 is not above AT00000700"},
		{"AT00000000", fault.Invalid, "series_next", "AT00000001 to AT99999999"},
		{"0", fault.Invalid, "series_next", "number above 0"},
		{"-1", fault.Invalid, "series_next", ""},
		{"+800", fault.Invalid, "series_next", ""},
		{"AH00000800", fault.Invalid, "series_next", "neither a serial of type app-totp"},
		{"AT800", fault.Invalid, "series_next", ""},
		{"", fault.Invalid, "series_next", ""},
		{"100000000", fault.Invalid, "series_width", "more than the 8 digits"},
		{"99999999999999999999999", fault.Invalid, "series_next", ""},
	} {
		k.Unchanged(t, func() {
			err := set(c.next)
			testkit.IsFault(t, err, c.kind, c.code)
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("set to %q: %v, want %q in it", c.next, err, c.says)
			}
		})
	}
	written(t, k, audit.SeriesSet, "map[highest:0 issued:0 next:AT00000701 number:500]",
		"map[highest:0 issued:0 next:AT00000702 number:702]", func() error { return set("702") })
	k.Unchanged(t, func() {
		testkit.IsFault(t, set("702"), fault.Conflict, "series_unchanged")
		_, err := k.Lifecycle.SetSeries(t.Context(), "hotp", "5", testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "no_series")
		_, err = k.Lifecycle.SetSeries(t.Context(), "nonesuch", "5", testkit.Origin)
		testkit.IsFault(t, err, fault.NotFound, "type_not_found")
	})
}

func TestSeriesAreListed(t *testing.T) {
	t.Parallel()
	k := kit(t)
	present(t, k, "app-hotp", "AH99999999")
	present(t, k, "mobile-totp", "MT10000005")
	want := map[string][2]string{"app-hotp": {"", "AH99999999"}, "app-totp": {"AT10000001", ""},
		"mobile-hotp":    {"MH10000001", ""},
		"mobile-license": {"MD10000001", ""}, "mobile-totp": {"MT10000006", "MT10000005"}}
	all, err := k.Lifecycle.Series(t.Context())
	if err != nil || len(all) != len(want) {
		t.Fatalf("%d series, %v", len(all), err)
	}
	for _, s := range all {
		if got := [2]string{s.Next(), s.Present()}; got != want[s.Name] || (s.Left() == 0) != (s.Next() == "") {
			t.Errorf("series of %s: next and present %q, %d left, want %q", s.Name, got, s.Left(), want[s.Name])
		}
	}
}
