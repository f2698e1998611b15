package users_test

import (
	"testing"

	"ostiary/internal/engine/users"
)

func TestOfDN(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"jdoe":                                     "jdoe",
		"a.lund@corp.example":                      "a.lund@corp.example",
		"Lang, Eva":                                "Lang, Eva",
		`corp\eva`:                                 `corp\eva`,
		"UID=jsmith,DC=example-bank,DC=net":        "jsmith",
		`CN=Lang\, Eva,OU=Staff,DC=corp`:           "Lang, Eva",
		`CN=Lang\2C Ida,OU=Staff`:                  "Lang, Ida",
		`CN=L\C3\BCthi`:                            "Lüthi",
		"UID=max+CN=Max Lang,OU=Staff":             "max",
		"CN=Max Lang+UID=max,OU=Staff":             "max",
		`OU=Staff,CN="Lang, Uwe"`:                  "Lang, Uwe",
		`CN="Lang, \"Uwe\" + Co", OU = "a=b;c"`:    `Lang, "Uwe" + Co`,
		"CN=Eva Lang, UID=elang":                   "elang",
		"uid = olga , ou=x":                        "olga",
		"cn=olga;ou=x":                             "olga",
		`CN=a\\b`:                                  `a\b`,
		`CN=\ a\ `:                                 "a",
		"CN=first,CN=Users":                        "first",
		"OU=x\\, CN=none,CN=one":                   "one",
		"CN=x=y":                                   "x=y",
		"0.9.2342.19200300.100.1.1=by number,CN=n": "by number",
	} {
		if got, err := users.OfDN(name); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
	for _, name := range []string{`CN=a\`, `CN="a`, `CN=a"b`, "CN=a,b", "CN=a,=b", `CN=a\zz`, "CN=a<b", "OU=Staff",
		`CN="a"b"`, "CN=#04024869", "CN= #048400ffffff"} {
		if got, err := users.OfDN(name); err == nil {
			t.Errorf("%s is read as %q", name, got)
		}
	}
}

func FuzzOfDN(f *testing.F) {
	for _, s := range []string{`CN=Lang\, Eva,OU=Staff`, `OU=Staff,CN="Lang, Uwe"`, "UID=max+CN=Max", `CN=L\C3\BC`, "x=#04024869"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) < 1000 {
			_, _ = users.OfDN(s)
		}
	})
}
