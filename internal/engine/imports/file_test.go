package imports_test

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"ostiary/internal/core/fault"
	"ostiary/internal/core/token"
	"ostiary/internal/engine/imports"
	"ostiary/internal/test/testkit"
	"ostiary/pskc"
)

// examine opens a file of the vectors of package pskc, or a text.
func examine(t *testing.T, text string, opt pskc.Options) (*imports.File, imports.Examination, error) {
	t.Helper()
	if strings.HasSuffix(text, ".pskc") {
		b, err := os.ReadFile(filepath.Join("../../../pskc/testdata", text))
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	f, err := imports.OpenFile(strings.NewReader(text), imports.FileOptions{PSKC: opt})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	x, err := imports.Examine(f)
	return f, x, err
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestProtection(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]imports.Protection{
		"vectors/figure3.pskc": {},
		"vectors/figure6.pskc": {Key: "pre-shared key", KeyName: "Pre-shared-key",
			Cipher: "AES-128-CBC", MAC: "HMAC-SHA-1"},
		"vectors/figure7.pskc": {Key: "passphrase", KeyName: "My Password 1",
			Derivation: "PBKDF2-HMAC-SHA-1", Iterations: 1000, Cipher: "AES-128-CBC", MAC: "HMAC-SHA-1"},
		"vectors/figure9.pskc": {Signature: true},
		"rsa/value-oaep.pskc":  {Key: "RSA key", Cipher: "RSA-OAEP"},
		"rsa/key-rsa15.pskc": {Key: "RSA key", Cipher: "AES-128-CBC",
			MAC: "HMAC-SHA-256"},
		"python-pskc/psk-kw-aes256.pskc": {Key: "pre-shared key", KeyName: "Key of the order",
			Cipher: "AES-256 key wrap"},
		"python-pskc/psk-3des192.pskc": {Key: "pre-shared key", KeyName: "Key of the order",
			Cipher: "Triple-DES", MAC: "HMAC-SHA-1"},
		"python-pskc/pbkdf2-sha512-aes256.pskc": {Key: "passphrase", KeyName: "Passphrase",
			Derivation: "PBKDF2-HMAC-SHA-512", Iterations: 1000, Cipher: "AES-256-CBC", MAC: "HMAC-SHA-1"},
		"serial,secret\n1," + hex.EncodeToString([]byte(seed)): {},
	} {
		f, _, _ := examine(t, name, pskc.Options{}) // without its key
		if got := f.Protection(); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// TestTripleDES: whoever meets such a file is told the flag that reads it, not a
// name from inside the program.
func TestTripleDES(t *testing.T) {
	t.Parallel()
	const name = "python-pskc/psk-3des192.pskc"
	_, _, err := examine(t, name, pskc.Options{})
	testkit.IsFault(t, err, fault.Invalid, "unsupported_file")
	f, _ := errors.AsType[*fault.Error](err)
	if f == nil || !strings.Contains(f.Hint, "--allow-3des") || strings.Contains(f.Error(), "AllowTripleDES") {
		t.Errorf("error %v", err)
	}
	key := unhex(t, "0102030405060708090a0b0c0d0e0f101112131415161718")
	// Among keys that can be read, it is the reason of its own key.
	b, err := os.ReadFile("../../../pskc/testdata/python-pskc/encrypted-numbers.pskc")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	i := strings.LastIndex(text, "#aes192-cbc")
	_, x, err := examine(t, text[:i]+"#tripledes-cbc"+text[i+len("#aes192-cbc"):], pskc.Options{PreSharedKey: key})
	if err != nil || len(x.Keys) == 0 || len(x.Refused) == 0 {
		t.Fatalf("keys %+v, refused %+v, error %v", x.Keys, x.Refused, err)
	}
	if last := x.Refused[len(x.Refused)-1]; !strings.Contains(last.Reason, "--allow-3des") ||
		strings.Contains(last.Reason, "Allow") {
		t.Errorf("keys %+v, refused %+v, error %v", x.Keys, x.Refused, err)
	}
	if _, x, err := examine(t, name, pskc.Options{PreSharedKey: key, AllowTripleDES: true}); err != nil ||
		len(x.Keys) == 0 {
		t.Errorf("%+v, error %v", x, err)
	}
}

func TestExamine(t *testing.T) {
	t.Parallel()
	secret := hex.EncodeToString([]byte(seed))
	_, x, err := examine(t, "serial,secret,type,digits,period\n"+
		"1,"+secret+",totp,6,60\n2,"+secret+",totp,6,30\n3,"+secret+",hotp,8,\n4,"+secret[:8]+",totp,6,30\n5,"+secret+
		",totp,6,30\n", pskc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	spec := func(a token.Algorithm, digits int, period int64) token.Spec {
		return token.Spec{Algorithm: a, Hash: "SHA1", Digits: digits, Period: period}
	}
	want := []imports.Group{{"hotp", spec(token.HOTP, 8, 0), 1}, {"totp", spec(token.TOTP, 6, 30), 2},
		{"totp", spec(token.TOTP, 6, 60), 1}}
	if !reflect.DeepEqual(x.Keys, want) {
		t.Errorf("keys %+v", x.Keys)
	}
	if len(x.Refused) != 1 || x.Refused[0].Line != 5 || !strings.Contains(x.Refused[0].Reason, "cell B5") {
		t.Errorf("refused %+v", x.Refused)
	}
	_, _, err = examine(t, container(), pskc.Options{})
	testkit.IsFault(t, err, fault.Invalid, "malformed_file")
}

// TestFileUsers: the users that a file names come with its keys.
func TestFileUsers(t *testing.T) {
	t.Parallel()
	f, err := imports.OpenFile(strings.NewReader("upn,serial number,secret key,time interval\na.lund@corp.example,1,"+
		hex.EncodeToString([]byte(seed))+",30\n"), imports.FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if slices.ContainsFunc(f.Notes, func(s string) bool { return strings.Contains(s, "user") }) {
		t.Errorf("notes %q", f.Notes)
	}
	if k, err := f.Next(); err != nil || k.KeyUserID != "a.lund@corp.example" {
		t.Errorf("key %+v, error %v", k, err)
	}
}
