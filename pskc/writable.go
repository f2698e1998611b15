package pskc

import (
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
)

// algorithmURIs are the names that RFC 6030 and its registry give the kinds.
var algorithmURIs = map[Kind]string{
	HOTP: "urn:ietf:params:xml:ns:keyprov:pskc:hotp",
	TOTP: "urn:ietf:params:xml:ns:keyprov:pskc:totp",
	OCRA: "urn:ietf:params:xml:ns:keyprov:pskc:ocra",
	PIN:  "urn:ietf:params:xml:ns:keyprov:pskc:pin",
}

// writable gives a key as it is to be written, or the reason why a Reader would
// not read the same from it.
func writable(key *Key) (Key, refusal) {
	k := *key
	if k.Algorithm == "" {
		k.Algorithm = algorithmURIs[k.Kind]
	}
	if k.Suite == "" && k.Hash != "" && k.Hash != "SHA1" && (k.Kind == HOTP || k.Kind == TOTP) {
		k.Suite = "HMAC-" + k.Hash
	}
	read := k
	read.Hash = ""
	if why := read.settle(); why.text != "" {
		return k, why
	}
	if k.Kind != "" && k.Kind != read.Kind || k.Hash != "" && k.Hash != read.Hash {
		return k, against(nil, "its Algorithm %s and Suite %s do not mean the Kind %s and Hash %s",
			quote(k.Algorithm), quote(k.Suite), quote(string(k.Kind)), quote(k.Hash))
	}
	for _, check := range []func(*Key) refusal{checkTexts, checkNumbers, checkWords, checkDates} {
		if why := check(&read); why.text != "" {
			return k, why
		}
	}
	// A key without a secret needs a record that says why (see openSecret).
	if n := len(read.Secret); n == 0 && len(read.Record) == 0 || n > defaultSecretBytes {
		return k, against(nil, "a secret of %d bytes: 1 to %d are allowed", n, defaultSecretBytes)
	}
	return read, checkRecord(read.Record, read.Hidden)
}

// checkTexts refuses what XML cannot hold, and what a Reader does not give: it
// trims texts, and turns line breaks into blanks.
func checkTexts(k *Key) refusal {
	pinKeyID := ""
	if k.Policy.PIN != nil {
		pinKeyID = k.Policy.PIN.KeyID
	}
	for _, f := range []struct {
		name, text string
		attribute  bool
	}{
		{"ID", k.ID, true}, {"Algorithm", k.Algorithm, true}, {"PINKeyId", pinKeyID, true},
		{"Manufacturer", k.Manufacturer, false}, {"Serial", k.Serial, false}, {"Model", k.Model, false},
		{"IssueNo", k.IssueNo, false},
		{"DeviceBinding", k.DeviceBinding, false}, {"DeviceUserID", k.DeviceUserID, false},
		{"ModuleID", k.ModuleID, false},
		{"Issuer", k.Issuer, false}, {"FriendlyName", k.FriendlyName, false}, {"KeyUserID", k.KeyUserID, false},
		{"ProfileID", k.ProfileID, false}, {"Reference", k.Reference, false}, {"Suite", k.Suite, false},
	} {
		switch {
		case len(f.text) > maxField:
			return against(ErrLimit, "its %s is longer than %d bytes", f.name, maxField)
		case strings.ContainsFunc(f.text, unicode.IsControl) || !isXMLText(f.text):
			return against(nil, "its %s holds a character that cannot be written", f.name)
		case !f.attribute && strings.Trim(f.text, " ") != f.text:
			return against(nil, "its %s begins or ends with a space", f.name)
		}
	}
	return refusal{}
}

// checkNumbers refuses numbers out of the range that a Reader takes, and those
// that would be lost because their Has field denies them.
func checkNumbers(k *Key) refusal {
	for _, f := range []struct {
		name     string
		has, set bool
	}{
		{"Counter", k.HasCounter, k.Counter != 0}, {"Time", k.HasTime, k.Time != 0},
		{"Interval", k.HasInterval, k.Interval != 0},
		{"Drift", k.HasDrift, k.Drift != 0}, {"Response", k.HasResponse, k.Response != ResponseFormat{}},
		{"Challenge", k.HasChallenge, k.Challenge != ChallengeFormat{}},
		{"Transactions", k.Policy.HasTransactions, k.Policy.Transactions != 0},
	} {
		if f.set && !f.has {
			return against(nil, "its %s is set, but Has%s is not", f.name, f.name)
		}
	}
	if k.Interval > math.MaxInt64 {
		return against(nil, "its Interval does not fit 64 bits")
	}
	numbers := []int{k.Response.Length, k.Challenge.Min, k.Challenge.Max}
	if pin := k.Policy.PIN; pin != nil {
		numbers = append(numbers, pin.MinLength, pin.MaxLength, pin.MaxFailedAttempts)
	}
	for _, n := range numbers {
		if n < 0 || n > maxNumber {
			return against(nil, "a length or count of %d is not between 0 and %d", n, maxNumber)
		}
	}
	return refusal{}
}

// checkWords refuses words that RFC 6030 does not define.
func checkWords(k *Key) refusal {
	type word struct {
		text string
		of   []string
	}
	words := []word{{k.Response.Encoding, encodings}, {k.Challenge.Encoding, encodings}}
	if pin := k.Policy.PIN; pin != nil {
		words = append(words, word{pin.UsageMode, pinUsages}, word{pin.Encoding, encodings})
	}
	for _, f := range words {
		if f.text != "" && !slices.Contains(f.of, f.text) {
			return against(nil, "%s is not a word of RFC 6030 where it stands", quote(f.text))
		}
	}
	for i, usage := range k.Policy.KeyUsage {
		if !slices.Contains(keyUsages, usage) || slices.Contains(k.Policy.KeyUsage[:i], usage) {
			return against(nil, "its KeyUsage %s is not known, or there twice", quote(usage))
		}
	}
	return refusal{}
}

func checkDates(k *Key) refusal {
	for _, t := range []time.Time{k.NotBefore, k.NotAfter} {
		if !hasDate(t) {
			return against(nil, "a date is not in the years 1 to 9999")
		}
	}
	return refusal{}
}
