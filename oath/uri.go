package oath

import (
	"encoding/base32"
	"strconv"
)

// The two types of key URI.
const (
	TypeHOTP = "hotp"
	TypeTOTP = "totp"
)

// What a key URI may hold at most. A URI at the limit still fits a QR code; one
// beyond it is no honest provisioning.
const (
	MaxURI    = 2048 // bytes of the whole URI
	maxLabel  = 256  // bytes of an issuer and of an account name, decoded
	maxSecret = 128  // bytes of a secret, decoded: the block of SHA-512

	defaultDigits = 6
	defaultPeriod = 30
)

// URI is the content of a key URI, otpauth://…, the form in which a QR code hands
// a HOTP or TOTP key to an authenticator. ParseURI reads one, Encode writes one.
//
// A URI prints without its secret: the field is a Secret, and there is no String
// method. It is written down by Encode only.
type URI struct {
	// Type is TypeHOTP or TypeTOTP.
	Type string
	// Issuer is the organisation that gave out the key; it may be empty. Account
	// is the name of the account there and may not. Each is at most 256 bytes of
	// valid UTF-8 without a colon, control characters, line separators, marks
	// that turn the direction of the text around, and space at either end.
	Issuer, Account string
	// Secret is the key, 1 to 128 bytes.
	Secret Secret
	// Hash is the hash function; ParseURI sets SHA1 where the URI is silent.
	Hash Hash
	// Digits is the length of a code, 6 to 10; ParseURI sets 6 where the URI is
	// silent.
	Digits int
	// Period is the length of a time step in seconds, at least 1, and 0 with
	// TypeHOTP; ParseURI sets 30 where the URI is silent.
	Period int64
	// Counter is the counter of the next code, and 0 with TypeTOTP.
	Counter uint64
}

// Encode writes the key URI, which contains the secret in clear. All parameters
// are spelled out, and names are percent-encoded as UTF-8 except for unreserved
// characters and '@' (RFC 3986 section 2.3), so that a plus sign or a space cannot
// be misread. ParseURI gives back what was encoded. A field out of range is an
// *URIError, and so is a result longer than MaxURI.
func (u URI) Encode() (string, error) {
	if err := u.check(); err != nil {
		return "", err
	}
	b := make([]byte, 0, 256)
	b = append(b, scheme...)
	b = append(b, u.Type...)
	b = append(b, '/')
	if u.Issuer != "" {
		b = appendEscaped(b, u.Issuer)
		b = append(b, ':')
	}
	b = appendEscaped(b, u.Account)
	b = append(b, "?secret="...)
	b = base32.StdEncoding.WithPadding(base32.NoPadding).AppendEncode(b, u.Secret.Bytes())
	if u.Issuer != "" {
		b = append(b, "&issuer="...)
		b = appendEscaped(b, u.Issuer)
	}
	b = append(b, "&algorithm="...)
	b = append(b, u.Hash.String()...)
	b = append(b, "&digits="...)
	b = strconv.AppendInt(b, int64(u.Digits), 10)
	if u.Type == TypeTOTP {
		b = append(b, "&period="...)
		b = strconv.AppendInt(b, u.Period, 10)
	} else {
		b = append(b, "&counter="...)
		b = strconv.AppendUint(b, u.Counter, 10)
	}
	if len(b) > MaxURI {
		clear(b)
		return "", &URIError{Reason: "too long"}
	}
	return string(b), nil
}

// check refuses a URI that has a field out of range.
func (u URI) check() error {
	if u.Type != TypeHOTP && u.Type != TypeTOTP {
		return &URIError{Reason: "type must be hotp or totp"}
	}
	if reason := checkName(u.Issuer); reason != "" {
		return &URIError{"issuer", reason}
	}
	if u.Account == "" {
		return &URIError{Reason: "no account name"}
	}
	if reason := checkName(u.Account); reason != "" {
		return &URIError{Reason: "account name: " + reason}
	}
	if n := len(u.Secret.Bytes()); n == 0 || n > maxSecret {
		return &URIError{"secret", "must be 1 to 128 bytes"}
	}
	if u.Hash.Size() == 0 {
		return &URIError{"algorithm", "must be SHA1, SHA256 or SHA512"}
	}
	if u.Digits < minDigits || u.Digits > maxDigits {
		return &URIError{"digits", "must be 6 to 10"}
	}
	if u.Type == TypeTOTP {
		if u.Period < 1 {
			return &URIError{"period", "must be at least 1"}
		}
		if u.Counter != 0 {
			return &URIError{"counter", "not in a totp URI"}
		}
	} else if u.Period != 0 {
		return &URIError{"period", "not in a hotp URI"}
	}
	return nil
}

// URIError says what is wrong with a key URI. It never holds a piece of the URI
// but the name of a parameter, and errors.Is finds ErrURI in it.
type URIError struct {
	// Param is the parameter's name; empty if it is not about one, or if the URI
	// has something that does not look like a name in its place.
	Param string
	// Reason is a constant text.
	Reason string
}

// Error returns the message in one line.
func (e *URIError) Error() string {
	if e.Param == "" {
		return ErrURI.Error() + ": " + e.Reason
	}
	return ErrURI.Error() + ": parameter " + e.Param + ": " + e.Reason
}

// Unwrap returns ErrURI.
func (e *URIError) Unwrap() error { return ErrURI }
