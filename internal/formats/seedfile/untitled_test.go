package seedfile

import (
	"strings"
	"testing"

	"ostiary/pskc"
)

// TestUntitled: what stands behind the digits is what the whole file says, and is
// never dropped in silence.
func TestUntitled(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, testfile(t, "oath-csv/counters.csv"), Options{})
	sameKeys(t, c.keys,
		pskc.Key{Kind: pskc.HOTP, Line: 1, Serial: "tok1", Secret: unhex(t, k1hex), HasCounter: true,
			Response: digits(6), HasResponse: true},
		pskc.Key{Kind: pskc.HOTP, Line: 2, Serial: "tok2", Secret: unhex(t, k2hex), Counter: 200000, HasCounter: true,
			Response: digits(6), HasResponse: true},
		pskc.Key{Kind: pskc.TOTP, Line: 3, Serial: "tok3", Secret: unhex(t, k1hex), Interval: 60, HasInterval: true,
			Response: digits(6), HasResponse: true})
	refusals(t, c.refused, "4: cell E4 is a counter if")
	if !strings.Contains(strings.Join(c.info.Notes, " "), "Column E holds the counters of HOTP tokens") {
		t.Errorf("notes %q", c.info.Notes)
	}
	// Who says the kind, says what the cell is.
	for kind, want := range map[pskc.Kind]uint64{pskc.HOTP: 60, pskc.TOTP: 0} {
		c := mustOpen(t, testfile(t, "oath-csv/counters.csv"), Options{Assume: Assume{Kind: kind}})
		if k := c.keys[len(c.keys)-1]; k.Kind != kind || k.Counter != want || (k.Interval == 60) != (kind == pskc.TOTP) {
			t.Errorf("as %s: %+v", kind, k)
		}
	}
	c = mustOpen(t, testfile(t, "oath-csv/hashes.csv"), Options{})
	if len(c.keys) != 2 || c.keys[0].Hash != "SHA1" || c.keys[1].Hash != "SHA256" || c.keys[1].Interval != 30 {
		t.Errorf("keys %+v", c.keys)
	}
	refusals(t, c.refused, "3: cell E3 may be the counter of a HOTP token or a time step")
	c = mustOpen(t, testfile(t, "oath-csv/both.csv"), Options{})
	if len(c.keys) != 2 || c.keys[0].Counter != 2 || c.keys[1].Interval != 60 {
		t.Errorf("keys %+v", c.keys)
	}
	refusals(t, c.refused, "3: cell E3 of a HOTP token may be its counter", "4: cell F4 looks like the name of a hash")
	if notes := strings.Join(c.info.Notes, " "); !strings.Contains(notes, "Time steps of HOTP tokens were ignored") {
		t.Errorf("notes %q", notes)
	}
}

// TestUnclearSteps: a column in which every HOTP token has 30, or 60, may say either;
// one other number says that it does not.
func TestUnclearSteps(t *testing.T) {
	t.Parallel()
	row := func(serial, kind, fifth string) string {
		return serial + "," + k1hex + "," + kind + ",6," + fifth + "\n"
	}
	for _, tt := range []struct {
		name, text string
		refused    []string
	}{
		{"all 30", row("a", "hotp", "30") + row("b", "hotp", "30"), []string{"1: cell E1 may be", "2: cell E2 may be"}},
		{"30 and 60", row("a", "hotp", "30") + row("b", "hotp", "60"), []string{"1: cell E1 may", "2: cell E2 may be"}},
		{"30 and 31", row("a", "hotp", "30") + row("b", "hotp", "31"), nil},
		{"30 of TOTP", row("a", "hotp", "7") + row("b", "totp", "30"), nil},
		{"titled as counter", "serial,secret,type,digits,counter\n" + row("a", "hotp", "30"), nil},
		{"titled as either", "serial,secret,type,digits,Counter or Period\n" + row("a", "hotp", "30"),
			[]string{"2: cell E2 may be"}},
	} {
		c := mustOpen(t, tt.text, Options{})
		refusals(t, c.refused, tt.refused...)
		for _, k := range c.keys {
			if k.Kind == pskc.HOTP && !k.HasCounter {
				t.Errorf("%s: %s has no counter", tt.name, k.Serial)
			}
		}
		testRemainders(t, tt.text, Options{})
	}
}

// TestOwners: a list of version 2 says who has which token.
func TestOwners(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, testfile(t, "privacyidea-csv/owners.csv"), Options{})
	if len(c.keys) != 3 || c.keys[0].KeyUserID != "a.lund" || c.keys[0].Counter != 2 || c.keys[1].KeyUserID != "" ||
		c.keys[1].Interval != 60 || c.keys[2].KeyUserID != "b.rahm" {
		t.Errorf("keys %+v", c.keys)
	}
	refusals(t, c.refused, "5: cell H5 is a counter if", "6: cell F6 says neither")
	if !strings.Contains(strings.Join(c.info.Notes, " "), "realms and resolvers of users were ignored") {
		t.Errorf("notes %q", c.info.Notes)
	}
	_, err := open(strings.Replace(testfile(t, "privacyidea-csv/owners.csv"), "b.rahm, corpldap, corp",
		"A.Lund, corpldap, guests", 1), Options{})
	fails(t, err, ErrMalformed, "line 4: cell A4 names a user that another row has in another realm")
}

// TestUnknownTitles: a table with titles is neither "not recognised" nor read as one
// without; the title that is not known is named, and no secret is.
func TestUnknownTitles(t *testing.T) {
	t.Parallel()
	for titles, want := range map[string]string{
		"Serial No.,Secret Key (Base32),OTP Length,Time Step (s)": `B1 ("Secret Key (Base32)")`,
		"Token Serial Number;Secret Key (Base32);Interval":        `A1 ("Token Serial Number")`,
		"serial,seed (hex)":                           `B1 ("seed (hex)")`,
		"user,serial,Secret (Base32)":                 `C1 ("Secret (Base32)")`,
		"Serial,Secret,Time Step (ms)":                `C1 ("Time Step (ms)")`,
		"serial,secret," + k1b32:                      "the title in C1 is",
		"serial,secret,NIA2 ZLSS OFYP AKOA N2YE UPVN": "the title in C1 is",
	} {
		sep := ","
		if strings.Contains(titles, ";") {
			sep = ";"
		}
		_, err := open(titles+"\na"+sep+k1b32+sep+"30\n", Options{})
		fails(t, err, ErrMalformed, want)
		if err != nil {
			silentOn(t, err.Error())
		}
	}
	c := mustOpen(t, "Serial , Secret , Type, Length, TimeStep, Issuer\n1, "+k1b32+" , TOTP, 6 , 30 , Sample Works\n",
		Options{})
	if len(c.keys) != 1 || c.keys[0].Issuer != "Sample Works" || c.keys[0].Interval != 30 {
		t.Errorf("keys %+v", c.keys)
	}
}
