// Package pskc reads and writes the key files that come with hardware tokens:
// Portable Symmetric Key Containers, RFC 6030.
//
//	r, err := pskc.NewReader(file, pskc.Options{Passphrase: pass})
//	if err != nil {
//		return err
//	}
//	for {
//		key, err := r.Next()
//		if err == io.EOF {
//			break // the proper end of the document
//		}
//		if refused, ok := errors.AsType[*pskc.KeyError](err); ok {
//			report(refused) // this key alone; go on
//			continue
//		}
//		if err != nil {
//			return err // the file; what came before must not be kept
//		}
//		store(key)
//	}
//
// # A key for a key
//
// Every Key element gives exactly one answer of [Reader.Next]: a [Key], or a
// [KeyError] with the reason, so that an import can account for each. A device
// may hold several keys and may stand in several packages of the file: those
// are several Keys with the same serial, told apart by IssueNo, ID and
// Algorithm. A KeyPackage without a Key is a KeyError as well.
//
// Keys are given as they are read; memory does not grow with the file. The
// price is that a file may turn out broken after keys were delivered. Only
// io.EOF says that the document was whole: keep nothing before it.
//
// # What is read
//
// RFC 6030 and the drafts before it, in UTF-8, UTF-16 or a
// single-byte encoding that they declare, under any prefix or
// none: the namespaces urn:ietf:params:xml:ns:keyprov:pskc, …:pskc:1.0,
// …:container, …:container:1.0, and those of OATH of 2006/08 and 2006/10.
//
//   - plain values; AES in CBC mode and AES key wrap (RFC 3394, RFC 5649);
//     Triple-DES in CBC mode with [Options.AllowTripleDES];
//   - under a pre-shared key; under a passphrase by PBKDF2 with HMAC-SHA1,
//     -SHA224, -SHA256, -SHA384 or -SHA512, its parameters in any of the
//     namespaces that files use, or in the PBE form of drafts; for an RSA key,
//     by PKCS #1 1.5 or OAEP, with [Options.PrivateKey]; or under a key of the
//     file that one of these encrypts (EncryptedKey);
//   - ValueMAC by HMAC with the same hashes, over IV and ciphertext, or over the
//     plain text in drafts and with [Options.AllowPlaintextMAC]; its key in
//     MACKey, else that of the values;
//   - one IV for the whole file;
//   - Secret, Counter, Time, TimeInterval and TimeDrift, plain or encrypted,
//     numbers as decimal text, in drafts also as base64 of decimal text or of a
//     big-endian word, to the full 64 bits;
//   - device, module, policy, and formats of challenge and response.
//
// What is known and not read is refused by name, mostly with [ErrUnsupported]:
// AES-GCM, Camellia, key wrap by Triple-DES, a MAC without its method or with
// its key elsewhere, values with a key each, other keys than those of RSA, other
// encodings. Algorithms of other makers, such as the one-time passwords of
// Yubico, are delivered as [Other], for the caller to refuse. An XML signature is
// passed over and reported in [Header.SignaturePresent]; it proves nothing here,
// but package xmlsig verifies it.
//
// # What is written
//
// A [Writer] writes a container in the order of the schema of RFC 6030, one
// KeyPackage for each key, and nothing that a Reader would read differently. What
// a key has is written, also where other programs are narrower: counters above
// those of xs:long, formats without a length. Secrets are encrypted under a
// passphrase and have a MAC; numbers are plain, as there is no form of encrypted
// number that all programs read.
//
// Beside RFC 6030 a file of a Writer has the [Key.Record] of each key, and ends
// with a MAC over all of it: docs/pskc-record.md has the format. Other programs pass
// over both. Of a file that is to end so, a Reader gives io.EOF only if not one bit
// was changed since ([Header.FileMAC]).
//
// [Remainder] copies a file without some of its packages, for what an import left
// over. It needs no key and leaves the rest as it was.
//
// # What missing parts mean
//
// No Suite: SHA-1. No ResponseFormat: 6 decimal digits, see [Key.Digits]. No
// TimeInterval: 30 seconds, see [Key.Period]. No Counter: 0. The Has fields of
// [Key] tell what the file really said. A suite that is not known is refused,
// never taken for SHA-1; so are response encodings other than DECIMAL, and
// check digits, for HOTP, TOTP and OCRA.
//
// A date with slashes, in drafts, has the month first unless that can only be
// a day, and means the beginning of that day. Where a draft has the text of a
// value in Value, it is a ciphertext if the file declares a cipher; only a
// number without a digest is then still plain.
//
// # Trust
//
// The file is hostile until shown otherwise. There is no document type
// declaration and so no entity to expand. Depth, text, tags, attributes, keys,
// salts, secrets and PBKDF2 iterations are bounded by [Limits]. The parser is
// closed: an element or attribute of PSKC that is not known where it stands
// refuses the key, or the file if it is not inside a key. Foreign namespaces
// and Extensions are passed over, save in a Policy, where RFC 6030 demands that
// what is not understood forbids the key.
//
// A MAC is checked before anything is decrypted and compared in constant time;
// only where it is over the plain text the value must be decrypted first, and
// then whatever fails gets one answer. Once a file declares one, every encrypted
// value needs it, and a secret in plain text among encrypted ones is refused. A
// file encrypted without a MAC, save by key wrap, is refused with [ErrNoMAC]
// unless [Options.AllowUnauthenticated] is set; so is a MAC that leaves out the
// IV of the file, which is as good as the first block of each value.
//
// A wrong key, a wrong MAC and wrong padding get the same answer, [ErrWrongKey],
// as long as no value has verified. After that the key is known to be right, and
// a value that does not verify is a KeyError with [ErrAltered]. A key under PKCS
// #1 1.5 is never known to be bad: other bytes, always the same, stand in for it.
//
// Four things the format cannot give, which a caller should know. The MAC
// covers each value by itself: whoever can write the file can exchange the
// protected values of two keys, or drop keys, or change serials and plain
// counters, without a trace, unless the file ends with a MAC over all of it, as
// those of a Writer do. A plain file is not protected at all. A file for an
// RSA key can be made by anybody who has the certificate, MAC and all: only a
// signature says whose it is, for which see package xmlsig. And the passphrase is
// only as good as the iteration count the sender chose, which
// [Header.Iterations] tells.
//
// Errors and printed Keys never hold key material: see [Secret]. Keys derived
// here are wiped at the end of the file.
package pskc
