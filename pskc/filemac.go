package pskc

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"io"
)

// The MACs of RFC 6030 protect each value alone. A file of a Writer ends with
// one over all of it; docs/pskc-record.md has the format.

// ownSpace is the namespace of what a file has beside RFC 6030. At the end of a
// MAC key it says that the file must end with a MAC over all of it: nobody can
// take that away, because no value would verify any more.
const ownSpace = "urn:ostiary:pskc:record:1"

// The file from its last element on; between the two stands the MAC over all up
// to there.
const (
	fileMACHead = "<Extensions><os:FileMAC>"
	fileMACTail = "</os:FileMAC></Extensions>\n</KeyContainer>\n"
)

// submac is HMAC-SHA-256 under a key made from the MAC key for one purpose, so
// that no MAC for one is good for another.
func submac(macKey []byte, purpose string) hash.Hash {
	m := hmac.New(sha256.New, macKey)
	m.Write([]byte(purpose))
	key := m.Sum(nil)
	defer clear(key)
	return hmac.New(sha256.New, key)
}

// The purposes.
const (
	recordPurpose = "record"
	filePurpose   = "file"
)

// appendFileEnd appends what ends a file of which sum is the SHA-256 up to there.
func appendFileEnd(b []byte, mac hash.Hash, sum []byte) []byte {
	mac.Write(sum)
	b = base64.StdEncoding.AppendEncode(b, mac.Sum(nil))
	return append(b, fileMACTail...)
}

// announced looks whether the MAC key announces a MAC over the file. If not,
// there is no need to go on hashing it.
func (p *parser) announced(macKey []byte) {
	if !bytes.HasSuffix(macKey, []byte(ownSpace)) {
		p.sum, p.s.tap = nil, nil
		return
	}
	p.cry.record, p.cry.file = submac(macKey, recordPurpose), submac(macKey, filePurpose)
}

// fileMAC is at the text of FileMAC. io.EOF says that it is right.
func (p *parser) fileMAC(local string) error {
	if local != "FileMAC" {
		return p.unknownOwn(local)
	}
	if p.enc.macKeySeen && !p.cry.ready { // no value has asked for the MAC key
		if err := p.setup(ciphers[wordOf(p.cipherURI(&p.enc.macKey))]); err != nil {
			return err
		}
	}
	right, err := p.endsRight()
	switch {
	case err != nil:
		return err
	case right:
		p.hdr.FileMAC = true
		return io.EOF
	case p.enc.macKeySeen && !p.cry.proven:
		return &fault{kind: ErrWrongKey}
	case p.cry.file == nil:
		return p.fatal(ErrAltered, "a MAC over the whole file, which its MAC key does not announce")
	}
	return p.fatal(ErrAltered, "the file is not as it was written: the MAC over all of it does not verify")
}

// endsRight compares what is left of the file with what must be. All of it is
// known to the byte, so nothing of it is parsed.
func (p *parser) endsRight() (bool, error) {
	if p.cry.file == nil || p.s.selfEnd {
		return false, nil
	}
	p.s.give(p.s.pos)
	want := appendFileEnd(nil, p.cry.file, p.sum.Sum(nil))
	rest, err := p.s.rest(len(want) + 1)
	return hmac.Equal(rest, want), err
}

// fileMACMissing is the answer to a file that ends without the MAC it announced.
func (p *parser) fileMACMissing() error {
	if p.cry.file == nil {
		return nil
	}
	if !p.opt.AllowPart {
		return p.fatal(ErrAltered, "the MAC over the whole file is missing, and keys may be missing with it (option "+
			"AllowPart reads it anyway)")
	}
	p.hdr.FileMAC = false
	return nil
}
