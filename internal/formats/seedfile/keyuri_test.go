package seedfile

import (
	"strings"
	"testing"

	"ostiary/pskc"
)

// TestURIsOfPeople: what does not change codes never refuses a URI.
func TestURIsOfPeople(t *testing.T) {
	t.Parallel()
	const base = "otpauth://totp/ACME:anna?secret=" + k1b32
	totp := pskc.Key{Kind: pskc.TOTP, Line: 1, Serial: "ACME:anna", Issuer: "ACME", FriendlyName: "anna",
		Secret: unhex(t, k1hex), Interval: 30, HasInterval: true, Response: digits(6), HasResponse: true}
	with := func(change func(*pskc.Key)) pskc.Key {
		k := totp
		change(&k)
		return k
	}
	named := func(issuer, account, serial string) pskc.Key {
		return with(func(k *pskc.Key) { k.Issuer, k.FriendlyName, k.Serial = issuer, account, serial })
	}
	eight60 := with(func(k *pskc.Key) { k.Response, k.Interval = digits(8), 60 })
	short := with(func(k *pskc.Key) { k.Secret = k.Secret[:16] })
	for text, want := range map[string]pskc.Key{
		base:                   totp,
		base + "&issuer=Other": named("Other", "ACME:anna", "Other:ACME:anna"),
		base + "&issuer=acme":  named("acme", "anna", "acme:anna"),
		"otpauth://totp/Air%20Works:anna?secret=" + k1b32 + "&issuer=Air+Works": named("Air Works", "anna",
			"Air Works:anna"),
		"otpauth://totp/A+B:anna?secret=" + k1b32 + "&issuer=A+B":    named("A+B", "anna", "A+B:anna"),
		"otpauth://totp/anna+x@b?secret=" + k1b32:                    named("", "anna+x@b", "anna+x@b"),
		"otpauth://totp/Air Works: anna ?secret=" + k1b32:            named("Air Works", "anna", "Air Works:anna"),
		"otpauth://totp/Bäcker:jürgen?secret=" + k1b32:               named("Bäcker", "jürgen", "Bäcker:jürgen"),
		"otpauth://totp/100% Co/2 #1:anna?secret=" + k1b32:           named("100% Co/2 #1", "anna", "100% Co/2 #1:anna"),
		"otpauth://totp/ACME:corp:anna?secret=" + k1b32:              named("ACME", "corp:anna", "ACME:corp:anna"),
		"otpauth://totp/:anna?secret=" + k1b32:                       named("", "anna", "anna"),
		"otpauth://totp/?issuer=ACME&secret=" + k1b32:                named("ACME", "", "ACME"),
		"OTPAUTH://TOTP/ACME:anna?secret=" + k1b32:                   totp,
		base + "&algorithm=&digits=&period=&counter=&issuer=&image=": totp,
		base + "&&":                                             totp,
		base + "&amp;digits=8&amp;":                             with(func(k *pskc.Key) { k.Response = digits(8) }),
		base + "&Digits=8&PERIOD=60":                            eight60,
		base + "&digits=08&period=060":                          eight60,
		base + "&digits=6&Digits=6":                             totp,
		base + "&algorithm=sha-256":                             with(func(k *pskc.Key) { k.Hash = "SHA256" }),
		base + "&counter=0":                                     totp,
		strings.Replace(base, k1b32, strings.ToLower(k1b32), 1): totp,
		strings.Replace(base, k1b32, "UGZM%20HVHF%206YDR%20QKJ2+JNOG+27UP+SAAR%20EIZU", 1): totp,
		strings.Replace(base, k1b32, "ugzm-hvhf-6ydr-qkj2-jnog-27up-saar-eizu", 1):         totp,
		strings.Replace(base, k1b32, "UGZMHVHF6YDRQKJ2JNOG27UPSA%3D", 1):                   short,
	} {
		c := mustOpen(t, text, Options{Format: OTPAuth})
		if len(c.refused) > 0 {
			t.Errorf("%s: %v", text, c.refused[0])
			continue
		}
		sameKeys(t, c.keys, want)
	}
	c := mustOpen(t, "otpauth://hotp/ACME:anna?secret="+k1b32+"&counter=007&period=30", Options{})
	if len(c.keys) != 1 || c.keys[0].Kind != pskc.HOTP || c.keys[0].Counter != 7 || c.keys[0].HasInterval {
		t.Errorf("%+v", c.keys)
	}
}

// TestURIRefusals: what may change codes refuses, with the parameter and the account,
// and without the secret.
func TestURIRefusals(t *testing.T) {
	t.Parallel()
	const base = "otpauth://totp/ACME:anna?secret=" + k1b32
	for text, want := range map[string]string{
		base + "&digits=6&Digits=8":                            "digits is repeated",
		base + "&colour=red":                                   `parameter "colour" is not known`,
		base + "&epoch=7":                                      `parameter "epoch" is not known`,
		base + "&" + k2b32 + "=1":                              "parameter without a proper name",
		base + "&issuer=Smith & Sons":                          "no value; an & that",
		base + "&encoder=steam":                                "an entry of Steam",
		base + "&encoder=other":                                "parameter encoder",
		base + "&issuer=Steam&digits=5":                        "an entry of Steam",
		base + "&digits=5":                                     "parameter digits is not",
		base + "&digits=six":                                   "parameter digits is not",
		base + "&period=30s":                                   "parameter period is not",
		base + "&period=0":                                     "parameter period is not",
		base + "&algorithm=MD5":                                "parameter algorithm names none",
		base + "&counter=5":                                    "parameter counter is not for a time-based key",
		"otpauth://steam/ACME:anna?secret=" + k1b32:            "an entry of Steam",
		"otpauth://yaotp/ACME:anna?secret=" + k1b32:            "its type is neither hotp nor totp",
		"otpauth://hotp/ACME:anna?secret=" + k1b32:             "parameter counter is missing",
		"otpauth://hotp/ACME:anna?counter=&secret=" + k1b32:    "parameter counter is missing",
		"otpauth://hotp/ACME:anna?counter=0x7&secret=" + k1b32: "parameter counter is not",
		"otpauth://totp/ACME:anna?secret=":                     "parameter secret is missing",
		"otpauth://totp/ACME:anna":                             "parameter secret is missing",
		"otpauth://totp/ACME:anna?secret=0" + k1b32:            "parameter secret is not base32",
		"otpauth://totp/ACME:anna?secret=" + k1b32[:30]:        "parameter secret is not base32",
	} {
		c := mustOpen(t, text, Options{Format: OTPAuth})
		refusals(t, c.refused, "1: "+want)
		for _, e := range c.refused {
			if !strings.HasSuffix(e.Serial, ":anna") {
				t.Errorf("%s is refused without its account: %v", text, e)
			}
			silentOn(t, e.Error())
		}
	}
	for text, want := range map[string]string{
		"otpauth://totp/?secret=" + k1b32:       "it has no name",
		"otpauth://totp/%ff?secret=" + k1b32:    "not UTF-8",
		"otpauth:totp/a?secret=" + k1b32:        "not an otpauth URI",
		"otpauth://" + k2b32:                    "not an otpauth URI",
		"otpauth://totp/" + k2b32 + "?digits=5": "secret is missing",
	} {
		c := mustOpen(t, text, Options{Format: OTPAuth})
		refusals(t, c.refused, "1: "+want)
		for _, e := range c.refused {
			silentOn(t, e.Error())
		}
	}
}

// TestLabels: URIs and transfer codes name a key alike.
func TestLabels(t *testing.T) {
	t.Parallel()
	k1 := unhex(t, k1hex)
	for _, tt := range []struct{ name, issuer string }{{"anna", ""}, {"ACME:anna", ""}, {"ACME:anna", "ACME"},
		{"anna", "ACME"}, {"ACME:anna", "Other"}, {"ACME: anna", "acme"}, {"a:b:c", ""}, {"", "ACME"}} {
		uri := mustOpen(t, "otpauth://totp/"+tt.name+"?secret="+k1b32+"&issuer="+tt.issuer, Options{Format: OTPAuth})
		code := mustOpen(t, migrationURI(account(k1, tt.name, tt.issuer)), Options{})
		if len(uri.keys) != 1 || len(code.keys) != 1 || !equal(*uri.keys[0], *code.keys[0]) {
			t.Errorf("%+v: %+v and %+v", tt, uri, code)
		}
		if strings.Contains(strings.Join(code.info.Notes, " "), "differs from its label") != (tt.issuer == "Other") {
			t.Errorf("%+v: notes %q", tt, code.info.Notes)
		}
	}
	c := mustOpen(t, migrationURI(account(k1, "a", ""))+"&", Options{})
	if len(c.keys) != 1 {
		t.Errorf("%v", c.refused)
	}
}
