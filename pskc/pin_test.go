package pskc

import (
	"bytes"
	"strings"
	"testing"
)

const pinURI = "urn:ietf:params:xml:ns:keyprov:pskc:pin"

// A PIN key is a key like others, whatever its PIN is: digits, or bytes that are
// no text, plain or encrypted, and as short as PINs are.
func TestPINKeys(t *testing.T) {
	t.Parallel()
	pins := [][]byte{[]byte("1234"), []byte("0"), {0xff, 0, 0x80, '\n'}, bytes.Repeat([]byte{0}, 20), []byte("Zoë"),
		[]byte(" 12 ")}
	for _, pin := range pins {
		for _, uri := range []string{pinURI, "urn:ietf:params:xml:ns:keyprov:pskc#pin",
			"http://www.ietf.org/keyprov/pskc#pin", "#pin", "PIN"} {
			for name, file := range map[string]string{
				"plain":     container(pkg("1", "p", uri, data(plainSecret(string(pin))))),
				"encrypted": container(pskHeader, macXML(), pkg("1", "p", uri, data(sealed("Secret", pin, 1)))),
			} {
				for _, least := range []int{0, 1, 64} {
					k := wantOne(t, readString(t, file, Options{PreSharedKey: testKey, MinSecret: least}))
					if k.Kind != PIN || !bytes.Equal(k.Secret, pin) || k.ID != "p" || k.Serial != "1" || k.Hash != "" {
						t.Errorf("%q, %s, %s: %+v", pin, uri, name, k)
					}
				}
			}
		}
		k := &Key{ID: "p", Kind: PIN, Algorithm: pinURI, Secret: pin}
		reread(t, export(t, WriterOptions{}, k), k)
	}
	wantRefused(t, readString(t, container(pskHeader, macXML(), pkg("1", "p", pinURI, data(sealed("Secret", nil, 1)))),
		Options{PreSharedKey: testKey}), "secret of 0 bits")
	wantRefused(t, readString(t, container(pkg("1", "p", pinURI, data(plainSecret(strings.Repeat("1", 1025))))),
		Options{}), "secret of 8200 bits")
}

// The policy of a key keeps what it says of its PIN, and nothing that it does not.
func TestPINPolicy(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]PINPolicy{
		`PINKeyId="p" PINUsageMode="Local" MaxFailedAttempts="3" MinLength="4" MaxLength="8" PINEncoding="DECIMAL"`: {
			KeyID: "p", UsageMode: "Local", MaxFailedAttempts: 3, MinLength: 4, MaxLength: 8, Encoding: "DECIMAL"},
		`PINUsageMode="Prepend" PINEncoding="HEXADECIMAL"`: {UsageMode: "Prepend", Encoding: "HEXADECIMAL"},
		`PINUsageMode="Append" PINEncoding="ALPHANUMERIC"`: {UsageMode: "Append", Encoding: "ALPHANUMERIC"},
		`PINUsageMode="Algorithmic" PINEncoding="BINARY"`:  {UsageMode: "Algorithmic", Encoding: "BINARY"},
		`PINKeyId="a &amp; b" MaxLength="16"`:              {KeyID: "a & b", MaxLength: 16},
		``:                                                 {},
	} {
		k := wantOne(t, readString(t, plainFile(data(plainSecret(seed))+"<Policy><PINPolicy "+text+"/></Policy>"),
			Options{}))
		if k.Policy.PIN == nil || *k.Policy.PIN != want {
			t.Errorf("%s: %+v", text, k.Policy.PIN)
		}
	}
	if k := wantOne(t, readString(t, plainFile(data(plainSecret(seed))+"<Policy><KeyUsage>OTP</KeyUsage></Policy>"),
		Options{})); k.Policy.PIN != nil {
		t.Error("a PIN policy from nowhere")
	}
}
