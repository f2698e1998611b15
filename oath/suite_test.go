package oath

import (
	"errors"
	"strings"
	"testing"
)

func TestParseSuite(t *testing.T) {
	tests := []struct {
		text string
		want Suite
	}{
		{"OCRA-1:HOTP-SHA1-0:QH40", Suite{Hash: SHA1, Format: 'H', Length: 40}},
		{"OCRA-1:HOTP-SHA1-10:QA04", Suite{Hash: SHA1, Digits: 10, Format: 'A', Length: 4}},
		{"OCRA-1:HOTP-SHA1-4:QN08", Suite{Hash: SHA1, Digits: 4, Format: 'N', Length: 8}},
		{"OCRA-1:HOTP-SHA1-6:QN08-S001", Suite{Hash: SHA1, Digits: 6, Format: 'N', Length: 8, Session: 1}},
		{"OCRA-1:HOTP-SHA1-6:QN08-S512", Suite{Hash: SHA1, Digits: 6, Format: 'N', Length: 8, Session: 512}},
		{"OCRA-1:HOTP-SHA1-6:QN08-T1H", Suite{Hash: SHA1, Digits: 6, Format: 'N', Length: 8, Period: 3600}},
		{"OCRA-1:HOTP-SHA1-6:QN08-T1S", Suite{Hash: SHA1, Digits: 6, Format: 'N', Length: 8, Period: 1}},
		{"OCRA-1:HOTP-SHA1-6:QN08-T48H", Suite{Hash: SHA1, Digits: 6, Format: 'N', Length: 8, Period: 48 * 3600}},
		{"OCRA-1:HOTP-SHA1-6:QN08-T59M", Suite{Hash: SHA1, Digits: 6, Format: 'N', Length: 8, Period: 59 * 60}},
		{"OCRA-1:HOTP-SHA1-6:QN08-T59S", Suite{Hash: SHA1, Digits: 6, Format: 'N', Length: 8, Period: 59}},
		{"OCRA-1:HOTP-SHA256-8:C-QN08-PSHA1", Suite{Hash: SHA256, Digits: 8, Counter: true, Format: 'N', Length: 8,
			PIN: SHA1}},
		{"OCRA-1:HOTP-SHA512-10:C-QN64-PSHA512-S512-T59M", Suite{SHA512, 10, true, 'N', 64, SHA512, 512, 59 * 60}},
		{"OCRA-1:HOTP-SHA512-8:QA10-PSHA256-T1M", Suite{Hash: SHA512, Digits: 8, Format: 'A', Length: 10, PIN: SHA256,
			Period: 60}},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := ParseSuite(tt.text)
			if err != nil || got != tt.want {
				t.Fatalf("ParseSuite = %+v, %v; want %+v", got, err, tt.want)
			}
			if got.String() != tt.text {
				t.Errorf("String = %q", got)
			}
		})
	}
}

func TestParseSuiteRefusals(t *testing.T) {
	const head = "OCRA-1:HOTP-SHA1-6:"
	for _, text := range []string{
		"", "OCRA-1", "OCRA-1:", "OCRA-1:HOTP-", "OCRA-1:HOTP-SHA1", "OCRA-1:HOTP-SHA1-", "OCRA-1:HOTP-SHA1-6", head,
		"OCRA-2:HOTP-SHA1-6:QN08", "OCRA-1:TOTP-SHA1-6:QN08", "ocra-1:HOTP-SHA1-6:QN08", "OCRA-1:hotp-SHA1-6:QN08",
		"OCRA-1:HOTP-sha1-6:QN08", "OCRA-1:HOTP-SHA-1-6:QN08", "OCRA-1:HOTP-SHA224-6:QN08", "OCRA-1:HOTP-MD5-6:QN08",
		"OCRA-1:HOTP-SHA1-1:QN08", "OCRA-1:HOTP-SHA1-3:QN08", "OCRA-1:HOTP-SHA1-11:QN08", "OCRA-1:HOTP-SHA1-06:QN08",
		"OCRA-1:HOTP-SHA1-00:QN08", "OCRA-1:HOTP-SHA1--6:QN08", "OCRA-1:HOTP-SHA1-100:QN08", "OCRA-1:HOTP-SHA1-x:QN08",
		"OCRA-1:HOTP-SHA1-6:QN08:", "OCRA-1:HOTP-SHA1-6::QN08", " " + head + "QN08", head + "QN08 ", head + "QN08\n",
		head + "C", head + "C-", head + "CQN08", head + "C-C-QN08", head + "QN08-C", head + "c-QN08", head + "PSHA1",
		head + "C-PSHA1",
		head + "Q", head + "QN", head + "QN8", head + "QN008", head + "QN03", head + "QN00", head + "QN65",
		head + "QN99",
		head + "QX08", head + "qN08", head + "Qn08", head + "QN0x", head + "QN+8", head + "Q08",
		head + "QN08-QN08", head + "QN08-", head + "QN08--PSHA1", head + "-QN08",
		head + "QN08-P", head + "QN08-PSHA", head + "QN08-PMD5", head + "QN08-Psha1", head + "QN08-PSHA1-PSHA1",
		head + "QN08-PSHA11",
		head + "QN08-S", head + "QN08-S64", head + "QN08-S0064", head + "QN08-S000", head + "QN08-S513",
		head + "QN08-S999",
		head + "QN08-S064-PSHA1", head + "QN08-S064-S064", head + "QN08-S-64",
		head + "QN08-T", head + "QN08-T1", head + "QN08-TM", head + "QN08-T0M", head + "QN08-T0H", head + "QN08-T0S",
		head + "QN08-T01M",
		head + "QN08-T60S", head + "QN08-T60M", head + "QN08-T49H", head + "QN08-T1D", head + "QN08-T1m",
		head + "QN08-T100S", head + "QN08-T1M1",
		head + "QN08-T1M-S064", head + "QN08-T1M-PSHA1", head + "QN08-T1M-T1M", head + "QN08-T1MX", head + "QN08-T-1M",
		head + "QN08|PSHA1", head + "QN08-PSHA1\x00", head + strings.Repeat("QN08-", 20),
	} {
		got, err := ParseSuite(text)
		if !errors.Is(err, ErrSuite) || got != (Suite{}) {
			t.Errorf("ParseSuite(%q) = %+v, %v; want ErrSuite", text, got, err)
		}
		if !strings.HasPrefix(err.Error(), "invalid OCRA suite: ") {
			t.Errorf("ParseSuite(%q): the error gives no reason: %v", text, err)
		}
	}
}

func FuzzParseSuite(f *testing.F) {
	for _, v := range ocraVectors {
		f.Add(v.suite)
	}
	f.Add("OCRA-1:HOTP-SHA512-10:C-QN64-PSHA512-S512-T48H")
	f.Add("OCRA-1:HOTP-SHA1-0:QH40-T60S")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSuite(text)
		if err != nil {
			if !errors.Is(err, ErrSuite) || s != (Suite{}) {
				t.Fatalf("ParseSuite(%q) = %+v, %v", text, s, err)
			}
			return
		}
		if s.String() != text {
			t.Fatalf("%q reads as %q", text, s)
		}
		in := Input{Question: "1"}
		if s.PIN != 0 {
			in.PIN = NewSecret([]byte("1234"))
		}
		if s.Session != 0 {
			in.Session = []byte("session")[:min(7, s.Session)]
		}
		if s.Period != 0 {
			if in.Step, err = s.TimeStep(1234567890); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Response([]byte(rfcKey), in)
		if err != nil {
			t.Fatal(err)
		}
		if want := naiveResponse(t, text, s, []byte(rfcKey), in); got != want {
			t.Fatalf("%q: Response = %q, want %q", text, got, want)
		}
	})
}
