package oath

import "errors"

// The conditions a caller may branch on with errors.Is. No error of this package
// contains a key, a PIN, a code or a part of one.
var (
	// ErrHash means that there is no such hash function, or that it is SHA-1 in the
	// FIPS 140-only mode of the standard library.
	ErrHash = errors.New("unknown or disallowed hash function")
	// ErrDigits means a code length outside 6 to 10 (RFC 4226 section 5.3).
	ErrDigits = errors.New("code length must be 6 to 10 digits")
	// ErrKeyLength means an empty key.
	ErrKeyLength = errors.New("key is empty")
	// ErrTime means a period below one second, or a moment before the first time
	// step (RFC 6238 section 4.2).
	ErrTime = errors.New("time before the first time step, or period below one second")
	// ErrSuite means a text or value that is not an OCRA suite (RFC 6287 section 6),
	// or one without what was asked of it.
	ErrSuite = errors.New("invalid OCRA suite")
	// ErrInput means that an OCRA input the suite needs is missing or malformed, or
	// that one it does not name is set (RFC 6287 section 5.1).
	ErrInput = errors.New("input does not fit the OCRA suite")
	// ErrURI means a text or value that is not a key URI; the error is an *URIError.
	ErrURI = errors.New("invalid otpauth URI")
)

// detail is one of the sentinels above with the reason added. The reason is
// always a constant of this package, never a piece of the input.
type detail struct {
	kind   error
	reason string
}

func (d *detail) Error() string { return d.kind.Error() + ": " + d.reason }
func (d *detail) Unwrap() error { return d.kind }
