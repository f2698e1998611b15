package seedfile

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// places are what the reason of a refusal says by counting.
var places = regexp.MustCompile(`cell [A-Z]+\d+|key \d+ of the URI`)

// bare is an answer without what changes when others are left out.
func bare(a answer) answer {
	if a.bad != nil {
		bad := *a.bad
		bad.Line, bad.Reason = 0, places.ReplaceAllString(bad.Reason, "_")
		return answer{bad: &bad}
	}
	key := *a.key
	key.Line = 0
	return answer{key: &key}
}

// checkRemainder demands that a remainder gives the answers of what was kept.
func checkRemainder(t *testing.T, text string, opt Options, keep func(n int) bool) {
	t.Helper()
	whole := mustOpen(t, text, opt)
	var want []answer
	for n, a := range whole.answers {
		if keep(n) {
			want = append(want, bare(a))
		}
	}
	var out bytes.Buffer
	kept, err := Remainder(&out, strings.NewReader(text), opt, keep)
	if err != nil || kept != len(want) {
		t.Fatalf("%d kept, want %d, error %v", kept, len(want), err)
	}
	if opt.Format = whole.info.Format; Detect([]byte(text)) == opt.Format {
		if got := Detect(out.Bytes()); got != opt.Format {
			t.Fatalf("the remainder of %s is recognised as %q:\n%q", opt.Format, got, out.String())
		}
	}
	rest := mustOpen(t, out.String(), opt)
	if len(rest.answers) != len(want) {
		t.Fatalf("the remainder has %d answers, want %d:\n%q", len(rest.answers), len(want), out.String())
	}
	for i, a := range rest.answers {
		if got := bare(a); !reflect.DeepEqual(got, want[i]) {
			t.Fatalf("answer %d of the remainder is %+v %v, want %+v %v:\n%q", i, got.key, got.bad, want[i].key,
				want[i].bad, out.String())
		}
	}
	if opt.Encoding == "" && rest.info.Encoding != whole.info.Encoding {
		t.Fatalf("the remainder is read as %s, the whole as %s", rest.info.Encoding, whole.info.Encoding)
	}
}

// testRemainders keeps all, nothing, each one, and random parts.
func testRemainders(t *testing.T, text string, opt Options) {
	t.Helper()
	c := mustOpen(t, text, opt)
	checkRemainder(t, text, opt, func(int) bool { return true })
	checkRemainder(t, text, opt, func(int) bool { return false })
	for i := range c.answers {
		checkRemainder(t, text, opt, func(n int) bool { return n == i })
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		mask := random.Uint64()
		checkRemainder(t, text, opt, func(n int) bool { return mask>>n&1 == 1 })
	}
}

// TestRemainder: what is kept stands as it stood.
func TestRemainder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text, want string
	}{
		{"titles", "sep=;\nSecret;\"Serial No\";type\n" + k1hex + ";a;\n\n" + strings.ToLower(k2hex) + "; b ;totp\n" +
			k1hex + ";c;\n",
			"sep=;\n#rest: secrets=hex\nSecret;\"Serial No\";type\n\n" + strings.ToLower(k2hex) + "; b ;totp\n"},
		{"no titles", "# of the branch\na," + k1hex + "\nb,X1\n",
			"#rest: secrets=hex\nserial,secret,type,digits,period,counter\n# of the branch\nb,X1\n"},
		{"CRLF, no line break at the end", "a\t" + k1hex + "\r\nb\t\"" + k2hex + "\"",
			"#rest: secrets=hex\nserial\tsecret\ttype\tdigits\tperiod\tcounter\nb\t\"" + k2hex + "\""},
		{"XML", testfile(t, "dualshield-v3/pocketid.xml")[:strings.LastIndex(testfile(t, "dualshield-v3/pocketid.xml"),
			"<tokenInfo>")] + "<tokenInfo/><!-- end -->\n</tokenList>",
			"<tokenList><tokenInfo/><!-- end -->\n</tokenList>"},
		{"URIs", "otpauth://totp/a?secret=" + k1b32 + "\n  otpauth://totp/b?secret=" + k2b32 + "&period=60&issuer=\n",
			"# otpauth URIs\n  otpauth://totp/b?secret=" + k2b32 + "&period=60&issuer=\n"},
		{"Yubico", testfile(t, "yubico-csv/short.csv"), "LOGGING START,\n" +
			"508328,cccccccccccc,83cebdfb7b93,00112233445566778899aabbccddeeff,,2013-12-12T08:43:17,\n" +
			"1382042,ubhe01382042,5,5f0e1d2c3b4a596877868594a3b2c1d0effe0d1c,,2013-12-12T08:41:17,\n"},
	} {
		var out strings.Builder
		if _, err := Remainder(&out, strings.NewReader(tt.text), Options{},
			func(n int) bool { return n%2 == 1 }); err != nil || out.String() != tt.want {
			t.Errorf("%s: %q, want %q, error %v", tt.name, out.String(), tt.want, err)
		}
		testRemainders(t, tt.text, Options{})
	}
	// One key of a token, and one of a URI.
	var out strings.Builder
	if _, err := Remainder(&out, strings.NewReader(testfile(t, "safenet-xml/two-keys.xml")), Options{},
		func(n int) bool { return n == 1 }); err != nil ||
		strings.Contains(out.String(), "ab1397d2") || !strings.Contains(out.String(), "<ProductName>Example "+
		"Alpine</ProductName>\n    <Applications>\n      <Application ConnectorID=\"{2}\">") {
		t.Errorf("%s, error %v", out.String(), err)
	}
	out.Reset()
	k1, k2 := unhex(t, k1hex), unhex(t, k2hex)
	batch := cat(num(payloadVersion, 1), num(batchSize, 2), num(batchIndex, 0), num(batchID, 7))
	_, err := Remainder(
		&out,
		strings.NewReader(migrationURI(cat(account(k1, "a", ""), account(k2, "b", "X", num(keyDigits, 2)), batch))),
		Options{}, func(n int) bool { return n == 1 })
	if want := "# otpauth-migration URIs\n" +
		migrationURI(cat(account(k2, "b", "X", num(keyDigits, 2)), batch)); err != nil || out.String() != want {
		t.Errorf("%q, want %q, error %v", out.String(), want, err)
	}
}

// TestRemainderJudged: what was refused because of other rows is refused without
// them.
func TestRemainderJudged(t *testing.T) {
	t.Parallel()
	const tail = "," + k1hex + "\n"
	either := "ABCDEF234567ABCDEF234567ABCDEF23" // hexadecimal or base32
	for name, text := range map[string]string{
		"lost zeros": "100123" + tail + "999" + tail + "543210" + tail + "765432" + tail,
		"zeros lost, as some say": "serial,secret,type\n000123" + tail + "999" + tail + "543210" + tail + "765432" +
			tail,
		"rounded":                   "2600124809778000000" + tail + "2600124809779000000" + tail,
		"cut off":                   "a" + tail + "b," + k2hex[:36],
		"cut off, and with titles":  "serial,secret,upn\na" + tail + "b," + k2hex[:36],
		"may be hexadecimal":        "a" + tail + "b," + either + "\n",
		"may be base32":             "a," + k1b32 + "\nb," + either + "\n",
		"mistyped":                  "a" + tail + "b," + k2b32 + "1\n",
		"none is right":             "serial,secret\na,?\nb,!\n",
		"marks that are not closed": "a" + tail + "b,\"x\nc,y\"\nz\"\nd" + tail,
		"a title as a cell":         "a" + tail + "serial,secret\nb" + tail,
		"another separator":         "a;" + k1hex + "\n\"b;c\"\n",
		"bars":                      "sep=|\na|" + k1hex + "\nb|x\n",
		"latin 1": "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><Tokens><!-- \xe4 --><Token " +
			"serial=\"\xe4\">" + "<Applications><Application><Seed>" + k1hex +
			"</Seed></Application></Applications></Token><Token/></Tokens>",
		"a mark on the second line": "otpauth://totp/a?secret=" + k1b32 + "\n\ufeffotpauth://totp/b?secret=" + k1b32 +
			"\n",
	} {
		t.Run(name, func(t *testing.T) { testRemainders(t, text, Options{Format: formatOf(text)}) })
	}
	// A remainder of a remainder, and what a spreadsheet program made of its line.
	var out strings.Builder
	text := "100123" + tail + "999" + tail + "543210" + tail + "765432" + tail
	if _, err := Remainder(&out, strings.NewReader(text), Options{}, func(n int) bool { return n < 2 }); err != nil {
		t.Fatal(err)
	}
	rest := out.String()
	testRemainders(t, rest, Options{})
	for _, rest := range []string{rest, strings.Replace(rest, "\n", ",,,,,\n", 1),
		"\"" + strings.Replace(rest, "\n", "\"\r\n", 1)} {
		c := mustOpen(t, rest, Options{})
		if refusals(t, c.refused, "4: cell A4 has fewer digits (3)"); c.info.EncodingReason != "as the line #rest: of "+
			"the file says" {
			t.Errorf("info %+v", c.info)
		}
		mended := mustOpen(t, strings.Replace(rest, "\n999,", "\n000999,", 1), Options{})
		if refusals(t, mended.refused); len(mended.keys) != 2 {
			t.Errorf("mended: %+v", mended.keys)
		}
		if kept := mustOpen(t, rest, Options{KeepSerials: true}); len(kept.keys) != 2 {
			t.Errorf("as they are: %+v", kept.keys)
		}
	}
	for _, word := range []string{"secrets=fish", "digits=0", "least=x", "rounded=1", "colour=red"} {
		_, err := open("#rest: "+word+"\nserial,secret\n", Options{})
		fails(t, err, ErrMalformed, word)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestRemainderErrors(t *testing.T) {
	t.Parallel()
	keep := func(int) bool { return true }
	if _, err := Remainder(brokenWriter{}, strings.NewReader(testfile(t, "oath-csv/plain.csv")), Options{},
		keep); err == nil || err.Error() != "disk full" {
		t.Errorf("error %v", err)
	}
	var out strings.Builder
	_, err := Remainder(&out, strings.NewReader("<KeyContainer/>"), Options{}, keep)
	if fails(t, err, ErrPSKC, "PSKC"); out.Len() != 0 {
		t.Errorf("%q is written", out.String())
	}
}
