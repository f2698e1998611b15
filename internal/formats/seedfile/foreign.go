package seedfile

import (
	"bytes"
	"path"
	"strings"
)

// Formats that are recognised only to be refused by name.
const (
	fEmpty    Format = "empty"
	fPGP      Format = "pgp"
	fAge      Format = "age"
	fPKCS12   Format = "pkcs12"
	fCMS      Format = "cms"
	fPEM      Format = "pem"
	fXLSX     Format = "xlsx"
	fXLS      Format = "xls"
	fZIP      Format = "zip"
	fArchive  Format = "archive"
	fPDF      Format = "pdf"
	fHTML     Format = "html"
	fJSON     Format = "json"
	fDPX      Format = "dpx"
	fSDS      Format = "sds"
	fSafeWord Format = "safeword-dat"
	fPICSV    Format = "privacyidea-csv-later"
	fYubiKSM  Format = "yubikey-ksm"
)

const askPSKC = "Ask the manufacturer for the seeds as PSKC (RFC 6030), with the passphrase or key over another channel."

// foreign says what each is and what to do about it.
var foreign = map[Format]struct{ what, hint string }{
	fEmpty: {"an empty file", "Fetch or copy the file again."},
	fPGP: {"encrypted with PGP", "Decrypt it with the private key it was made for (gpg --decrypt), and import " +
		"the result."},
	fAge: {"encrypted with age", "Decrypt it (age --decrypt), and import the result."},
	fPKCS12: {"a PKCS#12 file with certificates and their keys", "It is not a seed file, but perhaps the key to one. " +
		askPSKC},
	fCMS: {"an encrypted or signed CMS (S/MIME) message", "Decrypt it with the certificate it was made for " +
		"(openssl cms -decrypt), and import the result."},
	fPEM: {"a PEM file with keys or certificates", "It is not a seed file, but perhaps the key to one. " + askPSKC},
	fXLSX: {"an Excel workbook", "Ask for the list as a CSV file and do not open that in Excel: it drops " +
		"leading zeros and rounds long numbers. If there is only the workbook, format its cells as text before saving it " +
		"as CSV (UTF-8)."},
	fXLS: {"an old Excel workbook or Office document", "Ask for the list as a CSV file and do not open that in " +
		"Excel: it drops leading zeros and rounds long numbers."},
	fZIP:     {"a ZIP archive", "Unpack it and import the file inside."},
	fArchive: {"a compressed archive", "Unpack it and import the file inside."},
	fPDF:     {"a PDF document", "It may be the delivery note or the letter with the passphrase. " + askPSKC},
	fHTML:    {"a web page", "The download was probably a sign-in or error page; fetch the file again."},
	fJSON:    {"a JSON file", "Apps export JSON in different formats; export a list of otpauth URIs instead."},
	fDPX: {"a OneSpan (Vasco) DPX file, whose encryption is not public", "Ask the supplier for the OATH tokens " +
		"of the order as PSKC (RFC 6030) or CSV, with the key over another channel. Authenticators that are not OATH " +
		"cannot be imported."},
	fSDS:      {"a HID (ActivIdentity) SDS file", "Ask HID for the same tokens as PSKC (RFC 6030), with its key."},
	fSafeWord: {"a SafeWord record file (.dat)", "Ask for the same tokens as PSKC (RFC 6030) or as XML."},
	fPICSV: {"a list of privacyIDEA in an unknown version", "Export the tokens as PSKC, or as a list of " +
		"version 2."},
	fYubiKSM: {"a Yubico key list for YubiKey OTP (ykksm)", "These are AES keys for Yubico OTP, not OATH. Program a " +
		"slot for OATH-HOTP, and import that log."},
}

// endings names formats whose content has no known mark.
var endings = map[string]Format{
	".dpx": fDPX, ".sds": fSDS, ".dat": fSafeWord, ".p12": fPKCS12, ".pfx": fPKCS12, ".p7m": fCMS,
	".gpg": fPGP, ".pgp": fPGP, ".asc": fPGP, ".xls": fXLS, ".xlsx": fXLSX, ".zip": fZIP, ".7z": fArchive,
	".rar": fArchive,
}

// byEnding is the format that the name of a file suggests, or "".
func byEnding(name string) Format { return endings[strings.ToLower(path.Ext(name))] }

// detectForeign recognises what is no seed file, by its first bytes.
func detectForeign(b []byte) Format {
	text := bytes.TrimLeft(b, " \t\r\n")
	if len(text) == 0 {
		return fEmpty
	}
	for _, m := range []struct {
		prefix string
		format Format
	}{
		{"PK\x03\x04", fZIP}, {"PK\x05\x06", fZIP}, {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", fXLS},
		{"7z\xbc\xaf\x27\x1c", fArchive}, {"\x1f\x8b", fArchive},
		{"Rar!\x1a", fArchive}, {"BZh", fArchive}, {"\xfd7zXZ", fArchive}, {"%PDF", fPDF},
		{"age-encryption.org/", fAge}, {"-----BEGIN AGE", fAge},
		{"-----BEGIN PGP", fPGP}, {"-----BEGIN PKCS7", fCMS}, {"-----BEGIN CMS", fCMS}, {"-----BEGIN ", fPEM},
		{"# ===== SafeWord", fSafeWord},
		{"dn: sccAuthenticatorId=", fSafeWord}, {"# ykksm", fYubiKSM},
	} {
		if bytes.HasPrefix(text, []byte(m.prefix)) {
			if m.format == fZIP && (bytes.Contains(b, []byte("[Content_Types].xml")) ||
				bytes.Contains(b, []byte("xl/"))) {
				return fXLSX
			}
			return m.format
		}
	}
	switch {
	case listVersion(text) > 2:
		return fPICSV
	case isPGP(b):
		return fPGP
	case b[0] == 0x30:
		return detectDER(b)
	}
	return ""
}

// isPGP tells whether a binary file starts with a packet of an encrypted OpenPGP
// message (RFC 9580 sections 4.2, 5.1 and 5.3): a session key for a public key
// or for a passphrase, by its tag and version.
func isPGP(b []byte) bool {
	if len(b) < 8 || b[0]&0x80 == 0 {
		return false
	}
	tag, head := b[0]>>2&0x0f, 2+int(b[0]&3)
	if b[0]&0x40 != 0 {
		tag, head = b[0]&0x3f, 2
		if b[1] >= 192 {
			head = 3
		}
	} else if b[0]&3 > 1 {
		head = 5
	}
	version := b[head]
	return tag == 1 && (version == 3 || version == 6) || tag == 3 && version >= 4 && version <= 6
}

// detectDER tells PKCS#12 and CMS apart, which both are a DER or BER sequence.
func detectDER(b []byte) Format {
	if len(b) < 12 {
		return ""
	}
	head := 2
	if b[1] > 0x80 {
		head += int(b[1] & 0x7f)
	}
	if head > 6 {
		return ""
	}
	switch body := b[head:]; {
	case bytes.HasPrefix(body, []byte{2, 1, 3}):
		return fPKCS12
	case bytes.HasPrefix(body, []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07")),
		bytes.HasPrefix(body, []byte("\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01")):
		return fCMS
	}
	return ""
}
