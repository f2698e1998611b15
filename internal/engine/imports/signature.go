package imports

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"ostiary/internal/core/fault"
	"ostiary/pskc"
	"ostiary/pskc/xmlsig"
)

// openSigned reads a PSKC file whole, verifies its signature, and opens what was
// signed.
func openSigned(r io.Reader, opt FileOptions) (*File, error) {
	doc, err := io.ReadAll(io.LimitReader(r, xmlsig.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	signed, err := xmlsig.Verify(doc, opt.Signers)
	clear(doc)
	if err != nil {
		return nil, signatureFault(err)
	}
	f, err := openPSKC(bytes.NewReader(signed.Content), opt.PSKC)
	if err != nil {
		return nil, err
	}
	f.signer = signed.Certificate
	f.Notes = append(f.Notes, fmt.Sprintf("The XML signature is valid; it was made by %s (certificate valid until %s).",
		signed.Certificate.Subject, signed.Certificate.NotAfter.UTC().Format(time.DateOnly)))
	if signed.WeakHash {
		f.Notes = append(f.Notes, "The signature uses SHA-1: anyone who could choose a part of the signed content may "+
			"have created two files with the same signature.")
	}
	f.close = func() error {
		clear(signed.Content)
		return nil
	}
	return f, nil
}

// Remarks are the notes, with what is known only when the file was read.
func (f *File) Remarks() []string {
	if f.pskc != nil && f.signer == nil && f.pskc.Header().SignaturePresent {
		return append(f.Notes[:len(f.Notes):len(f.Notes)], "The file has an XML signature, which was not verified: "+
			"give the signer's certificate (--signer-cert-file).")
	}
	return f.Notes
}

// signatureFault words what package xmlsig says of a file.
func signatureFault(err error) error {
	codes := []struct {
		is         error
		code, hint string
	}{
		{xmlsig.ErrUnsigned, "unsigned_file", "Ask the sender for the signed file, or import this one without " +
			"--signer-cert-file if you trust the channel by which it came."},
		{xmlsig.ErrInvalid, "bad_signature", "Ask the sender for the file again."},
		{xmlsig.ErrUntrusted, "foreign_signature", "Ask the sender whose certificate it should be. Do not " +
			"import the file before you know."},
		{xmlsig.ErrCertificate, "signer_certificate", ""},
		{xmlsig.ErrLimit, "file_limit", fmt.Sprintf("A signature needs the whole file in memory, so a signed file "+
			"may have %d MiB.", xmlsig.MaxBytes>>20)},
		{xmlsig.ErrUnsupported, "unsupported_file", ""},
		{xmlsig.ErrMalformed, "malformed_file", "The file is damaged; fetch or copy it again."},
		{pskc.ErrNotPSKC, "not_pskc", "Ostiary reads PSKC files (RFC 6030)."},
	}
	for _, c := range codes {
		if errors.Is(err, c.is) {
			return fault.New(fault.Invalid, c.code, fault.Sentence(trimPackage(err))).WithHint(c.hint).Because(err)
		}
	}
	return err
}

// Signers are certificates of who may have signed a file, from PEM.
func Signers(pem []byte) ([]*x509.Certificate, error) {
	certs, err := xmlsig.ParseCertificates(pem)
	if err != nil {
		return nil, fault.New(fault.Invalid, "signer_certificate", fault.Sentence(trimPackage(err))).Because(err)
	}
	return certs, nil
}
