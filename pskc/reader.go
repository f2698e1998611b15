package pskc

import (
	"errors"
	"fmt"
	"io"
)

// Reader reads the keys of one PSKC file, one after the other. It is not safe
// for concurrent use.
type Reader struct {
	p *parser
}

// Format writes "pskc.Reader" whatever the verb: a Reader holds keys, which
// must not be printed with it.
func (Reader) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "pskc.Reader") }

// NewReader prepares to read a file from r. It reads nothing yet; it fails
// only on options that make no sense.
func NewReader(r io.Reader, opt Options) (*Reader, error) {
	if r == nil {
		return nil, errors.New("pskc: no input")
	}
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Reader{p: newParser(r, opt)}, nil
}

// Next gives the next key. A [*KeyError] refuses this one key and reading may
// go on; io.EOF marks the proper end of the document; any other error is
// final and comes again if asked again.
func (r *Reader) Next() (*Key, error) { return r.p.next() }

// Header tells what the container says of itself. It is filled by the first
// call of [Reader.Next], also if that call fails for want of a key; the
// signature stands at the end of a file, so SignaturePresent is final only
// after io.EOF.
func (r *Reader) Header() Header { return r.p.hdr }

// Header is what the container says of the file as a whole.
type Header struct {
	Namespace string // that of RFC 6030 or of an older draft; "" for none
	Version   string // as written, such as "1.0"
	ID        string // Id attribute, if any

	// Encrypted: the container names an encryption key or an encrypted value
	// was met.
	Encrypted bool
	// NeedsPassphrase: the key is derived from a passphrase. NeedsPrivateKey:
	// a key or value is encrypted with RSA. If neither, an encrypted file
	// needs a pre-shared key.
	NeedsPassphrase bool
	NeedsPrivateKey bool
	// KeyName is the name of the pre-shared key or passphrase, if any.
	KeyName string
	// Cipher is the URI by which the MAC key, else the first encrypted value,
	// is encrypted.
	Cipher string
	// Derivation, Iterations and PRF are the PBKDF2 parameters as written; an
	// empty PRF means HMAC-SHA1.
	Derivation string
	Iterations int
	PRF        string
	// MAC is the URI of the MAC algorithm, "" if the file declares none.
	MAC string
	// FileMAC: the file ends with a MAC over all of it, and io.EOF says that it
	// is as it was written. This is known with the first key, and final after
	// io.EOF: see [Options.AllowPart].
	FileMAC bool
	// SignaturePresent: the file holds an XML signature. It is not verified
	// here; see package xmlsig.
	SignaturePresent bool
}
