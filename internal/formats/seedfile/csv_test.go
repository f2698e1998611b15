package seedfile

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"ostiary/pskc"
)

func equal(a, b pskc.Key) bool { return reflect.DeepEqual(a, b) }

func TestEntra(t *testing.T) {
	c := mustOpen(t, testfile(t, "entra-csv/upn.csv"), Options{})
	sameKeys(t, c.keys,
		pskc.Key{Kind: pskc.TOTP, Line: 2, Manufacturer: "Example Maker", Model: "Classic", Serial: "55000101",
			KeyUserID: "a.lund@corp.example", Secret: unhex(t, k1hex), Interval: 60, HasInterval: true},
		pskc.Key{Kind: pskc.TOTP, Line: 3, Manufacturer: `Maker, the "other" one`, Model: "Classic", Serial: "55000102", KeyUserID: "b.rahm@corp.example", Secret: unhex(t, k2hex), Interval: 30, HasInterval: true})
	refusals(t, c.refused)
	if c.info.Format != EntraCSV || c.info.Encoding != Base32 ||
		!strings.Contains(c.info.EncodingReason, "2 of 2 secrets can be base32") {
		t.Errorf("info %+v", c.info)
	}
	if s := c.info.Sample; s == nil || s.Code != "304811" || s.Serial != "55000101" || s.Kind != pskc.TOTP ||
		!s.Time.Equal(sampleTime) {
		t.Errorf("sample %+v", s)
	}
}

func TestEntraVariants(t *testing.T) {
	c := mustOpen(t, testfile(t, "entra-csv/hex.csv"), Options{})
	sameKeys(t, c.keys,
		pskc.Key{Kind: pskc.TOTP, Line: 2, Manufacturer: "Example", Model: "Classic", Serial: "0055000101",
			Secret: unhex(t, k1hex), Interval: 60, HasInterval: true},
		pskc.Key{Kind: pskc.TOTP, Line: 3, Manufacturer: "Example", Model: "Classic", Serial: "0055000102",
			Secret: unhex(t, k2hex), Interval: 60, HasInterval: true})
	if c.info.Encoding != Hex {
		t.Errorf("info %+v", c.info)
	}
	c = mustOpen(t, testfile(t, "entra-csv/timeinterval.csv"), Options{})
	sameKeys(t, c.keys,
		pskc.Key{Kind: pskc.TOTP, Line: 2, Manufacturer: "Example Maker", Model: "Classic", Serial: "55000101",
			Secret: unhex(t, k1hex), Interval: 60, HasInterval: true},
		pskc.Key{Kind: pskc.TOTP, Line: 4, Manufacturer: "Example Maker", Model: "Classic", Serial: "55000102",
			Secret: unhex(t, k2hex), Interval: 30, HasInterval: true},
		pskc.Key{Kind: pskc.TOTP, Line: 6, Manufacturer: "Example Maker", Model: "Classic", Serial: "55000103",
			Secret: unhex(t, k2hex)})
	refusals(t, c.refused, "3: cell A3 contains a number", "8: cell B7 is not a secret in base32")
	if c.info.Sample.Code != "304811" {
		t.Errorf("sample %+v", c.info.Sample)
	}
	c = mustOpen(t, testfile(t, "entra-csv/graph.csv"), Options{Assume: Assume{Digits: 8, Period: 60, Hash: "SHA1"}})
	sameKeys(t, c.keys, pskc.Key{Kind: pskc.TOTP, Line: 2, Manufacturer: "Example", Model: "M", Serial: "55000101",
		Secret: unhex(t, k1hex),
		Hash:   "SHA256", Interval: 30, HasInterval: true, Response: digits(8), HasResponse: true})
}

// TestExcelUnicode: what Excel calls Unicode text, UTF-16 with tabs.
func TestExcelUnicode(t *testing.T) {
	t.Parallel()
	c := mustOpen(t, testfile(t, "oath-csv/excel-unicode.txt"), Options{})
	key := func(line int, serial, user, secret string) pskc.Key {
		return pskc.Key{Kind: pskc.HOTP, Line: line, Serial: serial, KeyUserID: user, Secret: unhex(t, secret),
			Response: digits(6), HasResponse: true}
	}
	first, second, third, fourth := key(2, "00550001", "a.lund", k1hex), key(3, "00550002", "b.rahm", k2hex),
		key(4, "55003", "", k1hex), key(5, "00550004", "Åsa Lund", k1hex)
	first.HasCounter, second.Counter, second.HasCounter = true, 2, true
	fourth.Kind, fourth.Response = pskc.TOTP, digits(8)
	sameKeys(t, c.keys, first, second, third, fourth)
	refusals(t, c.refused, "6: cell D6 contains a number")
	if c.info.Sample.Code != "006951" || c.info.Encoding != Hex {
		t.Errorf("info %+v, sample %+v", c.info, c.info.Sample)
	}
}

// TestUsers: whatever the column of users is called, they are on the keys.
func TestUsers(t *testing.T) {
	t.Parallel()
	for title, format := range map[string]Format{"upn": EntraCSV, "User Principal Name": EntraCSV, "USER": EntraCSV,
		"login": EntraCSV, "type,User Name": OATHCSV, "type,loginName": OATHCSV, "counter,user-id": OATHCSV} {
		user := strings.Repeat(",", strings.Count(title, ",")+1)
		c := mustOpen(t, "serial,secret,"+title+"\na,"+k1hex+user+" a.lund@corp.example \nb,"+k2hex+user+"\n",
			Options{})
		if c.info.Format != format || len(c.keys) != 2 || c.keys[0].KeyUserID != "a.lund@corp.example" ||
			c.keys[1].KeyUserID != "" {
			t.Errorf("%s: %s, %+v", title, c.info.Format, c.keys)
		}
	}
}

func TestOATH(t *testing.T) {
	c := mustOpen(t, testfile(t, "oath-csv/plain.csv"), Options{})
	sameKeys(t, c.keys,
		pskc.Key{Kind: pskc.HOTP, Line: 2, Serial: "tok1", Secret: unhex(t, k1hex)},
		pskc.Key{Kind: pskc.TOTP, Line: 4, Serial: "tok2", Secret: unhex(t, k2hex), Response: digits(8),
			HasResponse: true, Interval: 60, HasInterval: true},
		pskc.Key{Kind: pskc.HOTP, Line: 5, Serial: "tok3", Secret: unhex(t, k1hex), Response: digits(6),
			HasResponse: true, Counter: 7, HasCounter: true},
		pskc.Key{Kind: pskc.TOTP, Line: 6, Serial: "tok4", Secret: unhex(t, k2hex), Response: digits(6),
			HasResponse: true})
	if s := c.info.Sample; s == nil || s.Code != "006951" || s.Counter != 0 {
		t.Errorf("sample %+v", s)
	}
	c = mustOpen(t, testfile(t, "oath-csv/titles.csv"), Options{})
	sameKeys(t, c.keys,
		pskc.Key{Kind: pskc.HOTP, Line: 3, Serial: "55000101", Secret: unhex(t, k1hex), Response: digits(6),
			HasResponse: true, Counter: 2, HasCounter: true},
		pskc.Key{Kind: pskc.TOTP, Line: 4, Serial: "55000102", Secret: unhex(t, k2hex), Hash: "SHA512",
			Response: digits(8), HasResponse: true, Interval: 30, HasInterval: true})
	if s := c.info.Sample; s == nil || s.Code != "443120" || s.Counter != 2 {
		t.Errorf("sample %+v", s)
	}
	c = mustOpen(t, "a,"+k1hex+"\nb,"+k2hex, Options{Assume: Assume{Kind: pskc.TOTP, Period: 60, Manufacturer: "M"}})
	sameKeys(t, c.keys,
		pskc.Key{Kind: pskc.TOTP, Line: 1, Manufacturer: "M", Serial: "a", Secret: unhex(t, k1hex), Interval: 60,
			HasInterval: true},
		pskc.Key{Kind: pskc.TOTP, Line: 2, Manufacturer: "M", Serial: "b", Secret: unhex(t, k2hex), Interval: 60,
			HasInterval: true})
}

func TestQuotes(t *testing.T) {
	c := mustOpen(t, "\"a\"\"\"\"b\","+k1hex+"\n\"\"\"\","+k2hex+"\n\"c\"\","+k2hex+"\n", Options{})
	if len(c.keys) != 2 || c.keys[0].Serial != `a""b` || c.keys[1].Serial != `"` {
		t.Errorf("keys %+v", c.keys)
	}
	refusals(t, c.refused, "3: cell A3: the quotation mark is not closed")
}

func TestUTF16(t *testing.T) {
	for _, big := range []bool{false, true} {
		var b strings.Builder
		for _, r := range "\ufeff" + "a," + k1hex + "\r\nb," + k2hex + "\r\n" {
			if lo, hi := byte(r), byte(r>>8); big {
				b.Write([]byte{hi, lo})
			} else {
				b.Write([]byte{lo, hi})
			}
		}
		if c := mustOpen(t, b.String(), Options{}); c.info.Keys != 2 || c.info.Format != OATHCSV {
			t.Errorf("big-endian %t: %+v", big, c.info)
		}
	}
}

func TestRefusedRows(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		keys       int
		want       []string
	}{
		{"missing cells", "a," + k1hex + "\n," + k2hex + "\nc\nd,", 1,
			[]string{"2: cell A2 should contain the serial", "3: cell B3 should contain the secret",
				"4: cell B4 should contain the secret"}},
		{"parameters", "s1," + k1hex + ",motp\ns2," + k1hex + ",fish\ns3," + k1hex + ",totp,5\ns4," + k1hex +
			",totp,6,0\ns5," + k1hex + ",hotp,6,,x\ns6," + k1hex + ",totp,6,30,4\ns7," + k1hex + ",totp,6,30,0,x",
			0, []string{"1: cell C1 says motp", "2: cell C2 says neither", "3: cell D3", "4: cell E4", "5: cell F5",
				"6: cell F6 is a counter", "7: cell G7 is outside the columns"}},
		{"quoting", "a," + k1hex + "\nb,\"" + k2hex + "\nc,\"" + k2hex + "\"x\nd," + k2hex[:20] + "\"" + k2hex[20:] +
			"\n\"e\" , \"" + k2hex + "\"", 2,
			[]string{"2: cell B2: the quotation mark is not closed", "3: cell B3 continues",
				"4: cell B4 has a quotation mark inside"}},
		{"not text", "a," + k1hex + "\nM\xfcller," + k2hex + "\nc\x00," + k2hex, 1,
			[]string{"2: cell A2 is not UTF-8", "3: cell A3 is not UTF-8"}},
		{"Excel numbers", "serial number,secret key,time interval\n1.2E+11," + k1hex + ",30\n\"1,2E+11\"," + k1hex +
			",30\n55000103," + "1.23457E+39,30\n55000104.0," + k1hex + ",30\n55000105," + k2hex + ",30", 1,
			[]string{"2: cell A2 contains a number", "3: cell A3 contains a number", "4: cell B4 contains a number",
				"5: cell A5 contains a number"}},
		{"Excel errors", "serial,secret,type\n#NUM!," + k1hex + ",totp\n####," + k1hex + ",totp\n# a comment, of " +
			"the branch\n##\n55000103,#NAME?,totp\n55000104," + k1hex + ",totp", 1,
			[]string{"2: cell A2 contains an error", "3: cell A3 contains an error", "6: cell B6 contains an error"}},
		{"words for no secret", "a," + k1hex + "\nb,none\nc,n/a\nd,abcdef\n", 1,
			[]string{"2: cell B2 is not a secret in hex", "3: cell B3 is not a secret in hex",
				"4: cell B4 contains a secret of 24 bits"}},
		{"lost zeros", "100123," + k1hex + "\n999," + k1hex + "\n543210," + k1hex + "\n765432," + k2hex, 3,
			[]string{"2: cell A2 has fewer digits (3) than most serial numbers (6)"}},
		{"lost digit of a secret", "a," + k1hex + "\nb," + k1hex[1:], 1, []string{"2: cell B2 is not a secret in hex: " +
			"a digit is missing"}},
		{"rounded", "2600124809778000000," + k1hex + "\n2600124809779000000," + k2hex, 0,
			[]string{"1: rounded to 15", "2: rounded to 15"}},
		{"one of another alphabet", "a," + k1hex + "\nb," + strings.ToLower(k2hex) +
			"\nc,0OIl0OIl0OIl0OIl0OIl0OIl0OIl0OIl", 2, []string{"3: cell B3 is not a secret in hex"}},
		{"short", "a," + k1hex + "\nb," + k1hex[:20], 1, []string{"2: cell B2 contains a secret of 80 bits, which is " +
			"shorter than the required 128"}},
		{"long line", "a," + k1hex + "\nb," + strings.Repeat("A", maxLine), 1, []string{"2: the line is longer"}},
		{"many cells", "a," + k1hex + "\nb," + strings.Repeat(",", maxCells), 1, []string{"2: more than 64 cells"}},
		{"columns the wrong way round", k1hex + ",55000101\n" + k2hex + ",55000102\n", 0,
			[]string{"1: cell B1", "2: cell B2"}},
		{"cut off", "a," + k1hex + "\nb," + k2hex[:36], 1, []string{"2: cell B2 contains a shorter secret"}},
		{"single damaged secret", "a,1.23457E+39", 0, []string{"1: cell B1 contains a number"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := mustOpen(t, tt.text, Options{Format: formatOf(tt.text)})
			refusals(t, c.refused, tt.want...)
			if len(c.keys) != tt.keys {
				t.Errorf("%d keys, want %d", len(c.keys), tt.keys)
			}
			for _, e := range c.refused {
				silentOn(t, e.Error())
			}
		})
	}
}

// formatOf takes for OATH CSV what is too damaged to be recognised.
func formatOf(text string) Format {
	if f := Detect([]byte(text)); f != "" {
		return f
	}
	return OATHCSV
}

func TestKeptSerials(t *testing.T) {
	const tail = "," + k1hex + "\n"
	for name, text := range map[string]string{
		"asked for":       "100123" + tail + "999" + tail + "543210" + tail + "765432" + tail,
		"a run":           "998" + tail + "999" + tail + "1000" + tail + "1001" + tail,
		"a leading zero":  "000123" + tail + "999" + tail + "543210" + tail + "765432" + tail,
		"all sorts":       "1" + tail + "22" + tail + "333" + tail + "4444" + tail,
		"letters as well": "X00123" + tail + "999" + tail + "543210" + tail + "765432" + tail,
		"rounded once":    "2600124809778000000" + tail,
	} {
		c := mustOpen(t, text, Options{KeepSerials: name == "asked for"})
		if refusals(t, c.refused); (name == "a run" || name == "all sorts") != (len(c.info.Notes) == 2) {
			t.Errorf("%s: notes %q", name, c.info.Notes)
		}
	}
}

func TestRefusedTables(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		opt        Options
		kind       error
		part       string
	}{
		{"unknown column", "serial,secret,favourite fish\na," + k1hex, Options{}, ErrMalformed, `the title in C1 ("favourite fish") is not a known column`},
		{"column twice", "serial,secret,seed\na," + k1hex, Options{}, ErrMalformed, "means the same as column B"},
		{"no titles", "a,b," + k1b32 + ",30,M,N\n", Options{Format: EntraCSV}, ErrMalformed, "the title in A1"},
		{"no serials", "upn,secret,interval\na," + k1b32 + ",30", Options{Format: EntraCSV}, ErrMalformed,
			"no column of serial numbers"},
		{"mixed", "a," + k1hex + "\nb," + k2b32, Options{}, ErrEncoding, "B1 can only be hexadecimal, B2 can " +
			"only be base32"},
		{"either", "a,ABCDEF234567ABCDEF234567ABCDEF23", Options{}, ErrEncoding, "can be read as hexadecimal " +
			"and as base32"},
		{"no rows", "# none\n", Options{Format: OATHCSV}, ErrMalformed, "no rows"},
		{"version 2", "# version: 2\n", Options{}, ErrMalformed, "no rows"},
		{"version 3", "# version: 3\n", Options{}, ErrUnreadable, "privacyIDEA"},
	} {
		_, err := open(tt.text, tt.opt)
		if fails(t, err, tt.kind, tt.part); err != nil {
			silentOn(t, err.Error())
		}
	}
}

func TestEncoding(t *testing.T) {
	const both40, both52, both32 = "ABCDEF234567ABCDEF234567ABCDEF2345672345",
		"ABCDEF234567ABCDEF234567ABCDEF234567ABCDEF234567ABCD", "ABCDEF234567ABCDEF234567ABCDEF23"
	for _, tt := range []struct {
		secrets string
		ask     Encoding
		want    Encoding
		why     string
		size    int
	}{
		{both40, "", Hex, "20 bytes in hexadecimal, a usual size, and 25", 20},
		{both52, "", Base32, "32 bytes in base32, a usual size, and 26", 32},
		{both32, Hex, Hex, "as asked for", 16},
		{both32, Base32, Base32, "as asked for", 20},
		{both32 + "," + k1b32, "", Base32, "2 of 2 secrets can be base32, and 1 cannot be hex", 20},
		{both40 + "," + k1hex, "", Hex, "2 of 2 secrets can be hexadecimal, and 1 cannot", 20},
		{strings.ToLower(k1b32), "", Base32, "", 20},
		{"UGZM HVHF 6YDR QKJ2 JNOG 27UP SAAR EIZU", "", Base32, "", 20},
		{"obLD1OX2BxgpOktcbX6PkAESIzQ=", "", Base64, "cannot be hexadecimal or base32", 20},
		{"UGZMHVHF6YDRQKJ2JNOG27UPSE======", "", Base32, "", 16},
	} {
		text := ""
		for s := range strings.SplitSeq(tt.secrets, ",") {
			text += "x," + s + "\n"
		}
		c := mustOpen(t, text, Options{Format: OATHCSV, Encoding: tt.ask})
		if len(c.keys) == 0 || c.info.Encoding != tt.want || !strings.Contains(c.info.EncodingReason, tt.why) ||
			len(c.keys[0].Secret) != tt.size {
			t.Errorf("%s: %s because %q, %d keys", tt.secrets, c.info.Encoding, c.info.EncodingReason, len(c.keys))
		}
	}
	// What people add to a secret is passed over, and what may be a loss is not.
	for s, e := range map[string]Encoding{
		"UGZMHVHF6YDRQKJ2JNOG27UPSA=": Base32, "ugzm-hvhf-6ydr-qkj2-jnog-27up-saar-eizu": Base32,
		"UGZM+HVHF+6YDR+QKJ2+JNOG+27UP+SAAR+EIZU": Base32, "UGZMHVHF6ydrqkj2JNOG27UPSAAREIZU": Base32,
		"ugzmh vhf6y drqkj 2jnog 27ups aarei zu": Base32,
		"0x" + k1hex:                             Hex, "0X" + strings.ToLower(k1hex): Hex, "A1:B2:C3:D4:E5:F6:07:18:29:3A:4B:5C:6D:7E:8F:90": Hex,
		"A1B2-C3D4-E5F6-0718-293A-4B5C-6D7E-8F90-01": Hex, "A1 B2 C3 D4 E5 F6 07 18 29 3A 4B 5C 6D 7E 8F 90": Hex,
	} {
		c := mustOpen(t, "serial,secret,type\na,"+s+",totp\n", Options{})
		want := unhex(t, k1hex)
		if len(c.keys) != 1 || c.info.Encoding != e || !bytes.HasPrefix(want, c.keys[0].Secret) {
			t.Errorf("%s: %s, %+v, %v", s, c.info.Encoding, c.keys, c.refused)
		}
		if _, ok := e.decode([]byte(s)); !ok {
			t.Errorf("%s is not taken", s)
		}
	}
	for _, s := range []string{"UGZMHVHF6YDRQKJ2JNOG27UP====", "UGZMHVHF6YDRQKJ2JNOG27UPS", "-UGZM-HVHF-6YDR-QKJ2",
		"UGZM-HVHF-6YDR-QK-J2JN", "UGZM--HVHF-6YDR-QKJ2", "UGZM-HVHF-", "UGZM+HVHFF+6YDR"} {
		if _, ok := Base32.decode([]byte(s)); ok {
			t.Errorf("%s is taken", s)
		}
	}
	for _, s := range []string{"-1234567890123456789012345678901", "0x", "0x0x1234", "A1:B2C3:D4", "A1:B2::C3"} {
		if _, ok := Hex.decode([]byte(s)); ok {
			t.Errorf("%s is taken", s)
		}
	}
}
