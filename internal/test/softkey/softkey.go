// Package softkey makes the keys of authenticators in software, which answer for passkeys.
package softkey

import (
	"crypto/ecdsa"
	"crypto/x509"
	"testing"

	"github.com/descope/virtualwebauthn"
)

// New draws a P-256 key for a passkey. virtualwebauthn leaves out the leading zero bytes of
// a coordinate, which RFC 9053, section 7.1.1, demands: the server refuses such a key, one
// of 128. New draws on until there is nothing to leave out.
func New(t *testing.T) virtualwebauthn.Credential {
	t.Helper()
	for {
		c := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
		parsed, err := x509.ParsePKCS8PrivateKey(c.Key.Data)
		if err != nil {
			t.Fatal(err)
		}
		point, err := parsed.(*ecdsa.PrivateKey).PublicKey.Bytes() // 4, X, Y
		if err != nil {
			t.Fatal(err)
		}
		if point[1] != 0 && point[33] != 0 {
			return c
		}
	}
}
