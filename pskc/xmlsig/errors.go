package xmlsig

import (
	"errors"
	"fmt"

	"ostiary/pskc"
)

// The conditions a caller may branch on with [errors.Is]. The last three are
// those of package pskc. What is not XML at all is [pskc.ErrNotPSKC].
var (
	// ErrUnsigned: there is no signature.
	ErrUnsigned = errors.New("the file is not signed")

	// ErrInvalid: there is a signature, but not of this content: the digest or
	// the signature value does not fit, or it is about another element.
	ErrInvalid = errors.New("the signature does not fit the file")

	// ErrUntrusted: the signature may be sound, but the key is none of the
	// certificates given. A signature that was itself altered, and does not
	// come with one of these certificates, looks the same.
	ErrUntrusted = errors.New("the file is signed by another key than those of the certificates given")

	// ErrCertificate: a certificate is none, is damaged, has a key by which no
	// signature is read, or none was given.
	ErrCertificate = errors.New("no usable certificate")

	// ErrUnsupported: the file is signed in a way that this package does not
	// read. The message names it.
	ErrUnsupported = pskc.ErrUnsupported

	// ErrLimit: the file exceeds [MaxBytes] or another bound.
	ErrLimit = pskc.ErrLimit

	// ErrMalformed: the file is not well-formed XML, or its signature lacks a
	// part.
	ErrMalformed = pskc.ErrMalformed
)

// fail is an error of a condition. It never repeats the text of an element,
// which may be a secret, but for the names of keys.
func fail(kind error, format string, args ...any) error {
	return fmt.Errorf("xmlsig: %w: %s", kind, fmt.Sprintf(format, args...))
}
