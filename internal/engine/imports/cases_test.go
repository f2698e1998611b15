package imports_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ostiary/internal/core/fault"
	"ostiary/internal/engine/imports"
	"ostiary/internal/engine/lifecycle"
	"ostiary/internal/test/testkit"
)

// fileCase is a file as people have it, and what is right for it.
type fileCase struct {
	file string
	opt  imports.FileOptions
	// tokens are what comes in, each as
	// SERIAL ALGORITHM HASH DIGITS PERIOD NEXT|issuer|owner, the last two if there are any.
	tokens []string
	// rows are parts of what is said of single keys: LINE OUTCOME SERIAL|part of the reason.
	rows []string
	// fails is a part of why the file is refused as a whole, and of its hint.
	fails, hint string
	// note is a part of the remarks on the file.
	note string
}

var cases = []fileCase{
	{file: "c01-hotp-counter-col5.csv",
		tokens: []string{"BUG-C01-1 HOTP SHA1 6 0 1234", "BUG-C01-2 HOTP SHA1 6 0 7", "BUG-C01-3 TOTP SHA1 6 60 0"},
		note:   "Column E holds the counters of HOTP tokens"},
	{file: "c01b-hotp-counter-0-and-200000.csv",
		tokens: []string{"T21-1 HOTP SHA1 6 0 0", "T21-2 HOTP SHA1 6 0 200000"},
		note:   "Column E holds the counters of HOTP tokens"},
	{file: "c02-pi-version2.csv",
		tokens: []string{"BUG-C02-1 HOTP SHA1 6 0 5||hans", "BUG-C02-2 TOTP SHA1 6 60 0"},
		note:   "realms and resolvers of users were ignored"},
	{file: "c03-linotp-hash-col6.csv", // the secret is the same one, twice
		tokens: []string{"BUG-C03-1 TOTP SHA256 6 60 0", "BUG-C03-2 TOTP SHA256 6 60 0"},
		rows:   []string{"2 imported BUG-C03-2|same secret as key 1"}},
	{file: "c06-mixed-b32.csv",
		tokens: []string{"BUG-C06-1 TOTP SHA1 6 30 0", "BUG-C06-2 TOTP SHA1 6 30 0", "BUG-C06-3 TOTP SHA1 6 30 0",
			"BUG-C06-4 TOTP SHA1 6 30 0"}},
	{file: "c07-0x.csv", tokens: []string{"BUG-C07-1 TOTP SHA1 6 30 0", "BUG-C07-2 TOTP SHA1 6 30 0"},
		note: "2 of 2 secrets can be hexadecimal"},
	{file: "c07b.csv", tokens: []string{"BUG-C07-3 TOTP SHA1 6 30 0"}, note: "the only secret is hexadecimal"},
	{file: "c08-period-ms.csv", rows: []string{"2 refused BUG-C08-1|looks like milliseconds"}},
	{file: "c08-period-ms.csv", opt: imports.FileOptions{LongSteps: true},
		tokens: []string{"BUG-C08-1 TOTP SHA1 6 30000 0"}},
	{file: "c09-titles.csv", tokens: []string{"1234567890123456 TOTP SHA1 6 30 0|Sample Works"}},
	{file: "c09b-titles.csv", fails: `the title in B1 ("Secret Key (Base32)") is not a known column`, hint: "correct its title"},
	{file: "c23-titles-unknown.csv", fails: `the title in A1 ("Token Serial Number") is not a known column`,
		hint: "correct its title"},
	{file: "m07-80bit.txt", tokens: []string{"ACME:long TOTP SHA1 6 30 0|ACME"},
		rows: []string{"1 refused ACME:short|RFC 4226 section 4, R6; --allow-short-secrets accepts it"}},
	{file: "m07-80bit.txt", opt: imports.FileOptions{ShortSecrets: true},
		tokens: []string{"ACME:short TOTP SHA1 6 30 0|ACME", "ACME:long TOTP SHA1 6 30 0|ACME"},
		rows:   []string{"1 imported ACME:short|80 bits"}},
	{file: "m11-issuerdiff.txt",
		tokens: []string{"Microsoft:Tailwind Traders:anna@corp.example TOTP SHA1 6 30 0|Microsoft"},
		note:   "differs from its label"},
	{file: "p01-noclose.pskc", fails: "the file ends early", hint: "still open in the program that writes it"},
	{file: "p06-interval.pskc",
		tokens: []string{"P06-3 TOTP SHA1 6 60 0", "P06-9 TOTP SHA1 6 30 0", "P06-11 TOTP SHA1 6 30 0"},
		rows: []string{"5 refused P06-0|looks like milliseconds", "9 refused P06-1|not a decimal number",
			"13 refused P06-2|not a decimal number", "21 refused P06-4|Time_Interval", "25 refused P06-5|TimeStep",
			"29 refused P06-6|text between elements", "33 refused P06-7|not a decimal number",
			"37 refused P06-8|not a decimal number", "45 refused P06-10|TimeInterval twice"}},
	{file: "p08b-dn-escape.pskc",
		tokens: []string{"P08b-0 TOTP SHA1 6 30 0||lang, eva", "P08b-1 TOTP SHA1 6 30 0||lang, tom",
			"P08b-2 TOTP SHA1 6 30 0||lang, ida", "P08b-3 TOTP SHA1 6 30 0||max", "P08b-4 TOTP SHA1 6 30 0||lang, uwe",
			"P08b-5 TOTP SHA1 6 30 0||elang", "P08b-6 TOTP SHA1 6 30 0||olga"}},
	{file: "p11b-counterhex.pskc",
		rows: []string{"5 refused P11b-0|its Counter is not a decimal number",
			"9 refused P11b-1|its Counter is not a decimal number", "13 refused P11b-2|its Counter is not a decimal number",
			"17 refused P11b-3|its Counter is not a decimal number",
			"21 refused P11b-4|its Counter is not a decimal number"}},
	{file: "p15-latin1.pskc", tokens: []string{"P15-1 TOTP SHA1 6 30 0"}},
	{file: "p15e-latin1-ascii.pskc", tokens: []string{"P15-5 TOTP SHA1 6 30 0"}},
	{file: "p15f-cp1252-ascii.pskc", tokens: []string{"P15-6 TOTP SHA1 6 30 0"}},
	{file: "p15g-usascii.pskc", tokens: []string{"P15-7 TOTP SHA1 6 30 0"}},
	{file: "t03-stale.csv", tokens: []string{"D-7 TOTP SHA1 6 30 0", "D-8 TOTP SHA1 6 30 0"}},
	{file: "t04-walk.csv", tokens: []string{"W-1 TOTP SHA1 6 30 0", "W-2 TOTP SHA1 6 30 0"}},
	{file: "u-01-issuer-mismatch.txt",
		tokens: []string{"Microsoft:Some Company:anna@corp.example TOTP SHA1 6 30 0|Microsoft"},
		note:   "differs from its label"},
	{file: "u-02-plus-issuer.txt", tokens: []string{"Air Works:anna TOTP SHA1 6 30 0|Air Works"}},
	{file: "u-05-raw-space.txt", tokens: []string{"Acme Works:anna@corp.example TOTP SHA1 6 30 0|Acme Works"}},
	{file: "u-05b-raw-umlaut.txt", tokens: []string{"Bäcker:jürgen TOTP SHA1 6 30 0|Bäcker"}},
	{file: "u-06-secret-space.txt", tokens: []string{"ACME:anna TOTP SHA1 6 30 0|ACME"}},
	{file: "u-08-80bit.txt", rows: []string{"1 refused ACME:anna|RFC 4226 section 4, R6; --allow-short-secrets accepts it"}},
	{file: "u-08-80bit.txt", opt: imports.FileOptions{ShortSecrets: true},
		tokens: []string{"ACME:anna TOTP SHA1 6 30 0|ACME"}, rows: []string{"1 imported ACME:anna|80 bits"}},
	{file: "u-10-steam.txt", rows: []string{"1 refused Steam:anna|an entry of Steam"}},
	{file: "u-10b-steam.txt", rows: []string{"1 refused Steam:anna|an entry of Steam"}},
	{file: "u-11b-alg-empty.txt", tokens: []string{"ACME:anna TOTP SHA1 6 30 0|ACME"}},
	{file: "u-17b-trailing-amp.txt", tokens: []string{"ACME:anna TOTP SHA1 6 30 0|ACME"}},
	{file: "u-17c-html-amp.txt", tokens: []string{"ACME:anna TOTP SHA1 6 30 0|ACME"}, note: "&amp; was read as &"},
	{file: "u-17d-Capital.txt", tokens: []string{"ACME:anna TOTP SHA1 6 30 0|ACME"}},
}

// TestFilesPeopleHave takes in each file of testdata/cases by the way that an upload
// goes, and holds what came of it against what is right.
func TestFilesPeopleHave(t *testing.T) {
	t.Parallel()
	files, err := os.ReadDir("testdata/cases")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !slices.ContainsFunc(cases, func(c fileCase) bool { return c.file == f.Name() }) {
			t.Errorf("%s has no right value here", f.Name())
		}
	}
	for _, c := range cases {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			c.test(t)
		})
	}
}

func (c fileCase) test(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata/cases", c.file))
	if err != nil {
		t.Fatal(err)
	}
	k := testkit.New(t)
	var rep testkit.Report
	f, err := k.Imports.OpenFile(t.Context(), bytes.NewReader(text), c.opt)
	if err == nil {
		defer f.Close()
		_, err = testkit.Try(k, f, makeUsers, testkit.SkipBad, func(r *imports.Request) { r.Remarks = f.Remarks })
	}
	if c.fails != "" {
		bad, _ := errors.AsType[*fault.Error](err)
		if bad == nil || !strings.Contains(bad.Error(), c.fails) || !strings.Contains(bad.Hint, c.hint) {
			t.Errorf("error %v, want %q; hint %+v", err, c.fails, bad)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	runs, err := k.Imports.Runs(t.Context(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	rep.Run = runs[0]
	rows, err := k.Imports.Rows(t.Context(), rep.ID, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tok := range k.List(t, lifecycle.Filter{}) {
		s, owner := tok.Spec, ""
		if tok.Issuer != "" || tok.OwnerName != "" {
			owner = strings.TrimRight("|"+tok.Issuer+"|"+tok.OwnerName, "|")
		}
		got = append(got, fmt.Sprintf("%s %s %s %d %d %d%s", tok.Identity.Serial, s.Algorithm, s.Hash, s.Digits, s.Period,
			tok.Condition.Next, owner))
	}
	if !slices.Equal(got, c.tokens) {
		t.Errorf("tokens\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.tokens, "\n"))
	}
	if len(rows) != len(c.rows) {
		t.Errorf("%d rows, want %d: %+v", len(rows), len(c.rows), rows)
	}
	for i := range min(len(rows), len(c.rows)) {
		what, reason, _ := strings.Cut(c.rows[i], "|")
		if got := fmt.Sprintf("%d %s %s", rows[i].Line, rows[i].Outcome, rows[i].Serial); got != what ||
			!strings.Contains(rows[i].Reason, reason) {
			t.Errorf("row %d is %s: %s; want %s", i, got, rows[i].Reason, c.rows[i])
		}
	}
	if remarks := strings.Join(rep.Remarks, " "); !strings.Contains(remarks, c.note) {
		t.Errorf("remarks %q, want %q", remarks, c.note)
	}
}
