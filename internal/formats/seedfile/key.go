package seedfile

import (
	"fmt"

	"ostiary/oath"
	"ostiary/pskc"
)

// The names of the algorithms in RFC 6030, which keys of all formats get.
var algorithms = map[pskc.Kind]string{
	pskc.HOTP: "urn:ietf:params:xml:ns:keyprov:pskc:hotp",
	pskc.TOTP: "urn:ietf:params:xml:ns:keyprov:pskc:totp",
}

// silent fills in what the file does not say: what the caller assumes, else the
// default of the format in kind and period, else that of pskc.Key.
func (j *job) silent(k *pskc.Key, kind pskc.Kind, period int) {
	a := j.opt.Assume
	if k.Kind == "" {
		if k.Kind = kind; a.Kind != "" {
			k.Kind = a.Kind
		}
	}
	k.Algorithm = algorithms[k.Kind]
	if k.Hash == "" {
		if k.Hash = oath.SHA1.String(); a.Hash != "" {
			k.Hash = a.Hash
		} else if n := len(k.Secret); n == oath.SHA256.Size() || n == oath.SHA512.Size() {
			j.note("The file does not name a hash and SHA-1 was assumed, but secrets of %d bits suggest another; "+
				"compare the sample code.", n*8)
		}
	}
	if !k.HasResponse && a.Digits != 0 {
		j.setDigits(k, a.Digits)
	}
	if k.Kind == pskc.TOTP && !k.HasInterval {
		if a.Period != 0 {
			period = a.Period
		}
		if period != 0 {
			k.Interval, k.HasInterval = uint64(period), true
		}
	}
	if k.Manufacturer == "" {
		k.Manufacturer = a.Manufacturer
	}
}

func (j *job) setDigits(k *pskc.Key, n int) {
	k.Response, k.HasResponse = pskc.ResponseFormat{Encoding: "DECIMAL", Length: n}, true
}

// badSecret says what is wrong with the length of a secret, or "".
func (j *job) badSecret(n int) string {
	least := j.opt.MinSecret
	if least == 0 {
		least = pskc.DefaultMinSecret
	}
	switch {
	case n < least:
		why := fmt.Sprintf("is shorter than the required %d bits", least*8)
		if n >= pskc.ShortSecret {
			why += " (RFC 4226 section 4, R6; option MinSecret accepts it)"
		}
		return why
	case n > maxSecret:
		return fmt.Sprintf("is longer than %d bits", maxSecret*8)
	}
	return ""
}

// The parameters of codes as files write them. What is wrong is said without
// repeating it, as it may be a secret in the wrong place.

func readDigits(text []byte) (int, string) {
	n, ok := number(text, 10)
	if !ok || n < 6 {
		return 0, "is not a number of digits from 6 to 10"
	}
	return int(n), ""
}

func readPeriod(text []byte) (uint64, string) {
	n, ok := number(text, maxPeriod)
	if !ok || n == 0 {
		return 0, "is not a time step in seconds from 1 to 172800"
	}
	return n, ""
}

func readHash(text []byte) (string, string) {
	h, err := oath.ParseHash(string(text))
	if err != nil {
		return "", "names none of the hashes SHA1, SHA256 and SHA512"
	}
	return h.String(), ""
}

func readCounter(text []byte) (uint64, string) {
	n, ok := number(text, 1<<64-1)
	if !ok {
		return 0, "is not a counter"
	}
	return n, ""
}
