package e2e

import (
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"ostiary/internal/doors/wire"
)

// TestRefusedFiles imports what no import may take. Each file is refused with
// words that say why, and leaves nothing behind.
func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	s.imports(plain(t, hotp("70000001")), 1)

	const passphrase = "the passphrase of the letter"
	psk := random(16)
	byKey := read(t, seedFile(t, order{Keys: hotps(70001000, 3), PSK: psk}))
	byPassphrase := read(t, seedFile(t, order{Keys: hotps(70002000, 3), Passphrase: passphrase}))
	many := hotps(70003000, 600)
	short := hotp("70004000")
	short.Seed = random(4)
	keyFlag := "--key-hex-file=" + writeFile(t, "key", psk)
	passFlag := "--passphrase-file=" + writeFile(t, "pass", passphrase)

	for _, bad := range []struct {
		name, file string
		flags      []string
		code       int
		says       string
	}{
		{"an empty file", "", nil, 2, "an empty file"},
		{"a page of HTML", "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><p>Sign " +
			"in</p></body></html>\n", nil, 2, "a web page"},
		{"a text", "Dear customer, please find the keys attached.\n", nil, 2, "not known"},
		{"what a spreadsheet left", "serial,secret\n1.2E+11,3132333435363738393031323334353637383930\n", nil, 1,
			"cell A2"},
		{"a container without keys", container(), nil, 2, "no KeyPackage"},
		{"a file cut off", container(many...)[:200_000], nil, 2, "damaged"},
		{"an entity bomb", bomb, nil, 2, "ostiary:"},
		{"an external entity", strings.Replace(container(many[0]), "?>", `?><!DOCTYPE k [<!ENTITY x SYSTEM "file:///etc/passwd">]>`, 1), nil, 2, "ostiary:"},
		{"too many iterations", substitute(t, byPassphrase, `>10000<`, `>10000001<`), []string{passFlag}, 2, "10000000"},
		{"no passphrase given", byPassphrase, nil, 2, "--passphrase-file"},
		{"a wrong passphrase", byPassphrase,
			[]string{"--passphrase-file=" + writeFile(t, "wrong", "a wrong passphrase")}, 2, "does not fit"},
		{"a wrong key", byKey, []string{"--key-hex-file=" + writeFile(t, "wrong", random(16))}, 2, "does not fit"},
		{"a key of another length", byKey, []string{"--key-hex-file=" + writeFile(t, "wrong", random(32))}, 2,
			"length"},
		{"a key that is no hexadecimal", byKey, []string{"--key-hex-file=" + writeFile(t, "wrong", "not hexadecimal")},
			2, "not hexadecimal"},
		{"the MACs stripped", stripMACs(t, byKey, true), []string{keyFlag}, 2, "allow-unauthenticated"},
		{"the values of the MACs stripped", stripMACs(t, byKey, false), []string{keyFlag}, 1, "MAC"},
		{"the values of the MACs stripped, allowed", stripMACs(t, byKey, false),
			[]string{keyFlag, "--allow-unauthenticated"}, 1, "MAC"},
		{"the first secret altered", alterSecret(t, byKey, 1), []string{keyFlag}, 2, "altered"},
		{"another secret altered", alterSecret(t, byKey, 3), []string{keyFlag}, 1, "altered"},
		{"a key of 4 bytes", container(many[0], short, many[1]), nil, 1, "held back"},
		{"another secret under a serial", container(hotp("70000001")), nil, 1, "conflict"},
	} {
		t.Run(bad.name, func(t *testing.T) {
			s.t = t
			before := s.tokens()
			r := s.run(append([]string{"token", "import", writeFile(t, "tokens.pskc", bad.file)}, bad.flags...)...)
			if r.code != bad.code || !strings.Contains(r.out+r.err, bad.says) {
				t.Errorf("ended with %d, want %d and %q:\n%s%s", r.code, bad.code, bad.says, r.out, r.err)
			}
			if strings.Contains(r.err, "panic") || strings.Contains(r.err, "internal error") ||
				strings.Contains(r.out+r.err, passphrase) {
				t.Errorf("the refusal says:\n%s%s", r.out, r.err)
			}
			if after := s.tokens(); !reflect.DeepEqual(after, before) {
				t.Errorf("the import left %d tokens where there were %d", len(after), len(before))
			}
		})
	}
	s.t = t
	// Nothing of them is in the way of the good files.
	s.imports(writeFile(t, "a.pskc", container(many...)), len(many))
	s.imports(writeFile(t, "b.pskc", byPassphrase), 3, passFlag)
	s.imports(writeFile(t, "c.pskc", stripMACs(t, byKey, true)), 3, keyFlag, "--allow-unauthenticated")
	rep := wire.ImportReport{}
	mixed := container(hotp("70005000"), short, hotp("70005001"))
	decodeText(t, s.exits(1, "token", "import", writeFile(t, "d.pskc", mixed), "--skip-bad", "--json"), &rep)
	if rep.Imported != 2 || rep.Refused != 1 || len(rep.Rows) != 1 || rep.Rows[0].N != 2 ||
		!strings.Contains(rep.Rows[0].Reason, "32 bits") {
		t.Errorf("a file with one bad key, imported with --skip-bad: %+v", rep)
	}
	if s.as(s.key("v", "verifier")).verify("serial", many[599].Serial, many[599].code(t, 0)) != true {
		t.Error("a token of the file that was once cut off does not verify")
	}
	s.auditOK()
}

// TestRefusedUpload speaks to the import over HTTP, past the command line.
func TestRefusedUpload(t *testing.T) {
	t.Parallel()
	s := start(t, newData(t))
	admin := s.as(s.key("admin", "admin"))
	part := func(name, value string) string {
		return "--b\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	file := part("file", container(hotp("71000001")))
	for _, bad := range []struct {
		name, kind, body string
		status           int
	}{
		{"no form", "application/json", "{}", http.StatusUnprocessableEntity},
		{"no file", "multipart/form-data; boundary=b", part("dry_run", "true") + "--b--\r\n",
			http.StatusUnprocessableEntity},
		{"an unknown part", "multipart/form-data; boundary=b", part("pin", "1234") + file + "--b--\r\n",
			http.StatusUnprocessableEntity},
		{"a flag that is none", "multipart/form-data; boundary=b", part("dry_run", "perhaps") + file + "--b--\r\n",
			http.StatusUnprocessableEntity},
		{"a passphrase and a key", "multipart/form-data; boundary=b", part("passphrase", "x") +
			part("key_hex", random(16)) + file + "--b--\r\n", http.StatusUnprocessableEntity},
		{"a huge passphrase", "multipart/form-data; boundary=b", part("passphrase", strings.Repeat("x", 1<<20)) + file +
			"--b--\r\n", http.StatusRequestEntityTooLarge},
		{"no end", "multipart/form-data; boundary=b", file[:len(file)/2], http.StatusUnprocessableEntity},
		{"no boundary", "multipart/form-data", file, http.StatusUnprocessableEntity},
	} {
		a := admin.raw(http.MethodPost, "/api/v1/imports", bad.kind, bad.body)
		if p := a.problem(t); a.status != bad.status {
			t.Errorf("%s: %d, want %d: %+v", bad.name, a.status, bad.status, p)
		}
	}
	if got := s.tokens(); len(got) != 0 {
		t.Errorf("refused uploads left tokens: %v", got)
	}
	if a := admin.raw(http.MethodPost, "/api/v1/imports", "multipart/form-data; boundary=b",
		file+"--b--\r\n"); a.status != http.StatusOK || len(s.tokens()) != 1 {
		t.Errorf("after them a good upload: %d %s", a.status, a.body)
	}
}

// bomb would be a gigabyte when its entities are replaced.
var bomb = func() string {
	var b strings.Builder
	b.WriteString("<?xml version=\"1.0\"?>\n<!DOCTYPE KeyContainer [\n<!ENTITY a0 \"aaaaaaaaaa\">\n")
	for i := 1; i < 9; i++ {
		fmt.Fprintf(&b, "<!ENTITY a%d \"%s\">\n", i, strings.Repeat(fmt.Sprintf("&a%d;", i-1), 10))
	}
	b.WriteString("]>\n<KeyContainer Version=\"1.0\" " +
		"xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\"><KeyPackage><DeviceInfo><SerialNo>&a8;</SerialNo></DeviceInfo></KeyPackage></KeyContainer>\n")
	return b.String()
}()

func read(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// substitute replaces what a pattern finds, which must be there.
func substitute(t testing.TB, text, pattern, by string) string {
	t.Helper()
	re := regexp.MustCompile(`(?s)` + pattern)
	if !re.MatchString(text) {
		t.Fatalf("there is no %s in:\n%s", pattern, text)
	}
	return re.ReplaceAllString(text, by)
}

// stripMACs takes the MACs off a file, with or without their announcement.
func stripMACs(t testing.TB, text string, method bool) string {
	t.Helper()
	text = substitute(t, text, `<(pskc:)?ValueMAC>.*?</(pskc:)?ValueMAC>`, "")
	if method {
		text = substitute(t, text, `<(pskc:)?MACMethod .*?</(pskc:)?MACMethod>`, "")
	}
	return text
}

// alterSecret changes one character in the n-th secret.
func alterSecret(t testing.TB, text string, n int) string {
	t.Helper()
	parts := strings.SplitAfter(text, "<pskc:EncryptedValue>")
	if len(parts) <= n {
		t.Fatalf("there are not %d secrets in:\n%s", n, text)
	}
	at := strings.Index(parts[n], "CipherValue>") + len("CipherValue>") + 20
	other := "A"
	if parts[n][at] == 'A' {
		other = "B"
	}
	parts[n] = parts[n][:at] + other + parts[n][at+1:]
	return strings.Join(parts, "")
}
