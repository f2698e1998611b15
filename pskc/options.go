package pskc

import (
	"crypto"
	"crypto/rsa"
	"errors"
	"fmt"
)

// DefaultMinSecret is the shortest secret taken, in bytes, unless
// [Options.MinSecret] says otherwise: the 128 bits that RFC 4226 section 4
// (R6) demands. Some manufacturers ship 80 bits.
const DefaultMinSecret = 16

// ShortSecret is the shortest secret, in bytes, that anybody should take: the 80 bits
// that many web sites and some manufacturers give out. [Options.MinSecret] takes it.
const ShortSecret = 10

// MaxIterations is the ceiling of PBKDF2 iterations. [Limits.Iterations] can
// lower it, never raise it: the count comes from the file, and one file must
// not buy minutes of computing.
const MaxIterations = 10_000_000

// Options are what a [Reader] needs to know. The zero value reads plain files.
type Options struct {
	// PreSharedKey is the AES key of 16, 24 or 32 bytes that came by another
	// channel. A file that asks for a passphrase does not use it.
	PreSharedKey Secret

	// Passphrase is the text, in UTF-8, from which PBKDF2 makes the key. A
	// file that asks for a pre-shared key does not use it.
	Passphrase Secret

	// PrivateKey is the RSA key of the certificate for which a file is
	// encrypted: an [*rsa.PrivateKey], for which see [ParsePrivateKey], or a
	// key kept in hardware. Where it decrypts by PKCS #1 1.5, only the former
	// does so in constant time.
	PrivateKey crypto.Decrypter `json:"-" xml:"-"`

	// AllowTripleDES reads values under Triple-DES in CBC mode, with two keys
	// or three. Its blocks of 64 bits are outdated; old files have nothing
	// better.
	AllowTripleDES bool

	// AllowPlaintextMAC takes a ValueMAC over the plain text instead of IV and
	// ciphertext. In the namespaces of drafts, where that is the rule, it is
	// taken without this option.
	AllowPlaintextMAC bool

	// AllowUnauthenticated reads what can be forged by whoever handled the
	// file: encrypted values of a file that declares no MAC anywhere, save for
	// AES key wrap, which protects itself; plain secrets in a file that
	// declares encryption; a MAC that leaves out the IV of the file; a
	// ValueDigest for which there is no key, unchecked; and values, not keys,
	// under RSA PKCS #1 1.5, of which the answer also tells whether the
	// padding held. A MAC that the file does declare is checked regardless.
	AllowUnauthenticated bool

	// AllowPart reads a file that has lost the MAC over all of it, such as a
	// part of one. Keys may be missing, twice, in another order, or from another
	// place of the file; each is as it was written, save for what is plain of it.
	AllowPart bool

	// MinSecret is the shortest secret in bytes that is not refused; 0 means
	// [DefaultMinSecret]. It does not bind keys of kind [PIN]; and of a key with a
	// Record [ShortSecret] bytes are enough, for a server has taken it before.
	MinSecret int

	// Limits bound what one file may cost; zero fields mean the defaults.
	Limits Limits
}

// Limits bound the memory and time that one file may cost. A zero field means
// the default. Exceeding one is [ErrLimit]: of the one key for SecretBytes,
// else of the file.
type Limits struct {
	Depth       int   // nesting of elements; default 32
	TextBytes   int   // text of one element; default 64 KiB
	TagBytes    int   // one tag with all its attributes; default 16 KiB
	Attributes  int   // of one tag; default 64
	Keys        int   // in one file; default 1,000,000
	Iterations  int   // of PBKDF2; default and ceiling [MaxIterations]
	SaltBytes   int   // of PBKDF2; default 1024
	SecretBytes int   // of one secret; default 1024
	TotalBytes  int64 // of the file; default no limit
}

// Defaults of [Limits]. Real files come nowhere near them: the deepest element
// of RFC 6030 stands on level 8, the longest text of one is a base64 value of
// some hundred bytes; a record may have some ten thousand.
const (
	defaultDepth       = 32
	defaultTextBytes   = 64 << 10
	defaultTagBytes    = 16 << 10
	defaultAttributes  = 64
	defaultKeys        = 1_000_000
	defaultSaltBytes   = 1024
	defaultSecretBytes = 1024
)

// minRSABits is the shortest RSA key that package crypto/rsa takes.
const minRSABits = 1024

// withDefaults fills the zero fields and refuses what makes no sense.
func (o Options) withDefaults() (Options, error) {
	l := &o.Limits
	for _, f := range []struct {
		name  string
		field *int
		value int
	}{
		{"MinSecret", &o.MinSecret, DefaultMinSecret},
		{"Limits.Depth", &l.Depth, defaultDepth},
		{"Limits.TextBytes", &l.TextBytes, defaultTextBytes},
		{"Limits.TagBytes", &l.TagBytes, defaultTagBytes},
		{"Limits.Attributes", &l.Attributes, defaultAttributes},
		{"Limits.Keys", &l.Keys, defaultKeys},
		{"Limits.Iterations", &l.Iterations, MaxIterations},
		{"Limits.SaltBytes", &l.SaltBytes, defaultSaltBytes},
		{"Limits.SecretBytes", &l.SecretBytes, defaultSecretBytes},
	} {
		if *f.field < 0 {
			return o, fmt.Errorf("pskc: option %s is negative", f.name)
		}
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if l.TotalBytes < 0 {
		return o, errors.New("pskc: option Limits.TotalBytes is negative")
	}
	if o.PrivateKey != nil {
		pub, ok := o.PrivateKey.Public().(*rsa.PublicKey)
		if !ok || pub.N == nil || pub.N.BitLen() < minRSABits {
			return o, fmt.Errorf("pskc: option PrivateKey is not an RSA key of at least %d bits", minRSABits)
		}
	}
	l.Iterations = min(l.Iterations, MaxIterations)
	return o, nil
}
