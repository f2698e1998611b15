package oath

import "crypto/fips140"

// Hash names the hash function under the HMAC. The zero value names none and is
// refused everywhere.
type Hash uint8

// The hash functions of RFC 6238 section 1.2 and RFC 6287 section 6. RFC 4226
// knows SHA1 only; HOTP with the others is common practice.
const (
	SHA1 Hash = iota + 1
	SHA256
	SHA512
)

// ParseHash reads the name of a hash function as token files, provisioning URIs
// and configurations spell it: SHA1, SHA-256, sha512, HMAC-SHA-1, HmacSHA256,
// hmac_sha512. Case, hyphens and underscores do not matter. Anything else is
// ErrHash.
func ParseHash(s string) (Hash, error) {
	const longest = len("HMAC-SHA-512")
	if len(s) > longest {
		return 0, ErrHash
	}
	var buf [longest]byte
	name := buf[:0]
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '-' || c == '_':
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		name = append(name, c)
	}
	switch string(name) {
	case "sha1", "hmacsha1":
		return SHA1, nil
	case "sha256", "hmacsha256":
		return SHA256, nil
	case "sha512", "hmacsha512":
		return SHA512, nil
	}
	return 0, ErrHash
}

// String returns "SHA1", "SHA256" or "SHA512", the spelling of OCRA suites and
// otpauth URIs, and "invalid" for any other value.
func (h Hash) String() string {
	switch h {
	case SHA1:
		return "SHA1"
	case SHA256:
		return "SHA256"
	case SHA512:
		return "SHA512"
	}
	return "invalid"
}

// Size returns the length of the hash and of its HMAC in bytes: 20, 32 or 64, and
// 0 for an invalid Hash. It is also the key length RFC 6238 appendix B uses.
func (h Hash) Size() int {
	switch h {
	case SHA1:
		return 20
	case SHA256:
		return 32
	case SHA512:
		return 64
	}
	return 0
}

// blockSize returns the length of the hash's block in bytes.
func (h Hash) blockSize() int {
	if h == SHA512 {
		return 128
	}
	return 64
}

// check refuses a hash that is unknown, or that the process has promised not to
// use: the FIPS 140-only mode of the standard library knows no SHA-1, and this
// package must not be the way around that.
func (h Hash) check() error {
	if h.Size() == 0 || h == SHA1 && fips140.Enforced() {
		return ErrHash
	}
	return nil
}
