package pskc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// The conditions a caller may branch on with [errors.Is]. Inside a [*KeyError]
// they concern that key alone; otherwise they are final.
var (
	// ErrNotPSKC: the input is empty, is not XML, or its outermost element is
	// not a PSKC KeyContainer.
	ErrNotPSKC = errors.New("not a PSKC file")

	// ErrMalformed: the file is cut off, is not well-formed XML, or breaks the
	// structure of RFC 6030.
	ErrMalformed = errors.New("damaged or malformed PSKC")

	// ErrUnsupported: the file, or one key, uses something that this package
	// knows of but does not read. The message names it.
	ErrUnsupported = errors.New("not supported")

	// ErrLimit: a size exceeds [Limits].
	ErrLimit = errors.New("limit exceeded")

	// ErrKeyNeeded: the file is encrypted and the key it asks for was not
	// given. [Header.NeedsPassphrase], [Header.NeedsPrivateKey] and
	// [Header.KeyName] tell which it is.
	ErrKeyNeeded = errors.New("the file is encrypted")

	// ErrKeyLength: the pre-shared key does not have the size that the
	// cipher of the file takes.
	ErrKeyLength = errors.New("the pre-shared key has the wrong length")

	// ErrWrongKey: nothing in the file verified under the given key. Whether
	// the key is wrong or the file was altered cannot be told apart, and the
	// same error answers a failed MAC and failed padding.
	ErrWrongKey = errors.New("the pre-shared key or passphrase does not fit this file, or the file was altered")

	// ErrNoMAC: the file is encrypted without a MAC, or with one that leaves
	// something open, so anyone on its way could have changed it; see
	// [Options.AllowUnauthenticated].
	ErrNoMAC = errors.New("the file is encrypted without a MAC")

	// ErrAltered: a MAC of this key does not verify although others in the
	// file did. As a final error: the MAC over the file is missing or wrong.
	ErrAltered = errors.New("altered or damaged")
)

// KeyError says why one key was refused. Reading or writing may go on: the next
// call of [Reader.Next] gives the next key. It never holds key material.
type KeyError struct {
	ID           string // Id attribute of the Key element, if it was read
	Serial       string // SerialNo of its device, if any
	Manufacturer string // Manufacturer of its device, if any
	Line         int    // line of the file where the Key element starts; 0 in writing
	Reason       string // what a person should read, lower case
	Err          error  // the condition it belongs to, or nil
}

// Error names the key as well as it is known, and the reason.
func (e *KeyError) Error() string {
	var b strings.Builder
	b.WriteString("key")
	if e.ID != "" {
		b.WriteString(" " + strconv.Quote(clip(e.ID)))
	}
	if e.Serial != "" {
		b.WriteString(" of serial " + strconv.Quote(clip(e.Serial)))
	}
	if e.Line > 0 {
		fmt.Fprintf(&b, " (line %d)", e.Line)
	}
	return b.String() + ": " + e.Reason
}

// Unwrap returns Err.
func (e *KeyError) Unwrap() error { return e.Err }

// fault is an error inside the package: a condition, a line and a sentence.
type fault struct {
	kind error // one of the sentinels
	line int   // 0: not tied to a place
	text string
}

func (f *fault) Error() string {
	var b strings.Builder
	b.WriteString("pskc: ")
	if f.line > 0 {
		fmt.Fprintf(&b, "line %d: ", f.line)
	}
	b.WriteString(f.kind.Error())
	if f.text != "" {
		b.WriteString(": " + f.text)
	}
	return b.String()
}

func (f *fault) Unwrap() error { return f.kind }

// clipLen bounds what an error message repeats from the file.
const clipLen = 80

// clip shortens a text from the file for a message.
func clip(s string) string {
	if len(s) <= clipLen {
		return s
	}
	return strings.ToValidUTF8(s[:clipLen], "") + "…"
}

// quote renders a text from the file for a message, short and on one line.
func quote(s string) string { return strconv.Quote(clip(s)) }
