package kdf

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"os/exec"
	"strings"
	"testing"
)

// openssl computes the same.
func TestKeyAgainstOpenSSL(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl is missing: install the package openssl")
	}
	secret := []byte("0123456789abcdef")
	for _, c := range []struct {
		label    string
		contexts [][]byte
		info     string // in hexadecimal
		n        int
	}{
		{"app", nil, "6f7374696172792f31 20 617070 00", 20},
		{"app", [][]byte{nil}, "6f7374696172792f31 20 617070 00 0000", 32},
		{"ac/1", [][]byte{[]byte("FDM10000001"), {7}}, "6f7374696172792f31 20 61632f31 00 000b " +
			"46444d3130303030303031 0001 07", 64},
	} {
		out, err := exec.CommandContext(t.Context(), "openssl", "kdf", "-keylen", itoa(c.n), "-kdfopt", "digest:SHA256",
			"-kdfopt", "hexkey:"+hex.EncodeToString(secret), "-kdfopt", "hexinfo:"+strings.ReplaceAll(c.info, " ", ""),
			"HKDF").CombinedOutput()
		if err != nil {
			t.Fatalf("openssl: %v: %s", err, out)
		}
		want := strings.ToLower(strings.ReplaceAll(strings.TrimSpace(string(out)), ":", ""))
		if got := hex.EncodeToString(Key(secret, c.label, c.n, c.contexts...)); got != want {
			t.Errorf("%s: %s, want %s", c.label, got, want)
		}
	}
}

func itoa(n int) string { return string([]byte{byte('0' + n/10), byte('0' + n%10)}) }

// Contexts are told apart, however they are cut.
func TestContextsAreToldApart(t *testing.T) {
	t.Parallel()
	secret := []byte("0123456789abcdef")
	seen := map[string]string{}
	for name, contexts := range map[string][][]byte{
		"none": nil, "empty": {nil}, "two empty": {nil, nil}, "ab": {[]byte("ab")}, "a b": {[]byte("a"), []byte("b")},
		"ba": {[]byte("ba")},
	} {
		k := string(Key(secret, "x", 32, contexts...))
		if other, ok := seen[k]; ok {
			t.Errorf("%q and %q have one key", name, other)
		}
		seen[k] = name
	}
}

func TestMACAndHashTakeParts(t *testing.T) {
	t.Parallel()
	h := hmac.New(sha256.New, []byte("key"))
	h.Write([]byte("message"))
	if string(MAC([]byte("key"), []byte("mess"), nil, []byte("age"))) != string(h.Sum(nil)) {
		t.Error("MAC of parts differs from that of the whole")
	}
	sum := sha256.Sum256([]byte("message"))
	if string(Hash("mess", []byte("age"))) != string(sum[:]) {
		t.Error("hash of parts differs from that of the whole")
	}
}

func TestMistakesPanic(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(){
		"context": func() { AppendLV(nil, make([]byte, 1<<16)) },
		"length":  func() { Key([]byte("0123456789abcdef"), "x", 256*Size) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}
