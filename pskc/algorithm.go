package pskc

import "strings"

// algorithmPrefixes are what stands before the word in an Algorithm URI, lower
// case. RFC 6030 registers the first; files have the others, or the bare word.
var algorithmPrefixes = []string{
	"urn:ietf:params:xml:ns:keyprov:pskc:",
	"urn:ietf:params:xml:ns:keyprov:pskc#",
	"http://www.ietf.org/keyprov/pskc#",
	"#",
}

// ocraSuite is how every OCRA suite begins (RFC 6287 section 6).
const ocraSuite = "OCRA-1:"

// kindOf tells the kind from the Algorithm URI, with the OCRA suite if one is
// appended to it.
func kindOf(uri string) (kind Kind, suite string) {
	word := uri
	for _, prefix := range algorithmPrefixes {
		if len(uri) > len(prefix) && strings.EqualFold(uri[:len(prefix)], prefix) {
			word = uri[len(prefix):]
			break
		}
	}
	switch strings.ToLower(word) {
	case "hotp":
		return HOTP, ""
	case "totp":
		return TOTP, ""
	case "ocra":
		return OCRA, ""
	case "pin":
		return PIN, ""
	}
	for _, sep := range []string{"ocra:", "ocra#"} {
		if len(word) > len(sep) && strings.EqualFold(word[:len(sep)], sep) {
			word = word[len(sep):]
			break
		}
	}
	if len(word) > len(ocraSuite) && strings.EqualFold(word[:len(ocraSuite)], ocraSuite) {
		return OCRA, word
	}
	return Other, ""
}

// hashOf resolves the spellings of a hash name: "HMAC-SHA256", "sha256",
// "HmacSHA256", "SHA-256", or a URI that ends in "#hmac-sha256". It gives ""
// for what it does not know: an unknown suite must never pass as SHA-1.
func hashOf(suite string) string {
	if i := strings.LastIndexByte(suite, '#'); i >= 0 {
		suite = suite[i+1:]
	}
	name := strings.ToUpper(strings.NewReplacer("-", "", "_", "", " ", "").Replace(suite))
	switch strings.TrimPrefix(name, "HMAC") {
	case "SHA1":
		return "SHA1"
	case "SHA256":
		return "SHA256"
	case "SHA512":
		return "SHA512"
	}
	return ""
}

// What a device with a numeric display can show. HOTP truncates to 31 bits:
// the tenth digit is the last that says anything, and fewer than six invite
// guessing (RFC 4226 section 5.3). OCRA allows four (RFC 6287 section 6.2).
const (
	minDigits     = 6
	minOCRADigits = 4
	maxDigits     = 10
)

// maxPeriod is the longest TimeInterval taken, in seconds: OCRA steps reach
// 48 hours (RFC 6287 section 6.3). A year is far beyond any device.
const maxPeriod = 366 * 24 * 60 * 60

// settle derives what follows from the algorithm, and gives the reason against a
// key that this algorithm cannot have.
func (k *Key) settle() refusal {
	if k.Algorithm == "" {
		return against(ErrMalformed, "it has no Algorithm")
	}
	var suite string
	k.Kind, suite = kindOf(k.Algorithm)
	switch k.Kind {
	case HOTP, TOTP:
		k.Hash = "SHA1"
		if k.Suite != "" {
			if k.Hash = hashOf(k.Suite); k.Hash == "" {
				return against(ErrUnsupported, "its suite %s is not a known hash", quote(k.Suite))
			}
		}
	case OCRA:
		if why := k.settleOCRA(suite); why.text != "" {
			return why
		}
	default:
		return refusal{}
	}
	return k.checkFormats()
}

func (k *Key) settleOCRA(appended string) refusal {
	if k.Suite == "" {
		k.Suite = appended
	}
	switch {
	case k.Suite == "":
		return against(ErrMalformed, "an OCRA key without a suite")
	case appended != "" && k.Suite != appended:
		return against(ErrMalformed, "it has two different OCRA suites")
	case !strings.HasPrefix(k.Suite, ocraSuite), strings.Count(k.Suite, ":") != 2:
		return against(ErrUnsupported, "its suite %s is not an OCRA suite", quote(k.Suite))
	}
	return refusal{}
}

func (k *Key) checkFormats() refusal {
	r := &k.Response
	if k.HasResponse && r.Encoding != "" && r.Encoding != "DECIMAL" {
		return against(ErrUnsupported, "its responses are encoded as %s: only DECIMAL is supported", r.Encoding)
	}
	if r.CheckDigits || k.Challenge.CheckDigits {
		return against(ErrUnsupported, "check digits (CheckDigits) are not supported")
	}
	least := minDigits
	if k.Kind == OCRA {
		least = minOCRADigits
	}
	if r.Length != 0 && (r.Length < least || r.Length > maxDigits) {
		return against(ErrUnsupported, "its responses have %d digits: %d to %d are supported", r.Length, least,
			maxDigits)
	}
	if k.HasInterval && (k.Interval == 0 || k.Interval > maxPeriod) {
		return against(ErrMalformed, "its TimeInterval is out of range")
	}
	return refusal{}
}
