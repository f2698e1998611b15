package seedfile

import (
	"strings"
	"testing"

	"ostiary/pskc"
)

func TestYubicoTraditional(t *testing.T) {
	for _, text := range []string{testfile(t, "yubico-csv/traditional.csv"),
		"\ufeff" + strings.ReplaceAll(testfile(t, "yubico-csv/traditional.csv"), "\n", "\r\n")} {
		c := mustOpen(t, text, Options{})
		sameKeys(t, c.keys,
			// ckdjen in modhex is the number 0x9283b.
			pskc.Key{ID: "ccccccckdjen", Kind: pskc.HOTP, Line: 2, Manufacturer: "Yubico", Serial: "600123",
				Secret: unhex(t, k1hex), HasCounter: true, Response: digits(6), HasResponse: true},
			pskc.Key{ID: "ubhe00000042", Kind: pskc.HOTP, Line: 4, Manufacturer: "Yubico", Serial: "ubhe00000042",
				Secret: unhex(t, k2hex), Counter: 16, HasCounter: true, Response: digits(8), HasResponse: true},
			pskc.Key{ID: "vvgutbiedkvi", Kind: pskc.HOTP, Line: 5, Manufacturer: "Yubico", Serial: "vvgutbiedkvi",
				Secret: unhex(t, k2hex), Counter: 3, HasCounter: true, Response: digits(6), HasResponse: true})
		refusals(t, c.refused, "3: programs the key for Yubico OTP", "6: no public identity", "7: no public identity",
			"8: Static Password", "9: Configuration Update",
			"10: 4 fields, not 18", "11: cell F11: its secret is not hex", "12: cell L12 is not a number of digits",
			"13: it is not an entry of a log")
		if c.info.Format != YubicoCSV || c.info.Sample.Code != "006951" || c.info.Sample.Serial != "600123" {
			t.Errorf("info %+v, sample %+v", c.info, c.info.Sample)
		}
	}
}

func TestYubicoShort(t *testing.T) {
	c := mustOpen(t, testfile(t, "yubico-csv/short.csv"), Options{})
	sameKeys(t, c.keys,
		pskc.Key{Kind: pskc.HOTP, Line: 1, Manufacturer: "Yubico", Serial: "508327", Secret: unhex(t, k1hex),
			HasCounter: true},
		pskc.Key{ID: "ubhe01382042", Kind: pskc.HOTP, Line: 4, Manufacturer: "Yubico", Serial: "1382042",
			Secret: unhex(t, k2hex), Counter: 5, HasCounter: true})
	refusals(t, c.refused, "2: Yubico OTP", "3: static password")
	if len(c.info.Notes) != 2 {
		t.Errorf("notes %q", c.info.Notes)
	}
	c = mustOpen(t, testfile(t, "yubico-csv/short.csv"), Options{Assume: Assume{Digits: 8}})
	if c.keys[1].Digits() != 8 || len(c.info.Notes) != 1 {
		t.Errorf("digits %d, notes %q", c.keys[1].Digits(), c.info.Notes)
	}
	text := "508327,,0,1.5E+39,,2013-12-12T08:41:07,\nx1,,0," + k1hex + ",,2013-12-12T08:41:07,\n5,,z," + k1hex +
		",,2013-12-12T08:41:07,\n"
	refusals(t, mustOpen(t, text, Options{Format: YubicoCSV}).refused, "1: cell D1 contains a number", "2: cell A2",
		"3: cell C3 is not a counter")
}
