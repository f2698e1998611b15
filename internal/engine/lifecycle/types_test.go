package lifecycle_test

import (
	"strings"
	"testing"

	"ostiary/internal/core/audit"
	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/test/testkit"
)

// app is a software type for authenticator apps.
func app(name, prefix string) token.Type {
	return token.Type{Name: name, Kind: token.Software, Spec: token.Spec{Algorithm: token.TOTP}, Prefix: prefix}
}

func addType(t *testing.T, k *testkit.Kit, typ token.Type) token.Type {
	t.Helper()
	typ, _, err := k.Lifecycle.CreateType(t.Context(), typ, testkit.Origin)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func findType(t *testing.T, k *testkit.Kit, name string) token.Type {
	t.Helper()
	typ, err := k.Lifecycle.Type(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func changeType(k *testkit.Kit, name string, edit func(*token.Type)) error {
	_, _, err := k.Lifecycle.ChangeType(background(), name, edit, testkit.Origin)
	return err
}

func TestCreateType(t *testing.T) {
	t.Parallel()
	k := kit(t)
	e := written(t, k, audit.TypeCreated, none, "map[activation:none algorithm:TOTP digits:6 hash:SHA1 "+
		"kind:software lifetime_days:0 manufacturer: max_per_user:0 "+
		"period:30 product: profile: retired:false retired_since:none serial_prefix:Q serial_width:8 "+
		"series_start:10000001 suite:]",
		func() error {
			got, warnings, err := k.Lifecycle.CreateType(t.Context(), app("app-2", "Q"), testkit.Origin)
			want := token.Type{Name: "app-2", Kind: token.Software,
				Spec:   token.Spec{Algorithm: token.TOTP, Hash: "SHA1", Digits: 6, Period: 30},
				Prefix: "Q", Width: 8, Start: 10_000_001, Activation: token.NoActivation}
			if got != want || len(warnings) > 0 || findType(t, k, "app-2") != want {
				t.Errorf("created %+v, warnings %q", got, warnings)
			}
			return err
		})
	if e.Subject["other"] != "app-2" {
		t.Errorf("the subject is %v", e.Subject)
	}
	ocra := token.Type{Name: "signer", Kind: token.Software,
		Spec:   token.Spec{Algorithm: token.OCRA, Suite: "OCRA-1:HOTP-SHA256-8:QA08"},
		Prefix: "S", Width: 4, Activation: token.OneStep}
	if got := addType(t, k, ocra); got.Digits != 8 || got.Start != 1 || got.Hash != "" {
		t.Errorf("an OCRA type is %+v", got)
	}
	k.Unchanged(t, func() {
		_, _, err := k.Lifecycle.CreateType(t.Context(), app("app-2", "P"), testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "type_exists")
		_, err = k.Lifecycle.Type(t.Context(), "nonesuch")
		testkit.IsFault(t, err, fault.NotFound, "type_not_found")
	})
}

func TestTypeIsRefused(t *testing.T) {
	t.Parallel()
	k := kit(t)
	for name, c := range map[string]struct {
		edit func(*token.Type)
		says string
	}{
		"no name":           {func(t *token.Type) { t.Name = "" }, "name"},
		"a capital letter":  {func(t *token.Type) { t.Name = "App" }, "name"},
		"a digit first":     {func(t *token.Type) { t.Name = "2fa" }, "name"},
		"a long name":       {func(t *token.Type) { t.Name = strings.Repeat("a", 33) }, "name"},
		"a line break":      {func(t *token.Type) { t.Name = "app\n" }, "name"},
		"no kind":           {func(t *token.Type) { t.Kind = "" }, "kind"},
		"no algorithm":      {func(t *token.Type) { t.Algorithm = "" }, "algorithm"},
		"MD5":               {func(t *token.Type) { t.Hash = "MD5" }, "SHA512"},
		"5 digits":          {func(t *token.Type) { t.Digits = 5 }, "5 digits"},
		"11 digits":         {func(t *token.Type) { t.Digits = 11 }, "11 digits"},
		"a negative period": {func(t *token.Type) { t.Period = -30 }, "period"},
		"a long period":     {func(t *token.Type) { t.Period = 172_801 }, "period"},
		"a period of HOTP":  {func(t *token.Type) { t.Algorithm, t.Period = token.HOTP, 30 }, "period"},
		"a suite of TOTP":   {func(t *token.Type) { t.Suite = "OCRA-1:HOTP-SHA1-6:QN08" }, "suite"},
		"no suite":          {func(t *token.Type) { t.Algorithm, t.Activation = token.OCRA, token.OneStep }, "suite"},
		"OCRA in an app": {func(t *token.Type) { t.Algorithm, t.Suite = token.OCRA, "OCRA-1:HOTP-SHA1-6:QN08" },
			"not support OCRA"},
		"OCRA against itself": {func(t *token.Type) {
			t.Algorithm, t.Suite, t.Digits, t.Activation = token.OCRA, "OCRA-1:HOTP-SHA1-6:QN08", 7, token.OneStep
		}, "suite of an OCRA type"},
		"a small prefix":      {func(t *token.Type) { t.Prefix = "q" }, "prefix"},
		"a long prefix":       {func(t *token.Type) { t.Prefix = "QQQQ" }, "prefix"},
		"an odd prefix":       {func(t *token.Type) { t.Prefix = "Q-" }, "prefix"},
		"16 digits of serial": {func(t *token.Type) { t.Width = 16 }, "16 digits"},
		"a negative width":    {func(t *token.Type) { t.Width = -1 }, "-1 digits"},
		"a start too wide":    {func(t *token.Type) { t.Width, t.Start = 3, 1000 }, "1 to 999"},
		"an odd activation":   {func(t *token.Type) { t.Activation = "three-step" }, "activation"},
		"hardware serials":    {func(t *token.Type) { t.Kind = token.Hardware }, "manufacturer sets the serials"},
		"activated hardware": {func(t *token.Type) {
			t.Kind, t.Prefix, t.Activation = token.Hardware, "",
				token.OneStep
		}, "manufacturer sets the serials"},
		"a limit too high":    {func(t *token.Type) { t.MaxPerUser = 33 }, "32"},
		"a negative limit":    {func(t *token.Type) { t.MaxPerUser = -1 }, "per user"},
		"a long lifetime":     {func(t *token.Type) { t.Lifetime = 36501 }, "lifetime"},
		"a negative lifetime": {func(t *token.Type) { t.Lifetime = -1 }, "lifetime"},
		"a lone product":      {func(t *token.Type) { t.Product = "Fob" }, "manufacturer"},
		"a control character": {func(t *token.Type) { t.Profile = "a\x1b[2J" }, "profile"},
	} {
		k.Unchanged(t, func() {
			typ := app("app-2", "Q")
			c.edit(&typ)
			_, _, err := k.Lifecycle.CreateType(t.Context(), typ, testkit.Origin)
			testkit.IsFault(t, err, fault.Invalid, "type_invalid")
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// The type that is in the way is named.
func TestTypesClash(t *testing.T) {
	t.Parallel()
	k := kit(t)
	narrow := app("app-3", "AT1")
	narrow.Width = 7
	hardware := token.Type{Name: "safeid", Kind: token.Hardware, Spec: token.Spec{Algorithm: token.TOTP, Period: 60},
		Manufacturer: "Deepnet", Product: "SafeID"}
	addType(t, k, hardware)
	addType(t, k, app("app-2", "Q"))
	hardware.Name = "safeid-2"
	k.Unchanged(t, func() {
		_, _, err := k.Lifecycle.CreateType(t.Context(), narrow, testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "serials_clash")
		if !strings.Contains(err.Error(), "serials as type app-totp") {
			t.Error(err)
		}
		err = changeType(k, "app-2", func(t *token.Type) { t.Prefix = "MH" })
		testkit.IsFault(t, err, fault.Conflict, "serials_clash")
		if !strings.Contains(err.Error(), "serials as type mobile-hotp") {
			t.Error(err)
		}
		_, _, err = k.Lifecycle.CreateType(t.Context(), hardware, testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "product_taken")
		if !strings.Contains(err.Error(), "belongs to type safeid.") {
			t.Error(err)
		}
	})
}

func TestChangeType(t *testing.T) {
	t.Parallel()
	k := kit(t)
	written(t, k, audit.TypeChanged, "map[lifetime_days:0 max_per_user:0]", "map[lifetime_days:365 max_per_user:2]",
		func() error {
			return changeType(k, "app-totp", func(t *token.Type) { t.MaxPerUser, t.Lifetime = 2, 365 })
		})
	written(t, k, audit.TypeChanged, "map[manufacturer: product:]", "map[manufacturer:ACME product:Fob]", func() error {
		return changeType(k, "hotp", func(t *token.Type) { t.Manufacturer, t.Product = "ACME", "Fob" })
	})
	written(t, k, audit.TypeChanged, "map[digits:6]", "map[digits:8]", func() error {
		_, warnings, err := k.Lifecycle.ChangeType(t.Context(), "app-totp", func(t *token.Type) { t.Digits = 8 },
			testkit.Origin)
		if len(warnings) != 1 || !strings.Contains(warnings[0], "8 digits") {
			t.Errorf("warnings %q", warnings)
		}
		return err
	})
	k.Unchanged(t, func() {
		testkit.IsFault(t, changeType(k, "app-totp", func(*token.Type) {}), fault.Conflict, "type_unchanged")
		testkit.IsFault(t, changeType(k, "app-totp", func(t *token.Type) { t.Digits = 11 }), fault.Invalid,
			"type_invalid")
		testkit.IsFault(t, changeType(k, "hotp", func(t *token.Type) { t.Algorithm = token.TOTP }), fault.Conflict,
			"type_fixed")
		testkit.IsFault(t, changeType(k, "nonesuch", func(t *token.Type) { t.Profile = "p" }), fault.NotFound,
			"type_not_found")
	})
}

func TestRetireType(t *testing.T) {
	t.Parallel()
	k := kit(t)
	written(t, k, audit.TypeRetired, "map[retired:false retired_since:none]",
		"map[retired:true retired_since:2026-03-01T12:00:15Z]", func() error {
			typ, err := k.Lifecycle.RetireType(t.Context(), "app-totp", testkit.Origin)
			if !typ.Retired.Equal(testkit.Start) {
				t.Errorf("retired at %s", typ.Retired)
			}
			return err
		})
	k.Unchanged(t, func() {
		_, err := k.Lifecycle.RetireType(t.Context(), "app-totp", testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "type_retired")
		_, err = k.Lifecycle.RetireType(t.Context(), "totp", testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "type_fixed")
	})
	written(t, k, audit.TypeRestored, "map[retired:true retired_since:2026-03-01T12:00:15Z]",
		"map[retired:false retired_since:none]", func() error {
			typ, err := k.Lifecycle.RestoreType(t.Context(), "app-totp", testkit.Origin)
			if !typ.Retired.IsZero() {
				t.Errorf("retired at %s", typ.Retired)
			}
			return err
		})
	k.Unchanged(t, func() {
		_, err := k.Lifecycle.RestoreType(t.Context(), "app-totp", testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "type_not_retired")
	})
}

// The limit of a type holds for imported tokens as well, and for no other type.
func TestUserHoldsNoMoreThanTheTypeAllows(t *testing.T) {
	t.Parallel()
	k := kit(t, testkit.HOTP("1"), testkit.HOTP("2"), testkit.HOTP("3"), testkit.TOTP("4"))
	if err := changeType(k, "hotp", func(t *token.Type) { t.MaxPerUser = 2 }); err != nil {
		t.Fatal(err)
	}
	k.Assign(t, "1", "anna")
	k.Assign(t, "2", "anna")
	k.Assign(t, "4", "anna")
	k.Unchanged(t, func() {
		_, err := k.Lifecycle.Assign(t.Context(), testkit.Serial("3"), "anna", testkit.Origin)
		testkit.IsFault(t, err, fault.Conflict, "too_many_of_type")
	})
	k.Assign(t, "3", "bert")
}

func TestTypeWarnings(t *testing.T) {
	t.Parallel()
	k := kit(t)
	for i, c := range []struct {
		edit func(*token.Type)
		says string
	}{
		{func(t *token.Type) { t.Hash, t.Digits, t.Period = "SHA256", 8, 60 }, "SHA256, 8 digits, 60 seconds"},
		{func(t *token.Type) { t.Algorithm, t.Hash = token.HOTP, "SHA512" }, "ignore SHA512 and"},
		{func(t *token.Type) { t.Digits, t.Activation = 8, token.OneStep }, ""},
	} {
		typ := app("app-"+string(rune('a'+i)), "Q"+string(rune('A'+i)))
		c.edit(&typ)
		_, warnings, err := k.Lifecycle.CreateType(t.Context(), typ, testkit.Origin)
		if err != nil || strings.Join(warnings, "") == "" != (c.says == "") ||
			!strings.Contains(strings.Join(warnings, ""), c.says) {
			t.Errorf("%+v: warnings %q, %v", typ, warnings, err)
		}
	}
	if types, err := k.Lifecycle.Types(t.Context()); err != nil || len(types) != len(token.Types())+3 {
		t.Errorf("%d types, %v", len(types), err)
	}
}
