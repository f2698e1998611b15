package api_test

import (
	"os"
	"strings"
	"testing"

	"ostiary/internal/test/testkit"
)

func testdata(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../../pskc/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Files that need more than a passphrase, and tables that need to be explained.
func TestImportOptions(t *testing.T) {
	t.Parallel()
	s := testkit.NewServer(t)
	upload := func(parts ...testkit.Part) testkit.Answer { return s.Upload(t, testkit.Admin, parts...) }
	refused := func(name, code string, parts ...testkit.Part) {
		t.Helper()
		a := upload(parts...)
		if p := a.Problem(t); a.Status != 422 || p.Code != code {
			t.Errorf("%s: answer %d %s, want 422 %s", name, a.Status, a.Body, code)
		}
	}

	rsa, key := part("file", testdata(t, "rsa/key-oaep-sha256.pskc")), testdata(t, "rsa/key.pem")
	refused("no private key", "key_needed", rsa)
	refused("a private key that is none", "private_key", part("private_key", "-----BEGIN X-----"), rsa)
	refused("two kinds of keys", "key_or_passphrase", part("private_key", key), part("passphrase", "x"), rsa)
	if rep := report(t, upload(part("private_key", key), rsa)); rep.Imported == 0 || rep.Refused != 0 ||
		rep.Format != "pskc" {
		t.Errorf("with the private key: %+v", rep)
	}

	des, psk := part("file", testdata(t, "python-pskc/psk-3des192.pskc")),
		part("key_hex", "0102030405060708090a0b0c0d0e0f101112131415161718")
	refused("Triple-DES without the switch", "unsupported_file", psk, des)
	if rep := report(t, upload(psk, part("allow_3des", "true"), des)); rep.Imported+rep.Duplicate+rep.Twin == 0 ||
		rep.Refused != 0 {
		t.Errorf("Triple-DES with the switch: %+v", rep)
	}

	table := part("file", "serial,secret\n80000001,3938373635343332313039383736353433323130\n")
	refused("a format that is none", "form_value", part("format", "xls"), table)
	refused("an encoding that is none", "form_value", part("encoding", "octal"), table)
	refused("digits", "form_value", part("digits", "5"), table)
	refused("a period", "form_value", part("period", "0"), table)
	refused("a hash", "form_value", part("hash", "MD5"), table)
	refused("a product", "form_value", part("product", "DN"), table)
	refused("a passphrase for a table", "key_not_wanted", part("passphrase", "x"), table)
	rep := report(t, upload(part("kind", "hotp"), part("digits", "8"), part("manufacturer", "ACME"),
		part("hash", "sha-1"), table))
	if rep.Imported != 1 || rep.Format != "oath-csv" || rep.Sample == nil || rep.Sample.Code != "04469711" ||
		len(rep.Notes) == 0 {
		t.Errorf("a table with its explanation: %+v, sample %+v", rep, rep.Sample)
	}
	if a := s.Do(t, testkit.Admin, "GET", "/api/v1/tokens/80000001", nil); !strings.Contains(string(a.Body), `"manufacturer":"ACME"`) || !strings.Contains(string(a.Body), `"digits":8`) {
		t.Errorf("the token: %s", a.Body)
	}
}
