package pskc

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
)

// How often PBKDF2 runs: what a Writer does unless told otherwise, and the
// least that it does. The default is what OWASP's Password Storage Cheat Sheet
// gives for HMAC-SHA-256.
const (
	DefaultIterations = 600_000
	MinIterations     = 100_000
)

// WriterOptions say how a [Writer] protects what it writes.
type WriterOptions struct {
	// Passphrase is the text, in UTF-8, from which PBKDF2 makes the key of the
	// file.
	Passphrase Secret

	// Iterations of PBKDF2: from [MinIterations] to [MaxIterations]; 0 means
	// [DefaultIterations].
	Iterations int

	// Rand is where salt, keys and initialisation vectors come from; nil means
	// [rand.Reader]. Anything else is for tests.
	Rand io.Reader `json:"-" xml:"-"`

	// Unprotected writes secrets in plain and no MAC, and takes no Passphrase:
	// whoever sees the file has the keys, whoever handles it can change them.
	// It is for tests, and for programs that read nothing else. Records are not
	// written so.
	Unprotected bool
}

func (o WriterOptions) withDefaults() (WriterOptions, error) {
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Unprotected {
		if len(o.Passphrase) > 0 {
			return o, errors.New("pskc: option Unprotected with a Passphrase, which it would not use")
		}
		return o, nil
	}
	if o.Iterations == 0 {
		o.Iterations = DefaultIterations
	}
	switch {
	case len(o.Passphrase) == 0:
		return o, errors.New("pskc: option Passphrase is empty")
	case o.Iterations < MinIterations || o.Iterations > MaxIterations:
		return o, fmt.Errorf("pskc: option Iterations is not between %d and %d", MinIterations, MaxIterations)
	}
	return o, nil
}

// Sizes of what a Writer makes, in bytes.
const (
	saltSize   = 16
	keySize    = 32 // AES-256
	macKeySize = sha256.Size
)

// The names of what a Writer uses. PBKDF2 and its parameters are written as in
// figure 7 of RFC 6030, with the children in no namespace.
const (
	pskcSpace     = "urn:ietf:params:xml:ns:keyprov:pskc"
	xencSpace     = "http://www.w3.org/2001/04/xmlenc#"
	xenc11Space   = "http://www.w3.org/2009/xmlenc11#"
	pkcs5Space    = "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#"
	pbkdf2URI     = pkcs5Space + "pbkdf2"
	aes256URI     = xencSpace + "aes256-cbc"
	hmacSHA256URI = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"
)

// flushSize is how much is gathered before it is written.
const flushSize = 32 << 10

// Writer writes a key file. It is not safe for concurrent use.
//
// Secrets are under AES-256 in CBC mode, each with an HMAC-SHA-256 over IV and
// ciphertext, under keys that PBKDF2 with HMAC-SHA-256 makes from the passphrase;
// numbers are plain, because many programs read no others. The file ends with a
// MAC over all of it, which a [Reader] checks.
type Writer struct {
	out   io.Writer
	rand  io.Reader
	buf   []byte // not yet written
	begun bool   // something was written
	err   error  // final, once set

	block  cipher.Block // nil in an unprotected file
	mac    hash.Hash    // of secrets
	record hash.Hash    // of records
	file   hash.Hash    // of the SHA-256 of the file
	sum    hash.Hash    // which is this
	summed int          // buf[:summed] is in it
	work   []byte       // the value being encrypted
	text   []byte       // of the record being written
}

// Format writes "pskc.Writer" whatever the verb: a Writer holds keys, which
// must not be printed with it.
func (Writer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "pskc.Writer") }

// NewWriter prepares to write a file to w and derives its keys, which takes as
// long as the iterations do. Nothing is written yet. It fails on options that make
// no sense, and when Rand does.
func NewWriter(w io.Writer, opt WriterOptions) (*Writer, error) {
	if w == nil {
		return nil, errors.New("pskc: no output")
	}
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	return newWriter(w, opt)
}

func newWriter(out io.Writer, opt WriterOptions) (*Writer, error) {
	w := &Writer{out: out, rand: opt.Rand}
	w.add(`<?xml version="1.0" encoding="UTF-8"?>`, "\n", `<KeyContainer Version="1.0" xmlns="`, pskcSpace, `"`)
	if opt.Unprotected {
		w.add(">\n")
		return w, nil
	}
	if err := w.protect(opt); err != nil {
		return nil, err
	}
	return w, nil
}

// protect makes the keys of the file and writes down how.
func (w *Writer) protect(opt WriterOptions) error {
	salt, macKey := make([]byte, saltSize), make([]byte, macKeySize+len(ownSpace))
	copy(macKey[macKeySize:], ownSpace)
	defer clear(macKey)
	for _, b := range [][]byte{salt, macKey[:macKeySize]} {
		if _, err := io.ReadFull(w.rand, b); err != nil {
			return fmt.Errorf("pskc: random bytes: %w", err)
		}
	}
	key, err := pbkdf2.Key(sha256.New, string(opt.Passphrase), salt, opt.Iterations, keySize)
	if err != nil {
		return fmt.Errorf("pskc: PBKDF2: %w", err)
	}
	defer clear(key)
	if w.block, err = aes.NewCipher(key); err != nil {
		return fmt.Errorf("pskc: %w", err)
	}
	w.mac, w.sum = hmac.New(sha256.New, macKey), sha256.New()
	w.record, w.file = submac(macKey, recordPurpose), submac(macKey, filePurpose)
	sealed, err := w.encrypt(macKey)
	if err != nil {
		return err
	}
	w.add(` xmlns:xenc="`, xencSpace, `" xmlns:xenc11="`, xenc11Space, `" xmlns:pkcs5="`, pkcs5Space, `" xmlns:os="`, ownSpace, "\">\n",
		`<EncryptionKey><xenc11:DerivedKey><xenc11:KeyDerivationMethod Algorithm="`, pbkdf2URI, `"><pkcs5:PBKDF2-params xmlns="">`, "\n",
		"<Salt><Specified>", base64.StdEncoding.EncodeToString(salt), "</Specified></Salt><IterationCount>",
		strconv.Itoa(opt.Iterations),
		"</IterationCount><KeyLength>", strconv.Itoa(keySize), `</KeyLength><PRF Algorithm="`, hmacSHA256URI, `"/>`, "\n",
		"</pkcs5:PBKDF2-params></xenc11:KeyDerivationMethod></xenc11:DerivedKey></EncryptionKey>\n",
		`<MACMethod Algorithm="`, hmacSHA256URI, `"><MACKey>`)
	w.addCipher(sealed)
	w.add("</MACKey></MACMethod>\n")
	return nil
}

// Write writes one key in a KeyPackage of its own. A [*KeyError] says that a
// [Reader] would not read this key, or would read it differently; then nothing of
// it is written, and the next key may be. Any other error is final and comes again.
//
// Of Algorithm, Kind, Suite and Hash, what follows from the others may be missing.
// A number without its Has field must be 0. Line is not written.
func (w *Writer) Write(k *Key) error {
	if w.err != nil {
		return w.err
	}
	c, why := writable(k)
	if why.text == "" && len(k.Record) > 0 && w.block == nil {
		why = against(nil, "its record cannot be written without protection")
	}
	if why.text != "" {
		return &KeyError{ID: k.ID, Serial: k.Serial, Manufacturer: k.Manufacturer, Reason: why.text, Err: why.kind}
	}
	w.begun = true
	if w.err = w.addPackage(&c); w.err == nil && len(w.buf) >= flushSize {
		w.err = w.flush()
	}
	if w.err != nil {
		w.wipe()
	}
	return w.err
}

// Close writes the end of the file and wipes the keys. It does not close what
// it writes to. Without it, or after an error, what was written is no file, and no
// Reader takes it for one. A file without any key is an error, and nothing is written.
func (w *Writer) Close() error {
	if w.err == nil && !w.begun {
		w.err = errors.New("pskc: no key was written: a file without keys is not allowed")
	}
	if w.err == nil {
		w.addEnd()
		w.err = w.flush()
	}
	err := w.err
	if err == nil {
		w.err = errors.New("pskc: the file is closed")
	}
	w.wipe()
	return err
}

// addEnd adds the MAC over the file, and the end.
func (w *Writer) addEnd() {
	if w.block == nil {
		w.add("</KeyContainer>\n")
		return
	}
	w.add(fileMACHead)
	w.digest()
	w.buf = appendFileEnd(w.buf, w.file, w.sum.Sum(nil))
}

// digest takes what is new in buf into the hash of the file.
func (w *Writer) digest() {
	if w.sum != nil {
		w.sum.Write(w.buf[w.summed:])
		w.summed = len(w.buf)
	}
}

// wipe clears what it can reach of keys and secrets.
func (w *Writer) wipe() {
	clear(w.buf[:cap(w.buf)])
	clear(w.text[:cap(w.text)])
	w.buf, w.block, w.mac, w.record, w.file = w.buf[:0], nil, nil, nil, nil
}

func (w *Writer) flush() error {
	w.digest()
	n, err := w.out.Write(w.buf)
	if err == nil && n < len(w.buf) {
		err = io.ErrShortWrite
	}
	w.buf, w.summed = w.buf[:0], 0
	if err != nil {
		return fmt.Errorf("pskc: write: %w", err)
	}
	return nil
}

// encrypt gives IV and ciphertext of a value, valid until the next.
func (w *Writer) encrypt(plain []byte) ([]byte, error) {
	const size = aes.BlockSize
	pad := size - len(plain)%size
	b := slices.Grow(w.work[:0], len(plain)+2*size)[:size] // so that no copy of plain is left behind
	if _, err := io.ReadFull(w.rand, b); err != nil {
		return nil, fmt.Errorf("pskc: random bytes: %w", err)
	}
	b = append(b, plain...)
	for range pad {
		b = append(b, byte(pad))
	}
	cipher.NewCBCEncrypter(w.block, b[:size]).CryptBlocks(b[size:], b[size:])
	w.work = b
	return b, nil
}
