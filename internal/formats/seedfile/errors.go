package seedfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"ostiary/pskc"
)

// The conditions a caller may branch on with [errors.Is].
var (
	// ErrUnknown: the content is none that this package recognises.
	ErrUnknown = errors.New("the format of the file is not known")

	// ErrPSKC: the file is PSKC; package pskc reads it.
	ErrPSKC = errors.New("the file is PSKC")

	// ErrUnreadable: the file is recognised and cannot be read, for instance
	// because it is encrypted. [Error.Hint] says what to ask for.
	ErrUnreadable = errors.New("the file cannot be read")

	// ErrMalformed: the file is cut off, damaged, or not what its format
	// demands.
	ErrMalformed = errors.New("the file is damaged or malformed")

	// ErrLimit: the file is larger than [MaxBytes], or has more entries than
	// [MaxKeys].
	ErrLimit = errors.New("the file is too large")

	// ErrEncoding: how the secrets are written cannot be told; Options.Encoding
	// must say.
	ErrEncoding = errors.New("the encoding of the secrets cannot be determined")

	// ErrProduct: a DualShield file is for a product that is not known;
	// Options.Products must say what it is. The error is a [*ProductError].
	ErrProduct = errors.New("the product is not known")

	// ErrAssignments: the file is a list of assignments without secrets;
	// [ReadAssignments] reads it.
	ErrAssignments = errors.New("the file assigns tokens to users and contains no secrets")

	// ErrOptions: the options make no sense for this file.
	ErrOptions = errors.New("the options do not match the file")
)

// Error says why a file was refused as a whole. It never holds key material.
type Error struct {
	Err    error  // one of the sentinels above
	Format Format // "" if it was not recognised
	Line   int    // 0: not tied to a line
	Text   string // what a person should read, lower case
	Hint   string // what to do next, as sentences; it may be empty
}

// Error is one line without the hint.
func (e *Error) Error() string {
	s := e.Text
	if s == "" {
		s = e.Err.Error()
	}
	if e.Line > 0 {
		s = fmt.Sprintf("line %d: %s", e.Line, s)
	}
	return s
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// ProductError asks what the product of a DualShield file is.
type ProductError struct{ Product ProductCode }

// Error names the product.
func (e *ProductError) Error() string {
	return fmt.Sprintf("the product %s of manufacturer %s is not known: say whether its tokens are event-based "+
		"or time-based",
		quote(e.Product.Product), quote(e.Product.Manufacturer))
}

// Unwrap returns ErrProduct.
func (e *ProductError) Unwrap() error { return ErrProduct }

// malformed is an ErrMalformed with a place and a reason.
func malformed(line int, format string, args ...any) *Error {
	return &Error{Err: ErrMalformed, Line: line, Text: fmt.Sprintf(format, args...)}
}

// refuse is the KeyError of one entry.
func refuse(line int, serial, format string, args ...any) *pskc.KeyError {
	return &pskc.KeyError{Line: line, Serial: serial, Reason: fmt.Sprintf(format, args...)}
}

// clipLen bounds what an error repeats from the file.
const clipLen = 60

// quote renders a name from the file for a message, short and on one line.
func quote(s string) string {
	if len(s) > clipLen {
		s = strings.ToValidUTF8(s[:clipLen], "") + "…"
	}
	return strconv.Quote(s)
}
