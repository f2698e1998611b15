// Package xmlsig verifies the XML signature of a PSKC file, RFC 6030 section 8
// and figure 9, against certificates that the caller has from elsewhere.
//
//	certs, err := xmlsig.ParseCertificates(pem)
//	if err != nil {
//		return err
//	}
//	signed, err := xmlsig.Verify(file, certs)
//	if err != nil {
//		return err
//	}
//	r, err := pskc.NewReader(bytes.NewReader(signed.Content), opt)
//
// # What is proven
//
// [Verified.Content] hashes to the digest of a SignedInfo that the key of one of
// the certificates has signed. These very bytes are what the signer hashed; read
// them, and never the file again. They are the outermost element, without its
// signature and without comments, in canonical form and in UTF-8.
//
// Everything that says how to verify is read from the canonical bytes of
// SignedInfo, the same that the signature is checked over. KeyInfo decides
// nothing: it may be missing, hold a certificate, a bare key or a name. Only the
// message of a refusal repeats whose key the file says it is.
//
// The certificates are pinned. Nobody is asked who issued them, what they are
// for, or whether they have expired, because a file does not become false with
// age; [Verified.Certificate] has the dates. A signature under SHA-1, as RFC 6030
// shows it and pskctool makes it, is accepted and reported in
// [Verified.WeakHash]: whoever could choose a part of what was signed may have
// made two files with one signature.
//
// # What is read
//
// One Signature, as a child of the outermost element, with one Reference to that
// element: with no URI, with the URI "", or with "#" and its Id, which no other
// element may have. The transforms are enveloped-signature and after it at most
// one of Canonical XML 1.0 or 1.1 or Exclusive XML Canonicalization 1.0, each with
// or without comments. Digests are SHA-1, SHA-256, SHA-384 and SHA-512, and
// signatures those of RSA (PKCS #1 1.5) and ECDSA with these hashes. Files are in
// UTF-8 or UTF-16, as package pskc reads them; there is no DTD.
//
// The rest is refused by name: other algorithms and transforms, several
// signatures or references, an Object, a comment or processing instruction in the
// midst of a text, a processing instruction beside the outermost element, the
// prefix #default in a list of inclusive prefixes. So is the Signature of figure 9
// as printed, which stands in the namespace of PSKC; erratum 3418 corrects that.
//
// One kind of sound file is refused as altered, or as XML that programs read
// differently: one with prefixed attributes of two or more namespaces in a tag,
// which the libraries underneath neither sort as Canonical XML demands nor always
// write as they were. No element of PSKC has such attributes.
//
// # Cost
//
// A signature needs the whole file in memory: its text, what was signed of it, and the
// tree of a piece of 256 KiB at a time. Verifying one of 38 MB took 200 MB at most.
// [MaxBytes] bounds the file, and depth, attributes, namespaces and the number of its
// nodes are bounded before a tree is built.
package xmlsig
